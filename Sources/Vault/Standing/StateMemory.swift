import Platform

/// What this machine remembers of the secrets outside the data directory: an older copy that somebody puts back then
/// shows, also when auth.json is as old as it is.
///
/// `$XDG_STATE_HOME/ai-usage-agent/vault-memory`, overwritten in place: lines of text in a record of 4 KiB (more for some
/// hundred accounts in a keyring) that ends with its own SHA-256. A record that is torn, or another vault's, counts as none.
struct StateMemory: Sendable {
    struct Content: Sendable, Equatable {
        /// Of `secrets.age`; nil in a keyring vault.
        var state: SealedState?
        /// Of each account's bundle in a keyring vault; empty in a file vault, whose one generation says it all.
        var generations: [String: Int] = [:]
    }

    static let fileName = "vault-memory"
    private static let magic = "ai-usage-agent/memory/2"
    /// 100,000 accounts; anything above is no record of ours.
    private static let limit = 8 << 20

    let paths: VaultPaths
    let vaultId: String

    func read() -> Content? {
        guard let directory = try? PrivateDirectory.open(paths.state),
            let file = try? BlockFile.open(existing: StateMemory.fileName, in: directory), let size = try? file.size,
            size >= BlockFile.blockSize, size <= StateMemory.limit, let record = try? file.read(count: size, at: 0)
        else { return nil }
        return record.withBytes { bytes in
            guard bytes.count == size else { return nil }
            let text = bytes.extracting(first: size - SHA256.size)
            guard constantTimeEqual(SHA256.hash(text).span, bytes.extracting(last: SHA256.size)) else { return nil }
            // Behind the lines the record is zeros.
            return parse(String(decoding: text.indices.prefix { text[$0] != 0 }.map { text[$0] }, as: UTF8.self))
        }
    }

    private func parse(_ text: String) -> Content? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count > 2, lines[0] == StateMemory.magic, lines[1] == vaultId else { return nil }
        var content = Content()
        for line in lines.dropFirst(2) {
            let words = line.split(separator: " ")
            guard words.count == 3, let generation = Int(words[1]) else { continue }
            switch words[0] {
            case "file": content.state = SealedState(generation: generation, sha256: String(words[2]))
            case "account": content.generations[String(words[2])] = generation
            default: continue
            }
        }
        return content
    }

    /// - Throws: `storage`; the caller's write has happened and is not undone.
    func write(_ content: Content) throws(VaultError) {
        var lines = [StateMemory.magic, vaultId]
        if let state = content.state { lines.append("file \(state.generation) \(state.sha256)") }
        for (id, generation) in content.generations.sorted(by: { $0.key < $1.key }) { lines.append("account \(generation) \(id)") }
        let text = Array((lines.joined(separator: "\n") + "\n").utf8)
        try translating { () throws(FileError) in
            let directory = try PrivateDirectory.open(paths.state, create: true)
            let blocks = (text.count + SHA256.size + BlockFile.blockSize - 1) / BlockFile.blockSize
            let file = try BlockFile.open(StateMemory.fileName, in: directory, size: blocks * BlockFile.blockSize)
            // The file never shrinks: the sum stands at the end of whatever it has become.
            var record = text
            record += [UInt8](repeating: 0, count: try file.size - SHA256.size - text.count)
            record += SHA256.hash(record.span)
            try file.write(record.span, at: 0, durable: true)
        }
    }

    /// Remembers one write: of the sealed file, or of one account's bundle in a keyring (nil: it is gone).
    func note(_ state: SealedState?, account: String, generation: Int?) throws(VaultError) {
        if let state { return try write(Content(state: state)) }
        var content = read() ?? Content()
        content.state = nil
        content.generations[account] = generation
        try write(content)
    }
}
