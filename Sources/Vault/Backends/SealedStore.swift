import Age
import Platform

/// The plaintext of `secrets.age`: `{"mac":…,"body":{…}}` and blanks up to a multiple of 4096 bytes, so that the size of
/// the file tells neither the tokens' lengths nor the number of accounts.
///
/// The body holds vault id, generation, machine binding and one bundle per account. The MAC is computed over the body's
/// exact bytes under a key derived from the identity: whoever only knows the public recipient cannot make one.
struct SealedStore: ~Copyable {
    static let format = "ai-usage-agent/secrets"
    static let version = 1
    static let block = 4096
    private static let purpose = "secrets-1"

    private let document: JSONDocument?
    let generation: Int
    let machine: String

    /// A store without accounts.
    ///
    /// - Parameter generation: of the newest store that was ever seen, so that a new file never looks like an old one.
    init(machine: String, generation: Int) {
        document = nil
        self.generation = generation
        self.machine = machine
    }

    /// Opens a sealed file and checks that it is whole, ours and of this vault.
    ///
    /// - Throws: `foreign` (sealed to or by somebody else, or another vault's), `corrupt` (cut, changed, malformed).
    init(opening file: Span<UInt8>, path: String, vaultId: String, keys: VaultKeys) throws(VaultError) {
        func damaged(_ reason: String) -> VaultError {
            VaultError(
                .corrupt, "\(path): \(reason)", remedy: "restore it from a backup, or move it away and log in again; it was not changed")
        }
        func foreign(_ reason: String) -> VaultError {
            VaultError(.foreign, "\(path) \(reason)", remedy: "put this vault's own file back; it was not changed")
        }
        let plaintext: SecretBytes
        do throws(AgeError) { plaintext = try AgeFile.open(file, identity: keys.identity) } catch {
            if error.failureClass == .noMatch { throw foreign("is sealed to somebody else's identity") }
            throw damaged("not a whole age file (\(error.failureClass.rawValue): \(error.detail))")
        }
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(plaintext) } catch {
            throw foreign("does not hold a vault (\(error.reason)); somebody else sealed it to your public recipient")
        }
        guard let macNode = document.at("mac"), let mac = document.string(macNode), let body = document.at("body"),
            document.isObject(body)
        else { throw foreign("does not hold a vault; somebody else sealed it to your public recipient") }
        let expected = document.withRawText(of: body) { Hex.encode(keys.writerMAC(SealedStore.purpose, $0).span) }
        guard constantTimeEqual(Array(mac.utf8).span, Array(expected.utf8).span) else {
            throw foreign("was not written by this vault: its writer's seal does not fit")
        }
        guard document.text(at: "body", "format") == SealedStore.format, let version = document.integer(at: "body", "version") else {
            throw damaged("not a secrets store")
        }
        guard version <= SealedStore.version else {
            throw VaultError(
                .corrupt, "\(path) has version \(version); this program knows \(SealedStore.version)",
                remedy: "use the newer ai-usage-agent that wrote it; it was not changed")
        }
        guard let id = document.text(at: "body", "vaultId"), let generation = document.integer(at: "body", "generation"),
            let machine = document.text(at: "body", "machine"), let bundles = document.at("body", "bundles"), document.isArray(bundles)
        else { throw damaged("a member of the store is missing") }
        guard id == vaultId else { throw foreign("belongs to another vault") }
        self.document = .some(consume document)
        self.generation = generation
        self.machine = machine
    }

    /// The nodes of the bundles by account id; empty for a new store.
    private func bundles() -> [(id: String, node: JSONDocument.Node)] {
        switch document {
        case .none: return []
        case .some(let document):
            guard let list = document.at("body", "bundles") else { return [] }
            return document.elements(of: list).map { node in
                (document.member("accountId", of: node).flatMap { document.string($0) } ?? "", node)
            }
        }
    }

    func bundle(_ accountId: String) throws(VaultError) -> SecretBundle? {
        switch document {
        case .none: return nil
        case .some(let document):
            guard let found = bundles().first(where: { $0.id == accountId }) else { return nil }
            return try SecretBundle(document, found.node)
        }
    }

    func each(_ body: (borrowing SecretBundle) -> Void) throws(VaultError) {
        switch document {
        case .none: return
        case .some(let document):
            for found in bundles() { body(try SecretBundle(document, found.node)) }
        }
    }

    func facts() throws(VaultError) -> [BundleFacts] {
        switch document {
        case .none: return []
        case .some(let document):
            var all: [BundleFacts] = []
            for bundle in bundles() { all.append(try BundleFacts(document, bundle.node)) }
            return all
        }
    }

    /// A generation of the store, sealed: without some accounts' bundles and with those that `adding` emits as JSON.
    ///
    /// The other bundles are passed on byte for byte, so that what a newer version wrote into them survives.
    func sealed(
        leavingOut accounts: [String], vaultId: String, machine: String, generation: Int, keys: VaultKeys,
        adding: ((Span<UInt8>) -> Void) -> Void
    ) -> Sealed {
        var body = SecretJSONWriter(capacity: 32768)
        body.member("format", .string(SealedStore.format))
        body.member("version", .number(JSONNumber(SealedStore.version)))
        body.member("vaultId", .string(vaultId))
        body.member("generation", .number(JSONNumber(generation)))
        body.member("machine", .string(machine))
        body.beginArray("bundles")
        let leftOut = Set(accounts)
        switch document {
        case .none: break
        case .some(let document):
            for other in bundles() where !leftOut.contains(other.id) {
                document.withRawText(of: other.node) { body.element(raw: $0) }
            }
        }
        adding { body.element(raw: $0) }
        body.endArray()
        let bodyText = body.finish()
        let mac = bodyText.withBytes { Hex.encode(keys.writerMAC(SealedStore.purpose, $0).span) }
        var outer = SecretJSONWriter(capacity: bodyText.count + 128)
        outer.member("mac", .string(mac))
        bodyText.withBytes { outer.member("body", raw: $0) }
        let text = outer.finish()
        var padded = SecretBuffer(capacity: text.count + SealedStore.block)
        padded.append(text)
        padded.pad(to: SealedStore.block, with: UInt8(ascii: " "))
        let plaintext = padded.finish()
        let bytes = plaintext.withBytes { AgeFile.seal($0, to: [keys.recipient]) }
        return Sealed(bytes: bytes, state: SealedState(generation: generation, bytes), plaintext: plaintext)
    }

    /// A generation of the store, ready to be written.
    struct Sealed: ~Copyable {
        let bytes: [UInt8]
        let state: SealedState
        private let plaintext: SecretBytes

        fileprivate init(bytes: [UInt8], state: SealedState, plaintext: consuming SecretBytes) {
            self.bytes = bytes
            self.state = state
            self.plaintext = plaintext
        }

        /// Whether a file opens to exactly what was to be written: the whole way, without taking the plaintext apart.
        func isWhole(in file: borrowing SecretBytes, _ identity: borrowing AgeIdentity) -> Bool {
            file.withBytes { file in
                guard let opened = try? AgeFile.open(file, identity: identity) else { return false }
                return SecretBytes.equal(opened, plaintext)
            }
        }
    }
}
