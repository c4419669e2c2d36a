import Age
import Platform

/// A rotated bundle that is durable but not yet committed.
package struct JournalResult: ~Copyable, Sendable {
    package let bundle: SecretBundle
    /// Keyed fingerprint of the refresh token that was spent for it.
    package let spentFingerprint: String
}

/// The write-ahead record of one account's refresh, `journal/<account id>`: it makes a rotated token durable with one
/// fdatasync, before anybody sees it and before the (larger) store is rewritten.
///
/// The first block holds a random nonce, the blocks behind it the RESULT: the new bundle, sealed to the vault's recipient,
/// with a MAC over vault id, account, generation, nonce and the spent token's fingerprint. A record that is torn, foreign
/// or for another generation is no RESULT.
package struct RotationJournal: Sendable {
    private static let nonceMagic = Array("AUAJ-NONCE-1\n\0\0\0".utf8)
    private static let resultMagic = Array("AUAJ-RESULT-1\n\0\0".utf8)
    private static let nonceSize = 32
    /// Magic, length (4 bytes, big-endian), SHA-256 of the sealed bytes.
    private static let headerSize = 16 + 4 + 32
    private static let purpose = "journal-1"
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

    /// Takes the space for a RESULT and writes the nonce it will be bound to: before the request, while failing is free.
    package func prepare(_ accountId: String, tokenSizes: Int) throws(VaultError) -> [UInt8] {
        let nonce = Random.bytes(RotationJournal.nonceSize)
        let size = RotationJournal.size(forTokens: tokenSizes)
        try translating { () throws(FileError) in
            let file = try BlockFile.open(accountId, in: directory, size: size)
            try file.write((RotationJournal.nonceMagic + nonce).span, at: 0, durable: false)
        }
        return nonce
    }

    /// Room for the largest answer a server may give (its body is cut at 64 KiB), what is kept of the old tokens, the facts
    /// and the sealing: growing after the answer could fail on a full disk.
    private static func size(forTokens tokenSizes: Int) -> Int {
        let needed = BlockFile.blockSize + (64 << 10) + tokenSizes + (12 << 10)
        return (needed + BlockFile.blockSize - 1) / BlockFile.blockSize * BlockFile.blockSize
    }

    /// Makes the new bundle durable. After this returns, a crash at any point keeps it.
    package func write(_ bundle: borrowing SecretBundle, spentFingerprint: String, nonce: [UInt8]) throws(VaultError) {
        var body = SecretJSONWriter(capacity: 32768)
        body.member("vaultId", .string(vaultId))
        body.member("accountId", .string(bundle.facts.accountId))
        body.member("generation", .number(JSONNumber(bundle.facts.generation)))
        body.member("nonce", .string(Hex.encode(nonce.span)))
        body.member("spent", .string(spentFingerprint))
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
        let nonceBlock = RotationJournal.nonceMagic + nonce
        try translating { () throws(FileError) in
            let file = try BlockFile.open(bundle.facts.accountId, in: directory, size: RotationJournal.size(forTokens: 0))
            try file.write(nonceBlock.span, at: 0, durable: false)
            try file.write(record.span, at: BlockFile.blockSize, durable: true)
        }
    }

    /// Whether there may be a record to recover: one small read, no key needed.
    package func isPending(_ accountId: String) throws(VaultError) -> Bool {
        try translating { () throws(FileError) in try RotationJournal.hasRecord(directory, accountId) }
    }

    /// The same for somebody who has not opened the vault; false where it cannot be told.
    static func hasRecord(_ paths: VaultPaths, _ accountId: String) -> Bool {
        (try? hasRecord(PrivateDirectory.open(paths.data + "/journal"), accountId)) ?? false
    }

    private static func hasRecord(_ directory: PrivateDirectory, _ accountId: String) throws(FileError) -> Bool {
        guard let file = try BlockFile.open(existing: accountId, in: directory) else { return false }
        let head = try file.read(count: resultMagic.count, at: BlockFile.blockSize)
        return head.withBytes { constantTimeEqual($0, resultMagic.span) }
    }

    /// The RESULT, if there is one that is whole, ours and bound to its nonce; nil for none, torn or foreign.
    package func read(_ accountId: String) throws(VaultError) -> JournalResult? {
        guard let record = try readSealed(accountId) else { return nil }
        guard
            let plaintext = try? record.sealed.withBytes({ (bytes) throws(AgeError) in try AgeFile.open(bytes, identity: keys.identity) }),
            let document = try? JSONDocument(plaintext), let macNode = document.at("mac"), let mac = document.string(macNode),
            let body = document.at("body")
        else { return nil }
        let expected = document.withRawText(of: body) { Hex.encode(keys.writerMAC(RotationJournal.purpose, $0).span) }
        guard constantTimeEqual(Array(mac.utf8).span, Array(expected.utf8).span), document.text(at: "body", "vaultId") == vaultId,
            document.text(at: "body", "accountId") == accountId, document.text(at: "body", "nonce") == Hex.encode(record.nonce.span),
            let spent = document.text(at: "body", "spent"),
            let node = document.at("body", "bundle")
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

    private struct SealedRecord: ~Copyable {
        let nonce: [UInt8]
        let sealed: SecretBytes
    }

    private func readSealed(_ accountId: String) throws(VaultError) -> SealedRecord? {
        try translating { () throws(FileError) -> SealedRecord? in
            guard let file = try BlockFile.open(existing: accountId, in: directory) else { return nil }
            let head = try file.read(count: BlockFile.blockSize + RotationJournal.headerSize, at: 0)
            let parsed: (nonce: [UInt8], length: Int, hash: [UInt8])? = head.withBytes { bytes in
                let magicEnd = RotationJournal.nonceMagic.count
                let at = BlockFile.blockSize
                guard bytes.count == at + RotationJournal.headerSize,
                    constantTimeEqual(bytes.extracting(first: magicEnd), RotationJournal.nonceMagic.span),
                    constantTimeEqual(bytes.extracting(at..<at + 16), RotationJournal.resultMagic.span)
                else { return nil }
                let length = (at + 16..<at + 20).reduce(0) { $0 << 8 | Int(bytes[$1]) }
                return (
                    (magicEnd..<magicEnd + RotationJournal.nonceSize).map { bytes[$0] }, length,
                    (at + 20..<at + RotationJournal.headerSize).map { bytes[$0] }
                )
            }
            guard let parsed, parsed.length > 0, parsed.length <= RotationJournal.limit else { return nil }
            let sealed = try file.read(count: parsed.length, at: BlockFile.blockSize + RotationJournal.headerSize)
            guard sealed.count == parsed.length, sealed.withBytes({ SHA256.hash($0) }) == parsed.hash else { return nil }
            return SealedRecord(nonce: parsed.nonce, sealed: sealed)
        }
    }
}
