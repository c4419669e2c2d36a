import Platform

/// What can be told of a restored or copied file vault without asking anybody.
///
/// The generation of `secrets.age` is sealed; from outside there is its SHA-256, to be compared with the two that are remembered.
/// Where that is not enough and the key lies open (a key file, a systemd credential), the file is opened and read.
package struct StandingGlance: Sendable {
    private let vault: Vault

    package init(_ vault: Vault) { self.vault = vault }

    /// - Parameter thoroughly: opens the file, where that asks nobody, also if nothing looks odd: only its content tells of
    ///   another machine.
    /// - Returns: the reason for distrust; nil where there is none, or where it cannot be told now.
    package func suspicion(thoroughly: Bool = false) async -> VaultError? {
        guard let look = look(), thoroughly || look.verdict != .newest else { return nil }
        // To take a lock would make it; where there is none, nobody has written.
        guard FileFacts.at(vault.paths.locks + "/" + VaultLocks.vaultFile) != nil else { return await judge(thoroughly: thoroughly) }
        // Who writes changes secrets.age, auth.json and the memory one after the other: only what stands still is compared.
        do throws(VaultError) {
            guard let lock = try VaultLocks(paths: vault.paths, time: vault.time).takeNow(.vault) else { return nil }
            defer { extendLifetime(lock) }
            return await judge(thoroughly: thoroughly)
        } catch {
            // Where no lock can be taken, nobody writes.
            return await judge(thoroughly: thoroughly)
        }
    }

    private enum Verdict: Equatable {
        case newest
        case older(VaultError)
        /// Nobody remembers the file. `isExplained`: a refresh in the journal was cut off while it wrote.
        case unknown(isExplained: Bool)
    }

    private struct Look {
        let record: VaultRecord
        let data: PrivateDirectory
        let verdict: Verdict
    }

    private func judge(thoroughly: Bool) async -> VaultError? {
        guard let look = look(), thoroughly || look.verdict != .newest else { return nil }
        if let judgement = await opened(look) { return judgement.suspicion }
        switch look.verdict {
        case .newest, .unknown(isExplained: true): return nil
        case .older(let suspicion): return suspicion
        case .unknown(isExplained: false):
            return VaultError(
                .rollbackSuspected,
                "\(vault.paths.sealedFile) is not the file that was written last on this machine: an older copy, or a change that was cut off; opened with its passphrase it tells which",
                remedy: "ask for a token: ai-usage-agent token PROVIDER")
        }
    }

    /// Nil where there is no file vault, or nothing in it yet.
    private func look() -> Look? {
        guard let metadata = try? vault.metadataStore.read(), let record = metadata.vault, record.backend == .file,
            let data = try? PrivateDirectory.open(vault.paths.data), let hash = digest(SealedFileBackend.fileName, data)
        else { return nil }
        let memory = StateMemory(paths: vault.paths, vaultId: record.id).read()?.state
        let known = [record.sealedState, memory].compactMap { $0 }
        let verdict: Verdict
        if known.isEmpty || digest(SealedFileBackend.waitingName, data).map({ $0 == record.sealedSha256 }) == true {
            // Nothing to compare with, or a rekeying that was cut off behind auth.json.
            verdict = .newest
        } else if let generation = known.filter({ $0.sha256 == hash }).map(\.generation).max() {
            let older = VaultStanding.suspicion(
                sealed: SealedState(generation: generation, sha256: hash), sealedMachine: "none", machine: "none", record: record,
                memory: memory, path: vault.paths.sealedFile)
            verdict = older.map { .older($0) } ?? .newest
        } else {
            verdict = .unknown(isExplained: metadata.accounts.contains { RotationJournal.mayHoldResult(vault.paths, $0.id) })
        }
        return Look(record: record, data: data, verdict: verdict)
    }

    private func digest(_ name: String, _ data: PrivateDirectory) -> String? {
        guard let file = try? data.read(name) else { return nil }
        return file.withBytes { Hex.encode(SHA256.hash($0).span) }
    }

    private struct Judgement {
        let suspicion: VaultError?
    }

    /// Nil where the key does not lie open, or does not open the file: each command that needs it says why.
    private func opened(_ look: Look) async -> Judgement? {
        switch look.record.identitySource {
        case .passphrase, .keyring: return nil
        case .keyFile, .systemdCredential: break
        }
        var waiting: [UInt8]?
        do throws(VaultError) {
            let keys = try await IdentityLoader(sources: vault.sources).load(look.record, fromWaiting: &waiting)
            let file = SealedFileBackend(
                directory: look.data, metadata: vault.metadataStore, vaultId: look.record.id, machine: keys.machineBinding(vault.machineId),
                keys: keys)
            return Judgement(suspicion: try file.suspicion())
        } catch { return nil }
    }
}

extension Metadata {
    /// The same with `unknown` as the status of the vault's accounts that would be active, where the vault is distrusted.
    package func showing(_ suspicion: VaultError?) -> Metadata {
        guard let suspicion else { return self }
        var shown = self
        for account in accounts where account.owner == .vault && (account.status == .active || account.status == .pendingCommit) {
            shown.updateAccount(id: account.id) { record in
                record.status = .unknown
                record.statusReason = suspicion.code == .clonedVault ? "cloned_vault" : "rollback_suspected"
            }
        }
        return shown
    }
}
