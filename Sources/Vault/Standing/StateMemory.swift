import Platform

/// What this machine remembers of the sealed file outside the data directory: an older copy that somebody puts back then
/// shows, also when auth.json is as old as it is.
///
/// One checksummed 4 KiB record in `$XDG_STATE_HOME/ai-usage-agent/vault-memory`, overwritten in place.
struct StateMemory: Sendable {
    struct Content: Sendable, Equatable {
        let vaultId: String
        let state: SealedState
    }

    static let fileName = "vault-memory"
    private static let magic = "ai-usage-agent/memory/1\n"

    let paths: VaultPaths

    /// Nil when nothing is remembered; a torn record counts as nothing.
    func read() -> Content? {
        guard let directory = try? PrivateDirectory.open(paths.state),
            let file = try? BlockFile.open(existing: StateMemory.fileName, in: directory),
            let block = try? file.read(count: BlockFile.blockSize, at: 0)
        else { return nil }
        return block.withBytes { bytes in
            guard bytes.count == BlockFile.blockSize else { return nil }
            let text = bytes.extracting(first: BlockFile.blockSize - SHA256.size)
            let sum = bytes.extracting(last: SHA256.size)
            let expected = SHA256.hash(text)
            guard constantTimeEqual(expected.span, sum) else { return nil }
            let lines = String(decoding: text.indices.map { text[$0] }, as: UTF8.self).split(
                separator: "\n", omittingEmptySubsequences: false)
            guard lines.count > 4, lines[0] + "\n" == StateMemory.magic, let generation = Int(lines[2]) else { return nil }
            return Content(vaultId: String(lines[1]), state: SealedState(generation: generation, sha256: String(lines[3])))
        }
    }

    /// - Throws: `storage`; the caller's write has happened and is not undone.
    func write(_ content: Content) throws(VaultError) {
        var block = Array((StateMemory.magic + "\(content.vaultId)\n\(content.state.generation)\n\(content.state.sha256)\n").utf8)
        block += [UInt8](repeating: 0, count: BlockFile.blockSize - SHA256.size - block.count)
        block += SHA256.hash(block.span)
        let full = block
        try translating { () throws(FileError) in
            let directory = try PrivateDirectory.open(paths.state, create: true)
            let file = try BlockFile.open(StateMemory.fileName, in: directory, size: BlockFile.blockSize)
            try file.write(full.span, at: 0, durable: true)
        }
    }
}
