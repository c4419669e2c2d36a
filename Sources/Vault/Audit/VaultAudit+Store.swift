import Age
import KeyringProtocol
import Platform

extension VaultAudit {
    /// What is sealed, as far as the key lies open; the passphrase is not asked for.
    mutating func checkIdentityAndStore(_ record: VaultRecord, _ metadata: Metadata) async {
        for account in metadata.accounts where account.statusReason == "cloned_vault" {
            add(
                VaultFault(
                    .cloned, "\(account.displayName) came with an import", command: "ai-usage-agent vault adopt", account: account.id))
        }
        await checkSource(record)
        var keys: VaultKeys?
        if has(.identityMissing, .keyFileMode, .keyFileOwner, .identityMalformed, .identityUnavailable) {
            skip([.recipientMismatch, .metadataMAC, .sealedForeign], "the identity has to be repaired first")
        } else if record.identitySource == .passphrase {
            skip([.recipientMismatch, .metadataMAC, .sealedForeign], "the passphrase is not asked for")
        } else {
            keys = await openKeys(record)
        }
        if has(.recipientMismatch, .metadataMAC) { keys = nil }
        switch record.backend {
        case .file: await checkSealed(record, metadata, keys)
        case .keyring:
            skip([.sealedMissing, .sealedMalformed, .sealedForeign], "the secrets are in the keyring")
            await checkKeyring(record, metadata)
        }
    }

    private mutating func openKeys(_ record: VaultRecord) async -> VaultKeys? {
        var waiting: [UInt8]?
        let keys: VaultKeys
        do throws(VaultError) {
            keys = VaultKeys(try await IdentityLoader(sources: vault.sources).read(record, &waiting))
        } catch {
            switch error.code {
            case .locked, .busy: add(VaultFault(.identityUnavailable, error.message, remedy: error.remedy))
            case .unavailable where await mayBeInKeyring(record): add(VaultFault(.identityUnavailable, error.message, remedy: error.remedy))
            case .unavailable: add(VaultFault(.identityMissing, error.message, remedy: error.remedy))
            default: add(VaultFault(.identityMalformed, error.message, remedy: error.remedy))
            }
            skip([.recipientMismatch, .metadataMAC, .sealedForeign], "the identity has to be repaired first")
            return nil
        }
        guard keys.recipient.text == record.recipient else {
            add(VaultFault(.recipientMismatch, "the identity is \(keys.recipient.text), auth.json says \(record.recipient)"))
            skip([.metadataMAC, .sealedForeign], "the identity is not this vault's")
            return nil
        }
        if !constantTimeEqual(Array(keys.metadataMAC(record).utf8).span, Array(record.mac.utf8).span) {
            add(VaultFault(.metadataMAC, "the seal of \"vault\" in \(paths.metadataFile) does not fit"))
        }
        return keys
    }

    /// Unless an unlocked keyring says that it has no such item.
    private func mayBeInKeyring(_ record: VaultRecord) async -> Bool {
        guard record.identitySource == .keyring, let recipient = AgeRecipient(record.recipient) else { return false }
        var request = KeyringRequestWriter(unlock: false)
        request.add(.get, ref: IdentityLoader.reference(recipient))
        return await vault.sources.keyring.ask(request).first?.reply.result != .absent
    }

    private mutating func checkSealed(_ record: VaultRecord, _ metadata: Metadata, _ keys: VaultKeys?) async {
        let content: [VaultFault.Check] = [.sealedMalformed, .sealedForeign, .rollback, .orphanSecret, .accountWithoutSecret]
        guard !has(.sealedSymlink, .sealedOwner, .sealedMode) else { return skip(content, "secrets.age has to be repaired first") }
        guard !has(.metadataMAC, .recipientMismatch) else { return skip(content, "auth.json has to be repaired first") }
        guard let data = try? PrivateDirectory.open(paths.data) else { return }
        let hasWaiting = look(data.file(SealedFileBackend.waitingName)) != nil
        guard look(paths.sealedFile) != nil else {
            if record.sealedSha256 != nil, !hasWaiting { add(VaultFault(.sealedMissing, "\(paths.sealedFile) is not there")) }
            return skip(content, record.sealedSha256 == nil ? "nothing has been sealed yet" : "secrets.age is gone")
        }
        let file: SecretBytes
        do throws(FileError) { file = try data.read(SealedFileBackend.fileName) } catch {
            add(VaultFault(error.isOfContent ? .sealedMalformed : .unreadable, error.description))
            return skip(content, "secrets.age could not be read")
        }
        if let problem = file.withBytes({ bytes -> AgeError? in
            do throws(AgeError) {
                _ = try AgeFile.workFactor(of: bytes)
                return nil
            } catch { return error }
        }) {
            add(VaultFault(.sealedMalformed, "\(paths.sealedFile) is no age file: \(problem.detail)"))
            return skip(content, "secrets.age has to be restored first")
        }
        if let keys, !hasWaiting {
            do throws(VaultError) {
                let store = try file.withBytes { (bytes) throws(VaultError) in
                    try SealedStore(opening: bytes, path: paths.sealedFile, vaultId: record.id, keys: keys)
                }
                compare(try store.facts(), metadata)
                var found: [String: String] = [:]
                let fingerprint = fingerprint
                try store.each { bundle in
                    found[bundle.facts.accountId] = SecretBytes.lend(bundle.refreshToken, to: fingerprint)
                }
                fingerprints = found
            } catch {
                add(VaultFault(error.code == .foreign ? .sealedForeign : .sealedMalformed, error.message, remedy: error.remedy))
                return skip(content, "secrets.age has to be restored first")
            }
        } else {
            skip([.orphanSecret, .accountWithoutSecret], "the store was not opened")
        }
        guard let suspicion = await StandingGlance(vault).suspicion(thoroughly: true) else { return }
        add(VaultFault(suspicion.code == .clonedVault ? .cloned : .rollback, suspicion.message, remedy: suspicion.remedy))
    }

    /// What is in one of the two stores and not in the other.
    private mutating func compare(_ facts: [BundleFacts], _ metadata: Metadata) {
        bundles = facts
        let stored = Set(facts.map(\.accountId))
        for account in metadata.accounts where account.owner == .vault && !stored.contains(account.id) {
            let command = account.loginCommand
            add(VaultFault(.accountWithoutSecret, "\(account.displayName) of \(account.provider)", command: command, account: account.id))
        }
        let known = Set(metadata.accounts.map(\.id))
        for bundle in facts where !known.contains(bundle.accountId) {
            let command = "ai-usage-agent auth login \(ShellWord.quote(bundle.provider))"
            add(VaultFault(.orphanSecret, "an account of \(bundle.provider)", command: command, account: bundle.accountId))
        }
    }

    private mutating func checkKeyring(_ record: VaultRecord, _ metadata: Metadata) async {
        let backend = KeyringBackend(helper: vault.sources.keyring, vaultId: record.id, mayAsk: false)
        let boxes: [BundleBox]
        do throws(VaultError) { boxes = try await backend.getAll() } catch {
            return skip([.orphanSecret, .accountWithoutSecret, .rollback, .duplicateItem], "the keyring was not read: \(error.message)")
        }
        compare(boxes.map { $0.bundle.facts }, metadata)
        var request = KeyringRequestWriter(unlock: false)
        for box in boxes { request.add(.get, ref: box.bundle.facts.accountId) }
        let answers = boxes.isEmpty ? [] : await vault.sources.keyring.ask(request)
        for (box, answer) in zip(boxes, answers) where answer.reply.secretCount > 1 {
            let generation = box.bundle.facts.generation
            add(
                VaultFault(
                    .duplicateItem, "\(answer.reply.secretCount) items, of which generation \(generation) counts",
                    account: box.bundle.facts.accountId))
        }
        let remembered = StateMemory(paths: paths, vaultId: record.id).read()?.generations ?? [:]
        for box in boxes {
            let facts = box.bundle.facts
            fingerprints[facts.accountId] = SecretBytes.lend(box.bundle.refreshToken, to: fingerprint)
            let newest = max(remembered[facts.accountId] ?? 0, metadata.account(id: facts.accountId)?.generation ?? 0)
            if facts.generation < newest {
                add(
                    VaultFault(
                        .rollback, "the keyring holds generation \(facts.generation), \(newest) was written", account: facts.accountId))
            }
        }
    }
}
