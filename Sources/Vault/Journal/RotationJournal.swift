import Age
import Platform

/// The write-ahead record of one account's refresh, `journal/<account id>`: it makes a rotated token durable with one
/// fdatasync, before anybody sees it and before the (larger) store is rewritten.
///
/// The first block holds the INTENT: a random nonce and what `RotationIntent` says, with a MAC. The blocks behind it hold the
/// RESULT: the new bundle, sealed to the vault's recipient, with a MAC over vault id, account, generation, nonce and the
/// spent token's fingerprint. What is torn, foreign or bound to another nonce is neither.
package struct RotationJournal: Sendable {
    private static let intentMagic = Array("AUAJ-INTENT-1\n\0\0".utf8)
    private static let resultMagic = Array("AUAJ-RESULT-1\n\0\0".utf8)
    /// Magic, nonce, MAC, length of the text (2 bytes, big-endian).
    private static let intentHeader = 16 + RotationIntent.nonceSize + 32 + 2
    /// Magic, length (4 bytes, big-endian), SHA-256 of the sealed bytes.
    private static let headerSize = 16 + 4 + 32
    private static let purpose = "journal-1"
    private static let intentPurpose = "intent-1"
    /// A sealed bundle above this is no record of ours.
    private static let limit = 1 << 20

    let directory: PrivateDirectory
    let vaultId: String
    let keys: VaultKeys

    init(data: PrivateDirectory, vaultId: String, keys: VaultKeys) throws(VaultError) {
        directory = try translating { () throws(FileError) in try data.subdirectory("journal", create: true) }
        self.vaultId = vaultId
        self.keys = keys
    }

    /// The accounts that have a record, whatever it says.
    package func recorded() throws(VaultError) -> Set<String> {
        Set(try translating { () throws(FileError) in try directory.names() })
    }

    /// Takes the space for a RESULT and makes the intent durable: before the request, while failing is free.
    ///
    /// - Parameter tokenSizes: bytes of the tokens that may be kept.
    /// - Throws: `storage` where the disk has no room or refuses.
    package func begin(_ intent: RotationIntent, _ accountId: String, tokenSizes: Int) throws(VaultError) {
        let size = RotationJournal.size(forTokens: tokenSizes)
        // An earlier RESULT is bound to another nonce; without its first block nobody asks what it was.
        let blocks = block(for: intent, accountId) + [UInt8](repeating: 0, count: BlockFile.blockSize)
        try translating { () throws(FileError) in
            let file = try BlockFile.open(accountId, in: directory, size: size)
            try file.write(blocks.span, at: 0, durable: true)
        }
    }

    /// Says that the flight has ended without knowing what became of the request. Not synced: a holder that is gone is
    /// recognised without it.
    ///
    /// - Throws: `storage` or `corrupt`, as everything below that touches the file.
    package func release(_ intent: RotationIntent, _ accountId: String) throws(VaultError) {
        var released = intent
        released.holder = nil
        let block = block(for: released, accountId)
        try translating { () throws(FileError) in
            guard let file = try BlockFile.open(existing: accountId, in: directory) else { return }
            try file.write(block.span, at: 0, durable: false)
        }
    }

    private func block(for intent: RotationIntent, _ accountId: String) -> [UInt8] {
        let text = Array(intent.json.compact.utf8)
        var block = RotationJournal.intentMagic + intent.nonce + intentMAC(text, nonce: intent.nonce, accountId)
        block += [UInt8(text.count >> 8), UInt8(text.count & 0xFF)] + text
        return block + [UInt8](repeating: 0, count: BlockFile.blockSize - block.count)
    }

    private func intentMAC(_ text: [UInt8], nonce: [UInt8], _ accountId: String) -> [UInt8] {
        let message = Array("\(vaultId)\n\(accountId)\n".utf8) + nonce + text
        return keys.writerMAC(RotationJournal.intentPurpose, message.span)
    }

    /// The intent in the first block; nil if there is none that is whole and ours.
    private func parseIntent(_ block: borrowing SecretBytes, _ accountId: String) -> RotationIntent? {
        block.withBytes { bytes in
            let nonceEnd = 16 + RotationIntent.nonceSize
            guard bytes.count >= BlockFile.blockSize, constantTimeEqual(bytes.extracting(first: 16), RotationJournal.intentMagic.span)
            else {
                return nil
            }
            let start = RotationJournal.intentHeader
            let length = Int(bytes[start - 2]) << 8 | Int(bytes[start - 1])
            guard length > 0, start + length <= BlockFile.blockSize else { return nil }
            let nonce = (16..<nonceEnd).map { bytes[$0] }
            let text = (start..<start + length).map { bytes[$0] }
            let mac = intentMAC(text, nonce: nonce, accountId)
            guard constantTimeEqual(mac.span, bytes.extracting(nonceEnd..<nonceEnd + 32)), let value = try? JSONValue(parsing: text.span)
            else {
                return nil
            }
            return RotationIntent(value, nonce: nonce)
        }
    }

    /// Room for the largest answer a server may give (its body is cut at 64 KiB), what is kept of the old tokens, the facts
    /// and the sealing: growing after the answer could fail on a full disk.
    private static func size(forTokens tokenSizes: Int) -> Int {
        let needed = BlockFile.blockSize + (64 << 10) + tokenSizes + (12 << 10)
        return (needed + BlockFile.blockSize - 1) / BlockFile.blockSize * BlockFile.blockSize
    }

    /// Makes the new bundle durable. After this returns, a crash at any point keeps it.
    ///
    /// - Throws: `storage`: nothing that was written can be relied on, and the bundle is in memory alone.
    package func write(_ bundle: borrowing SecretBundle, for intent: RotationIntent) throws(VaultError) {
        var body = SecretJSONWriter(capacity: 32768)
        body.member("vaultId", .string(vaultId))
        body.member("accountId", .string(bundle.facts.accountId))
        body.member("generation", .number(JSONNumber(bundle.facts.generation)))
        body.member("nonce", .string(Hex.encode(intent.nonce.span)))
        body.member("spent", .string(intent.fingerprint))
        let encoded = bundle.encoded()
        encoded.withBytes { body.member("bundle", raw: $0) }
        let bodyText = body.finish()
        var outer = SecretJSONWriter(capacity: bodyText.count + 128)
        outer.member("mac", .string(bodyText.withBytes { Hex.encode(keys.writerMAC(RotationJournal.purpose, $0).span) }))
        bodyText.withBytes { outer.member("body", raw: $0) }
        let text = outer.finish()
        let sealed = text.withBytes { AgeFile.seal($0, to: [keys.recipient]) }

        var record = RotationJournal.resultMagic
        let length = UInt32(sealed.count)
        record += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
        record += SHA256.hash(sealed.span)
        record += sealed
        // Both blocks again: after a failed sync nothing that was written before can be relied on.
        let first = block(for: intent, bundle.facts.accountId)
        try translating { () throws(FileError) in
            let file = try BlockFile.open(bundle.facts.accountId, in: directory, size: RotationJournal.size(forTokens: 0))
            try file.write(first.span, at: 0, durable: false)
            try file.write(record.span, at: BlockFile.blockSize, durable: true)
        }
    }

    /// What the record looks like before anything of it is checked.
    package enum Mark: Sendable {
        case nothing, intent, result
    }

    /// Whether there may be something that comes before a fresh token: one small read, no key needed.
    package func mark(_ accountId: String) throws(VaultError) -> Mark {
        try translating { () throws(FileError) in try RotationJournal.mark(directory, accountId) }
    }

    /// The same for somebody who has not opened the vault; nothing where it cannot be told.
    static func mark(_ paths: VaultPaths, _ accountId: String) -> Mark {
        (try? mark(PrivateDirectory.open(paths.data + "/journal"), accountId)) ?? .nothing
    }

    private static func mark(_ directory: PrivateDirectory, _ accountId: String) throws(FileError) -> Mark {
        guard let file = try BlockFile.open(existing: accountId, in: directory) else { return .nothing }
        let head = try file.read(count: BlockFile.blockSize + RotationJournal.resultMagic.count, at: 0)
        return head.withBytes { bytes in
            guard bytes.count == BlockFile.blockSize + RotationJournal.resultMagic.count else { return .nothing }
            if constantTimeEqual(bytes.extracting(last: 16), RotationJournal.resultMagic.span) { return .result }
            return constantTimeEqual(bytes.extracting(first: 16), RotationJournal.intentMagic.span) ? .intent : .nothing
        }
    }

    /// Whether there may be a RESULT to recover, for somebody who has not opened the vault; false where it cannot be told.
    static func mayHoldResult(_ paths: VaultPaths, _ accountId: String) -> Bool { mark(paths, accountId) == .result }

    /// What there is: a RESULT that is whole, ours and bound to the INTENT before it; else that INTENT; else nothing.
    ///
    /// - Throws: `storage` or `corrupt` where the file cannot be read at all; a torn record is no error.
    package func look(_ accountId: String) throws(VaultError) -> JournalContent {
        let blocks = try translating { () throws(FileError) -> SecretBytes? in
            guard let file = try BlockFile.open(existing: accountId, in: directory) else { return nil }
            return try file.read(count: BlockFile.blockSize + RotationJournal.headerSize, at: 0)
        }
        guard let blocks, let intent = parseIntent(blocks, accountId) else { return .empty }
        if let sealed = try sealedResult(blocks, accountId), let result = try unseal(sealed, intent, accountId) { return .result(result) }
        return .intent(intent)
    }

    /// The RESULT alone; nil for none.
    package func read(_ accountId: String) throws(VaultError) -> JournalResult? {
        guard case .result(let result) = try look(accountId) else { return nil }
        return result
    }

    private func unseal(_ sealed: borrowing SecretBytes, _ intent: RotationIntent, _ accountId: String) throws(VaultError) -> JournalResult?
    {
        guard let plaintext = try? sealed.withBytes({ (bytes) throws(AgeError) in try AgeFile.open(bytes, identity: keys.identity) }),
            let document = try? JSONDocument(plaintext), let macNode = document.at("mac"), let mac = document.string(macNode),
            let body = document.at("body")
        else { return nil }
        let expected = document.withRawText(of: body) { Hex.encode(keys.writerMAC(RotationJournal.purpose, $0).span) }
        guard constantTimeEqual(Array(mac.utf8).span, Array(expected.utf8).span), document.text(at: "body", "vaultId") == vaultId,
            document.text(at: "body", "accountId") == accountId, document.text(at: "body", "nonce") == Hex.encode(intent.nonce.span),
            let spent = document.text(at: "body", "spent"), let node = document.at("body", "bundle")
        else { return nil }
        return JournalResult(bundle: try SecretBundle(document, node), spentFingerprint: spent)
    }

    /// Forgets the record. Not synced: a stale one is recognised by its generation (recovery rule R1).
    package func clear(_ accountId: String) throws(VaultError) {
        try translating { () throws(FileError) in
            guard let file = try BlockFile.open(existing: accountId, in: directory) else { return }
            // Without its magic and nonce the rest is ciphertext that nothing looks at.
            let zeroes = [UInt8](repeating: 0, count: 2 * BlockFile.blockSize)
            try file.write(zeroes.span, at: 0, durable: false)
        }
    }

    /// Removes the record's file, for an account that is gone.
    package func remove(_ accountId: String) throws(VaultError) {
        try translating { () throws(FileError) in try directory.remove(accountId) }
    }

    /// The sealed bytes of the RESULT, checked against their length and hash.
    private func sealedResult(_ blocks: borrowing SecretBytes, _ accountId: String) throws(VaultError) -> SecretBytes? {
        let header: (length: Int, hash: [UInt8])? = blocks.withBytes { bytes in
            let at = BlockFile.blockSize
            guard bytes.count == at + RotationJournal.headerSize,
                constantTimeEqual(bytes.extracting(at..<at + 16), RotationJournal.resultMagic.span)
            else { return nil }
            let length = (at + 16..<at + 20).reduce(0) { $0 << 8 | Int(bytes[$1]) }
            return (length, (at + 20..<at + RotationJournal.headerSize).map { bytes[$0] })
        }
        guard let header, header.length > 0, header.length <= RotationJournal.limit else { return nil }
        return try translating { () throws(FileError) -> SecretBytes? in
            guard let file = try BlockFile.open(existing: accountId, in: directory) else { return nil }
            let sealed = try file.read(count: header.length, at: BlockFile.blockSize + RotationJournal.headerSize)
            guard sealed.count == header.length, sealed.withBytes({ SHA256.hash($0) }) == header.hash else { return nil }
            return sealed
        }
    }
}
