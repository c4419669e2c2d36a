package import Platform

/// `vault import`: takes the accounts of an exported file in. What is here already and not older stays.
///
/// An account that comes from another machine, or from another vault of this one, waits for `vault adopt`: as long as two places
/// hold one single-use refresh token, the first refresh of either ends the login of both.
extension VaultMaintenance {
    /// What became of one account of the file; `kept`: what is here is not older, or another login of the same identity.
    package enum ImportAction: String, Sendable {
        case added, replaced, kept
    }

    /// One account of the file, and what is here now.
    package struct Imported: Sendable {
        /// As auth.json has it afterwards.
        package let account: AccountRecord
        package let action: ImportAction
        /// For people: what was dropped, or why the login here stays.
        package let warning: String?
    }

    /// - Parameter file: an exported file, binary or armored.
    /// - Throws: what `ExportReader` and the store can fail with; nothing is changed then.
    package func importing(_ file: consuming SecretBytes, _ reader: ExportReader) async throws(VaultError) -> [Imported] {
        let content = try await reader.read(file, open.keys, machineId: vault.machineId)
        return try await exclusively { (record, _) async throws(VaultError) -> [Imported] in
            if let suspicion = try open.suspicion(nil) { throw suspicion }
            // Another vault of this machine may go on using its tokens; what this machine wrote last is what was here before.
            let isFromHere =
                content.isFromThisMachine
                && content.vaultId.map { $0 == record.id || StateMemory(paths: paths, vaultId: $0).read() != nil } ?? false
            var metadata = try vault.metadataStore.read()
            var results: [Imported] = []
            var taken: [BundleBox] = []
            for box in content.bundles {
                let result = decide(box, metadata, isFromHere: isFromHere)
                if let bundle = result.bundle {
                    metadata.accounts.removeAll { $0.id == result.imported.account.id }
                    metadata.accounts.append(result.imported.account)
                    taken.append(bundle)
                }
                results.append(result.imported)
            }
            guard !taken.isEmpty else { return results }
            let state = try await open.backend.putAll(taken)
            try await compare(taken, open.backend)
            let keys = open.keys
            let accepted = results.filter { $0.action != .kept }.map(\.account)
            try await vault.metadataStore.update { metadata in
                metadata.vault?.take(state, keys)
                for account in accepted {
                    if metadata.account(id: account.id) == nil {
                        metadata.accounts.append(account)
                    } else {
                        metadata.updateAccount(id: account.id) { $0 = account }
                    }
                }
            }
            try await rememberAll(state)
            return results
        }
    }

    /// What becomes of one account of the file, judged against what is here.
    private func decide(_ box: BundleBox, _ metadata: Metadata, isFromHere: Bool) -> (imported: Imported, bundle: BundleBox?) {
        var bundle = box.bundle.duplicate()
        let facts = bundle.facts
        let present = metadata.accounts.first {
            $0.id == facts.accountId || $0.provider == facts.provider && $0.accountKey == facts.accountKey
        }
        if let present, present.id != facts.accountId || present.accountKey != facts.accountKey || present.generation >= facts.generation {
            let what =
                present.owner == .otherProgram
                ? "there is a reference to another program's login of it here" : "it is logged in here on its own"
            let warning = present.id == facts.accountId ? nil : what + "; to take the imported login instead, log out first"
            return (Imported(account: present, action: .kept, warning: warning), nil)
        }
        var warning: String?
        if let label = facts.label,
            metadata.accounts.contains(where: {
                $0.provider == facts.provider && $0.label?.lowercased() == label.lowercased() && $0.id != facts.accountId
            })
        {
            bundle.facts.label = nil
            warning = "its label \"\(TerminalText.escape(label, limit: 80))\" names another account here and was dropped"
        }
        // A mark that the file carries stays: it was nobody's to adopt there, either.
        bundle.facts.awaitsAdoption = facts.awaitsAdoption || !isFromHere
        var account = AccountRecord(rebuilding: bundle)
        if bundle.facts.awaitsAdoption {
            account.status = .unknown
            account.statusReason = "cloned_vault"
        }
        return (Imported(account: account, action: present == nil ? .added : .replaced, warning: warning), BundleBox(bundle))
    }
}
