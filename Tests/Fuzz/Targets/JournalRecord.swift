import Glibc

@testable import Age
@testable import Platform
@testable import Vault

/// The record of a refresh under way: the bytes as they are, and as texts whose MACs are right.
extension FuzzTarget {
    static let journalRecord = FuzzTarget(name: "journal-record", longest: 8192) { input in
        look(at: input)
        intent(input)
        result(input)
    }

    private static let accountId = "fuzz-account"
    private static let vaultId = "fuzz-vault"
    private static let keys: VaultKeys = {
        let key = SecretBytes(fixedKey(X25519.size, 5))
        var text = SecretBuffer(capacity: 128)
        key.withBytes { key in Bech32.encode(key, prefix: "AGE-SECRET-KEY-") { text.append($0) } }
        let line = text.finish()
        guard let identity = try? line.withBytes({ (line) throws(AgeError) in try AgeIdentity(parsing: line) }) else {
            violated("a key is an identity")
        }
        return VaultKeys(identity)
    }()

    private static let folder: String = {
        let base = getenv("AUA_FUZZ_SCRATCH").map { String(cString: $0) } ?? "/dev/shm/aua-fuzz-\(getuid())"
        return base + "/journal-\(getpid())"
    }()

    private static let journal: RotationJournal = {
        guard let data = try? PrivateDirectory.open(folder, create: true),
            let journal = try? RotationJournal(data: data, vaultId: vaultId, keys: keys)
        else { violated("a scratch folder can be made: \(folder)") }
        return journal
    }()

    /// Puts the bytes where the record stands, without the syncs that a real one takes.
    private static func place(_ bytes: [UInt8]) {
        let path = journal.directory.file(accountId)
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { violated("the record can be written") }
        defer { close(file) }
        hold(bytes.isEmpty || write(file, bytes, bytes.count) == bytes.count, "the record can be written")
    }

    private static func found() -> JournalContent {
        do throws(VaultError) {
            let content = try journal.look(accountId)
            let mark = try journal.mark(accountId)
            switch content {
            case .empty: break
            case .intent: hold(mark != .nothing, "an intent is seen without a key")
            case .result(let result):
                hold(mark == .result, "a result is seen without a key")
                check(result.bundle)
            }
            return content
        } catch {
            hold(error.code == .corrupt, "a record that is no bundle is corrupt, not \(error.code)")
            return .empty
        }
    }

    private static func look(at bytes: [UInt8]) {
        place(bytes)
        if case .intent(let intent) = found() { check(intent) }
    }

    private static func check(_ intent: RotationIntent) {
        guard let again = RotationIntent(intent.json, nonce: intent.nonce) else { violated("an intent that is written is read") }
        hold(again == intent, "an intent is read as it was written: \(intent.json.compact)")
    }

    private static func check(_ bundle: borrowing SecretBundle) {
        guard let document = try? JSONDocument(bundle.encoded()), let again = try? SecretBundle(document, document.root) else {
            violated("a bundle that is written is read")
        }
        hold(again.facts == bundle.facts, "the facts of a bundle are read as they were written: \(bundle.facts)")
        hold(SecretBundle.equal(again, bundle), "a bundle is read as it was written")
    }

    private static let nonce = fixedKey(RotationIntent.nonceSize, 6)

    /// A first block with the text in it, as only who has the key can write it.
    private static func block(_ text: [UInt8]) -> [UInt8]? {
        guard !text.isEmpty, text.count <= BlockFile.blockSize - 82 else { return nil }
        let message = Array("\(vaultId)\n\(accountId)\n".utf8) + nonce + text
        var block = Array("AUAJ-INTENT-1\n\0\0".utf8) + nonce + keys.writerMAC("intent-1", message.span)
        block += [UInt8(text.count >> 8), UInt8(text.count & 0xFF)] + text
        return block + [UInt8](repeating: 0, count: BlockFile.blockSize - block.count)
    }

    private static func intent(_ text: [UInt8]) {
        guard let block = block(text) else { return }
        // A record always has the space of its result.
        place(block + [UInt8](repeating: 0, count: BlockFile.blockSize))
        switch found() {
        case .empty:
            let intent = (try? JSONValue(parsing: text.span)).flatMap { RotationIntent($0, nonce: nonce) }
            hold(intent == nil, "an intent with its MAC is found")
        case .intent(let intent): check(intent)
        case .result: violated("without a second block there is no result")
        }
    }

    private static let someIntent = Array(
        RotationIntent(
            generation: 1, fingerprint: "0123456789abcdef", attempt: 1, holder: nil, boot: nil, writtenAt: .zero,
            time: Timestamp(seconds: 1_795_251_959)
        ).json.compact.utf8)

    /// The text as the bundle of a sealed result behind an intent.
    private static func result(_ text: [UInt8]) {
        // Anything else is refused before it is looked at, and sealing takes its time.
        guard (try? JSONDocument(SecretBytes(text))) != nil, var record = block(someIntent) else { return }
        var body = SecretJSONWriter(capacity: 16384)
        body.member("vaultId", .string(vaultId))
        body.member("accountId", .string(accountId))
        body.member("generation", 2)
        body.member("nonce", .string(Hex.encode(nonce.span)))
        body.member("spent", "0123456789abcdef")
        body.member("bundle", raw: text.span)
        let bodyText = body.finish()
        var outer = SecretJSONWriter(capacity: 16384)
        outer.member("mac", .string(bodyText.withBytes { Hex.encode(keys.writerMAC("journal-1", $0).span) }))
        bodyText.withBytes { outer.member("body", raw: $0) }
        let sealed = outer.finish().withBytes { AgeFile.seal($0, to: [keys.recipient]) }
        record += Array("AUAJ-RESULT-1\n\0\0".utf8)
        record += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: UInt32(sealed.count) >> $0) }
        record += SHA256.hash(sealed.span) + sealed
        place(record)
        _ = found()
    }
}
