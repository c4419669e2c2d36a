package import Age
package import Platform

/// `vault export`: every account in one plain age file, which any age program opens. It is the backup, and the way to
/// another machine.
extension VaultMaintenance {
    /// Who can open an export.
    package enum ExportTarget: Sendable {
        case recipients([AgeRecipient])
        case passphrase(SecretBox)
    }

    /// A finished export, not yet written anywhere.
    package struct Exported: Sendable {
        /// The binary age file.
        package let file: [UInt8]
        package let accounts: [BundleFacts]
        /// Why its tokens may be of no use, or harm: the vault is an older copy, or another machine's. Nil if it is neither.
        package let warning: String?
        /// Of them those whose refresh token may be spent: the answer to a refresh was lost.
        package let unresolved: [BundleFacts]
    }

    /// - Throws: `pendingCommit` while a refresh waits in the journal: the token in the store is spent then.
    package func export(to target: ExportTarget) async throws(VaultError) -> Exported {
        let (bundles, suspicion, unresolved) = try await exclusively {
            (_, _) async throws(VaultError) -> ([BundleBox], VaultError?, [BundleFacts]) in
            let bundles = try await open.backend.getAll()
            return (bundles, try open.suspicion(store: bundles.map { $0.bundle.facts }), try self.unresolved(bundles))
        }
        let salt = Hex.encode(Random.bytes(16).span)
        var writer = SecretJSONWriter(capacity: 32768)
        writer.member("format", .string(ExportFormat.name))
        writer.member("version", .number(JSONNumber(ExportFormat.version)))
        writer.member("vaultId", .string(open.id))
        writer.member("exportedAt", .string(vault.time.now().wholeSeconds.description))
        writer.member("machineSalt", .string(salt))
        writer.member("machine", .string(ExportFormat.machine(vault.machineId, salt: salt)))
        writer.beginArray("bundles")
        for box in bundles { box.bundle.encoded().withBytes { writer.element(raw: $0) } }
        writer.endArray()
        let text = writer.finish()
        var padded = SecretBuffer(capacity: text.count + ExportFormat.block)
        padded.append(text)
        padded.pad(to: ExportFormat.block, with: UInt8(ascii: " "))
        let file: [UInt8]
        switch target {
        case .recipients(let recipients): file = padded.withBytes { AgeFile.seal($0, to: recipients) }
        case .passphrase(let box):
            guard let passphrase = box.take() else { throw VaultError(.locked, "no passphrase was given", remedy: "run the command again") }
            file = try await IdentityFiles.seal(padded.finish(), passphrase)
        }
        return Exported(
            file: file, accounts: bundles.map { $0.bundle.facts }, warning: suspicion?.message, unresolved: unresolved)
    }
}
