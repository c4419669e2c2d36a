import KeyringProtocol
import Platform

/// The secrets in the desktop's Secret Service, one item per account, found by the account's random id alone.
///
/// One keyring serves every vault of a person: each item says, sealed in its secret, which vault it belongs to, and those of
/// another one are neither moved nor counted.
struct KeyringBackend: SecretsBackend {
    let helper: KeyringHelper
    let vaultId: String
    /// May the service ask the person to unlock?
    let mayAsk: Bool

    func get(_ accountId: String) async throws(VaultError) -> SecretBundle? {
        let answer = try await ask { $0.add(.get, ref: accountId) }
        switch answer.reply.result {
        case .found: return try newest(answer)
        case .absent: return nil
        default: throw VaultError.keyring(answer.reply)
        }
    }

    func put(_ bundle: borrowing SecretBundle) async throws(VaultError) -> SealedState? {
        let secret = bundle.encoded(vaultId: vaultId)
        let id = bundle.facts.accountId
        // Written and read back by one helper: starting one takes longer than both.
        var request = KeyringRequestWriter(unlock: mayAsk)
        request.addPut(ref: id, label: KeyringBackend.label(id), secret: secret)
        request.add(.get, ref: id)
        let answers = await helper.ask(request, mayAskPerson: mayAsk)
        guard let answer = answers.first else {
            throw VaultError(.unavailable, "the keyring helper gave no answer", remedy: VaultError.askDoctor)
        }
        guard answer.reply.result == .done else {
            let failure = VaultError.keyring(answer.reply)
            // A put that was cut off may be stored all the same; after a silence nobody is asked again.
            guard failure.code == .unavailable, let stored = try? await get(id), SecretBundle.equal(stored, bundle) else { throw failure }
            return nil
        }
        guard try await isStored(bundle, answers.dropFirst().first) else { throw VaultError.forgetfulKeyring(for: .vault) }
        return nil
    }

    /// - Parameter answer: what the service gave back; where it gave nothing, it is asked once more.
    private func isStored(_ bundle: borrowing SecretBundle, _ answer: KeyringAnswer?) async throws(VaultError) -> Bool {
        do throws(VaultError) {
            if let answer, answer.reply.result == .found { return SecretBundle.equal(try newest(answer), bundle) }
            guard let stored = try await get(bundle.facts.accountId) else { return false }
            return SecretBundle.equal(stored, bundle)
        } catch {
            if error.code == .corrupt { return false }
            throw error
        }
    }

    func delete(_ accountId: String) async throws(VaultError) -> SealedState? {
        let answer = try await ask { $0.add(.delete, ref: accountId) }
        guard answer.reply.result == .done || answer.reply.result == .absent else { throw VaultError.keyring(answer.reply) }
        return nil
    }

    func getAll() async throws(VaultError) -> [BundleBox] {
        let answer = try await ask { $0.add(.list) }
        guard answer.reply.result == .found else { throw VaultError.keyring(answer.reply) }
        let references = Set(answer.reply.references).filter { !$0.hasPrefix(KeyringOperation.canaryPrefix) }.sorted()
        var request = KeyringRequestWriter(unlock: mayAsk)
        for reference in references { request.add(.get, ref: reference) }
        let answers = await helper.ask(request, mayAskPerson: mayAsk)
        var all: [BundleBox] = []
        for answer in answers {
            // Removed since it was listed.
            if answer.reply.result == .absent { continue }
            guard answer.reply.result == .found else { throw VaultError.keyring(answer.reply) }
            // The identity's item is no bundle.
            if let bundle = try? newest(answer) { all.append(BundleBox(bundle)) }
        }
        guard answers.count == references.count else {
            throw VaultError(.unavailable, "the keyring did not hand out every item", remedy: VaultError.askDoctor)
        }
        return all
    }

    func putAll(_ bundles: [BundleBox]) async throws(VaultError) -> SealedState? {
        var request = KeyringRequestWriter(unlock: mayAsk)
        for box in bundles {
            let id = box.bundle.facts.accountId
            request.addPut(ref: id, label: KeyringBackend.label(id), secret: box.bundle.encoded(vaultId: vaultId))
        }
        let answers = await helper.ask(request, mayAskPerson: mayAsk)
        for answer in answers where answer.reply.result != .done { throw VaultError.keyring(answer.reply) }
        guard answers.count == bundles.count else {
            throw VaultError(.unavailable, "the keyring did not take every item", remedy: VaultError.askDoctor)
        }
        return nil
    }

    /// Removes items by their references; what is not there is no error.
    ///
    /// - Throws: `missing` where there is no Secret Service at all, and so nothing to remove.
    func removeAll(_ references: [String]) async throws(VaultError) {
        guard !references.isEmpty else { return }
        var request = KeyringRequestWriter(unlock: mayAsk)
        for reference in references { request.add(.delete, ref: reference) }
        let answers = await helper.ask(request, mayAskPerson: mayAsk)
        for answer in answers where answer.reply.result != .done && answer.reply.result != .absent {
            if answer.reply.isNobodyThere {
                throw VaultError(.missing, answer.reply.why ?? "there is no Secret Service", remedy: VaultError.askDoctor)
            }
            throw VaultError.keyring(answer.reply)
        }
    }

    func list() async throws(VaultError) -> [BundleFacts] { try await getAll().map { $0.bundle.facts } }

    /// What a keyring program shows; never an e-mail address.
    static func label(_ id: String) -> String { "AI Usage Agent: account \(id.prefix(4))" }

    private func ask(_ add: (inout KeyringRequestWriter) -> Void) async throws(VaultError) -> KeyringAnswer {
        var request = KeyringRequestWriter(unlock: mayAsk)
        add(&request)
        let answers = await helper.ask(request, mayAskPerson: mayAsk)
        guard let answer = answers.first else {
            throw VaultError(.unavailable, "the keyring helper gave no answer", remedy: VaultError.askDoctor)
        }
        return answer
    }

    /// Two items with one reference happen when a put was killed and repeated: the higher generation counts.
    private func newest(_ answer: KeyringAnswer) throws(VaultError) -> SecretBundle {
        var best: SecretBundle?
        var generation = -1
        var isForeign = false
        for index in 0..<answer.reply.secretCount {
            guard let text = answer.reply.secret(at: index), let document = try? JSONDocument(text) else { continue }
            if let owner = document.text(at: "vaultId"), owner != vaultId {
                isForeign = true
                continue
            }
            guard let bundle = try? SecretBundle(document, document.root), bundle.facts.generation > generation
            else { continue }
            generation = bundle.facts.generation
            best = .some(bundle)
        }
        switch consume best {
        case .some(let bundle): return bundle
        case .none:
            if isForeign {
                throw VaultError(
                    .foreign, "the keyring's item of this account belongs to another vault",
                    remedy: "use the vault that it belongs to (XDG_DATA_HOME), or log in again")
            }
            throw VaultError(
                .corrupt, "the keyring's item is no secret bundle of this program",
                remedy: "remove it in your keyring program and log in again")
        }
    }
}
