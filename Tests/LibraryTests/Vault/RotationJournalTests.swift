import Age
import Platform
import TestSupport
import Testing

@testable import Vault

struct RotationJournalTests {
    private static let file = VaultHome.data + "/journal/" + accountId(1)

    /// A vault whose journal holds a result of generation 2.
    private static func withRecord(_ body: (VaultHome, RotationJournal) async throws -> Void) async throws {
        try await VaultHome.withVault { home in
            let journal = try await home.open().journal
            let intent = demoIntent("spent")
            try journal.begin(intent, accountId(1), tokenSizes: 100)
            try journal.write(demoBundle(1, access: "new", refresh: "next", generation: 2), for: intent)
            try await body(home, journal)
        }
    }

    private static func read(_ journal: RotationJournal, _ number: Int = 1) throws -> (contents: BundleContents, spent: String)? {
        try journal.read(accountId(number)).map { (BundleContents($0.bundle), $0.spentFingerprint) }
    }

    @Test("What was written is read back, also by another process's journal")
    func roundTrip() async throws {
        try await Self.withRecord { home, journal in
            let again = try await home.open().journal
            for journal in [journal, again] {
                let found = try #require(try Self.read(journal))
                #expect(found.contents == BundleContents(demoBundle(1, access: "new", refresh: "next", generation: 2)))
                #expect(found.spent == "spent")
                #expect(try journal.mark(accountId(1)) == .result)
            }
            #expect(home.folder.mode(of: Self.file) == 0o600)
            #expect(try await VaultInspection.run(home.vault()).pending == 0, "auth.json does not know the account")
            try await home.store.update { $0.accounts.append(demoRecord(1)) }
            #expect(try await VaultInspection.run(home.vault()).pending == 1)
        }
    }

    @Test("Without a result there is nothing to read, before and after the space is taken")
    func nothing() async throws {
        try await VaultHome.withVault { home in
            let journal = try await home.open().journal
            #expect(try Self.read(journal) == nil)
            #expect(try journal.mark(accountId(1)) != .result)
            try journal.begin(demoIntent(), accountId(1), tokenSizes: 100)
            #expect(try Self.read(journal) == nil)
            #expect(try journal.mark(accountId(1)) != .result)
            // Room for the largest body that is read (64 KiB), what is kept of the old tokens, and the sealing.
            #expect((home.folder.read(Self.file)?.count ?? 0) >= 4096 + 65536 + 100)
        }
    }

    @Test(
        "The space that is taken beforehand fits the tokens, and the result does not move the file's end", arguments: [10, 10_000, 100_000])
    func space(_ size: Int) async throws {
        try await VaultHome.withVault { home in
            let journal = try await home.open().journal
            let intent = demoIntent()
            try journal.begin(intent, accountId(1), tokenSizes: size)
            let before = try #require(home.folder.read(Self.file)).count
            let inode = home.folder.inode(of: Self.file)
            let token = String(repeating: "t", count: size)
            try journal.write(demoBundle(1, access: token, refresh: "r", generation: 2), for: intent)
            #expect(home.folder.read(Self.file)?.count == before)
            #expect(home.folder.inode(of: Self.file) == inode)
            #expect(try Self.read(journal)?.contents.access == token)
        }
    }

    @Test("A record with any byte changed, in nonce, header or sealed result, is no result")
    func torn() async throws {
        try await Self.withRecord { home, journal in
            let record = try #require(home.folder.read(Self.file))
            let length = record[4096 + 16..<4096 + 20].reduce(0) { $0 << 8 | Int($1) }
            let end = 4096 + 52 + length
            let places = Array(0..<200) + Array(4096..<4096 + 300) + Array(stride(from: 4396, to: end, by: 13)) + [end - 1]
            for place in places {
                var changed = record
                changed[place] ^= 0x10
                try home.folder.write(changed, Self.file)
                #expect(try Self.read(journal) == nil, "byte \(place) of \(end)")
            }
            try home.folder.write(record, Self.file)
            #expect(try Self.read(journal) != nil)
        }
    }

    @Test("A record that was written in part is no result")
    func partlyWritten() async throws {
        try await Self.withRecord { home, journal in
            let record = try #require(home.folder.read(Self.file))
            for length in [0, 1, 16, 47, 48, 81, 200, 4096, 4112, 4147, 4148, 4149, 4500] {
                try home.folder.write(Array(record.prefix(length)), Self.file)
                #expect(try Self.read(journal) == nil, "cut at \(length)")
                try home.folder.write(record.prefix(length) + [UInt8](repeating: 0, count: record.count - length), Self.file)
                #expect(try Self.read(journal) == nil, "zeros from \(length)")
            }
        }
    }

    @Test("A result is bound to the nonce of its own request")
    func nonce() async throws {
        try await Self.withRecord { home, journal in
            try journal.begin(demoIntent(), accountId(1), tokenSizes: 100)
            #expect(try Self.read(journal) == nil, "the next request has begun")
        }
    }

    @Test("The whole result of an earlier request is none behind the intent of a later one")
    func earlierResult() async throws {
        try await Self.withRecord { home, journal in
            let record = try #require(home.folder.read(Self.file))
            // A power loss may leave the one block and lose the other.
            try journal.begin(demoIntent("spent"), accountId(1), tokenSizes: 100)
            let later = try #require(home.folder.read(Self.file))
            try home.folder.write(Array(later.prefix(4096) + record.dropFirst(4096)), Self.file)
            #expect(try journal.mark(accountId(1)) == .result)
            #expect(try Self.read(journal) == nil)
            switch try journal.look(accountId(1)) {
            case .intent(let intent): #expect(intent.nonce == Array(later[16..<48]))
            default: Issue.record("the intent is there, and nothing behind it")
            }
            try home.folder.write(record, Self.file)
            #expect(try Self.read(journal) != nil)
        }
    }

    @Test("A result is read for its own account, in its own vault, with its own keys only")
    func foreign() async throws {
        try await Self.withRecord { home, journal in
            let record = try #require(home.folder.read(Self.file))
            try home.folder.write(record, VaultHome.data + "/journal/" + accountId(2))
            #expect(try Self.read(journal, 2) == nil)
            let data = try PrivateDirectory.open(home.paths.data)
            #expect(try Self.read(RotationJournal(data: data, vaultId: Random.uuid(), keys: try home.keys())) == nil)
            let id = try #require(try home.store.read().vault?.id)
            #expect(try Self.read(RotationJournal(data: data, vaultId: id, keys: VaultKeys(.generate()))) == nil)
            #expect(try Self.read(RotationJournal(data: data, vaultId: id, keys: try home.keys())) != nil)
        }
    }

    @Test("A record that a stranger sealed to our public recipient is no result")
    func stranger() async throws {
        try await Self.withRecord { home, journal in
            let file = try #require(home.folder.read(Self.file))
            let ours = try home.keys()
            let id = try #require(try home.store.read().vault?.id)
            let nonce = Hex.encode(file.span.extracting(16..<48))
            let evil = text(demoBundle(1, access: "evil").encoded())
            let body =
                #"{"vaultId":"\#(id)","accountId":"\#(accountId(1))","generation":9,"nonce":"\#(nonce)","spent":"s","bundle":"# + evil + "}"
            let theirs = VaultKeys(.generate())
            try home.folder.write(Self.record(file, body, sealedBy: theirs, to: ours.recipient), Self.file)
            #expect(try Self.read(journal) == nil)
            try home.folder.write(Self.record(file, body, sealedBy: ours, to: ours.recipient), Self.file)
            #expect(try Self.read(journal)?.contents.access == "evil", "the same bytes under our own seal")
        }
    }

    /// A record with the nonce of the file, whose result is the body under the seal of those keys.
    private static func record(_ file: [UInt8], _ body: String, sealedBy keys: VaultKeys, to recipient: AgeRecipient) -> [UInt8] {
        let bytes = Array(body.utf8)
        let mac = Hex.encode(keys.writerMAC("journal-1", bytes.span).span)
        let plaintext = Array(#"{"mac":"\#(mac)","body":\#(body)}"#.utf8)
        let sealed = AgeFile.seal(plaintext.span, to: [recipient])
        var record = Array(file.prefix(4096)) + Array("AUAJ-RESULT-1\n\0\0".utf8)
        record += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sealed.count >> $0) }
        record += SHA256.hash(sealed.span)
        return record + sealed
    }

    @Test("A cleared record is gone, its file stays, and removing takes both")
    func clearing() async throws {
        try await Self.withRecord { home, journal in
            try journal.clear(accountId(1))
            try journal.clear(accountId(2))
            #expect(try Self.read(journal) == nil)
            #expect(try journal.mark(accountId(1)) != .result)
            #expect(home.folder.read(Self.file)?.allSatisfy { $0 == 0 } == true)
            try journal.remove(accountId(1))
            try journal.remove(accountId(1))
            #expect(home.folder.read(Self.file) == nil)
        }
    }

    @Test("A shorter result over a longer one leaves nothing of it that is read")
    func overwritten() async throws {
        try await Self.withRecord { _, journal in
            for (token, generation) in [(String(repeating: "x", count: 9000), 3), ("short", 4)] {
                let intent = demoIntent("s\(generation)")
                try journal.begin(intent, accountId(1), tokenSizes: 9000)
                try journal.write(demoBundle(1, access: token, generation: generation), for: intent)
                let found = try #require(try Self.read(journal))
                #expect(found.contents.access == token && found.contents.facts.generation == generation && found.spent == "s\(generation)")
            }
        }
    }
}
