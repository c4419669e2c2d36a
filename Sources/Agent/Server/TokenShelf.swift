import OAuth
import Platform
import Vault

/// The live tokens as they were handed out last, ready to be sent again: what makes a token cost one round trip.
///
/// An answer stands here only for as long as auth.json is the file it was made from; every question looks at that file first.
/// What a change of it leaves true is kept by account and generation, so that a shelf of ten thousand is not filled anew.
final class TokenShelf: Sendable {
    /// What a caller asks for, apart from how long the token must live.
    struct Question: Sendable, Hashable {
        let provider: String
        let account: String?
    }

    /// One token with its answer.
    final class Entry: Sendable {
        let message: OutgoingMessage
        let facts: BundleFacts
        /// An explicit name counts as a use of the account.
        let lastNotedUse = Guarded<Timestamp?>(nil)

        init(_ held: HeldToken) {
            facts = held.facts
            message = VarlinkReply.success(secret: TokenShelf.answer(held))
        }

        init(_ facts: BundleFacts, _ message: OutgoingMessage) { (self.facts, self.message) = (facts, message) }
    }

    private struct Content: Sendable {
        var isLocked = false
        var stamp: FileStamp?
        var answers: [Question: Entry] = [:]
        var entries: [String: Entry] = [:]
        var epoch = 0
    }

    private let content = Guarded(Content())
    private let file: String
    /// Different words for the same account; beyond these all are forgotten and found anew.
    private static let mostAnswers = 20_000

    init(metadataFile: String) { file = metadataFile }

    /// The answer if nothing speaks against giving it at once; nil if somebody has to look.
    func answer(_ question: Question, minimum: Int?, now: Timestamp) -> Entry? {
        guard let stamp = FileStamp(file) else { return nil }
        return content.peek { content in
            guard !content.isLocked, content.stamp == stamp, let entry = content.answers[question],
                entry.facts.isFresh(at: now, minimum: minimum)
            else { return nil }
            return entry
        }
    }

    /// What auth.json is now; to be taken before the file is read.
    func look() -> (stamp: FileStamp?, epoch: Int) { (FileStamp(file), content.peek { $0.epoch }) }

    /// The account's token of that generation, if it is here and fresh.
    func entry(_ account: AccountRecord, minimum: Int?, now: Timestamp) -> Entry? {
        content.peek { content in
            guard !content.isLocked, let entry = content.entries[account.id], entry.facts.generation == account.generation,
                entry.facts.isFresh(at: now, minimum: minimum)
            else { return nil }
            return entry
        }
    }

    /// Keeps an answer that was made from auth.json as `look` saw it.
    func keep(_ entry: Entry, for question: Question, seen: (stamp: FileStamp?, epoch: Int)) {
        guard let stamp = seen.stamp else { return }
        content.change { content in
            // Locked, or emptied, since the question came.
            guard !content.isLocked, content.epoch == seen.epoch else { return }
            if content.stamp != stamp {
                content.stamp = stamp
                content.answers.removeAll(keepingCapacity: true)
            }
            if content.answers.count >= TokenShelf.mostAnswers { content.answers.removeAll(keepingCapacity: true) }
            content.answers[question] = entry
            content.entries[entry.facts.accountId] = entry
        }
    }

    /// Keeps many tokens at once, many to a block.
    struct Filling: ~Copyable {
        fileprivate private(set) var entries: [Entry] = []
        private var buffer = SecretBuffer(capacity: size)
        private var waiting: [(facts: BundleFacts, range: Range<Int>)] = []
        private static let size = 128 << 10

        init() {}

        mutating func add(_ held: HeldToken) {
            let start = buffer.count
            buffer.append("{\"parameters\":")
            buffer.append(TokenShelf.answer(held))
            buffer.append("}\0")
            waiting.append((held.facts, start..<buffer.count))
            if buffer.count > Filling.size * 3 / 4 { close() }
        }

        mutating func close() {
            let block = SecretBlock(buffer.withBytes { SecretBytes(copying: $0) })
            buffer = SecretBuffer(capacity: Filling.size)
            for (facts, range) in waiting { entries.append(Entry(facts, OutgoingMessage(block, range))) }
            waiting = []
        }
    }

    func keep(_ filling: consuming Filling, epoch: Int) {
        var filling = filling
        filling.close()
        let entries = filling.entries
        content.change { content in
            guard !content.isLocked, content.epoch == epoch else { return }
            for entry in entries { content.entries[entry.facts.accountId] = entry }
        }
    }

    /// Keeps one token by its account alone; who asks for it is told apart later.
    func keep(_ held: HeldToken, epoch: Int) {
        let entry = Entry(held)
        content.change { content in
            guard !content.isLocked, content.epoch == epoch else { return }
            content.entries[entry.facts.accountId] = entry
        }
    }

    var count: Int { content.peek { $0.entries.count } }

    /// Drops every token of accounts that are not there any more.
    func retain(_ accounts: Set<String>) {
        content.change { content in content.entries = content.entries.filter { accounts.contains($0.key) } }
    }

    /// Forgets one account's token.
    func forget(_ accountId: String) {
        content.change { content in
            content.entries[accountId] = nil
            content.answers = content.answers.filter { $0.value.facts.accountId != accountId }
            content.epoch += 1
        }
    }

    /// Forgets everything; nothing is kept until `unlock`.
    func lock() {
        content.change { content in
            content = Content(isLocked: true, epoch: content.epoch + 1)
        }
    }

    func unlock() { content.change { $0.isLocked = false } }

    private static func answer(_ held: HeldToken) -> SecretBytes {
        var writer = SecretJSONWriter()
        writer.member("accessToken", secret: held.accessToken)
        writer.member("tokenType", .string(held.facts.tokenType))
        writer.member("expiresAt", .optional(held.facts.expiresAt?.description))
        writer.member("accountId", .string(held.facts.accountId))
        writer.member("accountKey", .string(held.facts.accountKey))
        if let warning = held.warning { writer.member("warning", .string(warning)) }
        return writer.finish()
    }
}
