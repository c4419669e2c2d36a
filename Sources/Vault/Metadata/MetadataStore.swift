import Platform

/// auth.json on disk: read whole, replaced whole, changed only under its lock.
package struct MetadataStore: Sendable {
    package static let fileName = "auth.json"

    let paths: VaultPaths
    let time: TimeSource
    /// What was read last. A refresh reads the file a dozen times and nearly always finds the same bytes: comparing them is
    /// quick, understanding them is not.
    private let last = Guarded<Reading?>(nil)

    private final class Reading: Sendable {
        let text: SecretBytes
        let metadata: Metadata

        init(_ text: consuming SecretBytes, _ metadata: Metadata) {
            self.text = text
            self.metadata = metadata
        }
    }

    init(paths: VaultPaths, time: TimeSource) {
        self.paths = paths
        self.time = time
    }

    /// The file's content; an absent file is an empty store, unless something of a vault is there.
    ///
    /// - Throws: `corrupt` for a malformed, foreign, newer or lost file, or one with unsafe permissions.
    package func read() throws(VaultError) -> Metadata {
        let directory: PrivateDirectory
        do throws(FileError) { directory = try PrivateDirectory.open(paths.data) } catch {
            if error.kind == .notFound { return Metadata() }
            throw VaultError(error)
        }
        return try read(in: directory)
    }

    private func read(in directory: PrivateDirectory) throws(VaultError) -> Metadata {
        let content: SecretBytes
        do throws(FileError) { content = try directory.read(MetadataStore.fileName) } catch {
            guard error.kind == .notFound else { throw VaultError(error) }
            guard let lost = try LostMetadata.error(in: directory) else { return Metadata() }
            // The vault may have been made between the two looks.
            guard try translating({ () throws(FileError) in try directory.exists(MetadataStore.fileName) }) else { throw lost }
            return try read(in: directory)
        }
        if let last = last.withLock({ $0 }), SecretBytes.equal(last.text, content) { return last.metadata }
        let metadata = try content.withBytes { (text) throws(VaultError) in
            try Metadata(parsing: text, path: directory.file(MetadataStore.fileName))
        }
        let reading = Reading(content, metadata)
        last.withLock { $0 = reading }
        return metadata
    }

    /// Reads, changes and durably replaces the file under the metadata lock; an unchanged content is not written.
    ///
    /// - Throws: what `read` throws, what `change` throws (nothing is written then), `busy`, `storage`.
    package func update<R: Sendable>(_ change: (inout Metadata) throws(VaultError) -> R) async throws(VaultError) -> R {
        let locks = try VaultLocks(paths: paths, time: time)
        let lock = try await locks.take(.metadata)
        defer { extendLifetime(lock) }
        var metadata = try read(in: locks.data)
        let before = metadata
        let result = try change(&metadata)
        if metadata != before {
            let text = Array(metadata.text.utf8)
            try translating { () throws(FileError) in
                try locks.data.sweepTemporaries(of: MetadataStore.fileName)
                try locks.data.replace(MetadataStore.fileName, with: text.span)
            }
        }
        return result
    }
}
