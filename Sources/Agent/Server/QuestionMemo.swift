import Platform

/// Questions by the bytes they came in: a client asks the same thing in the same words, and what they mean needs to be found
/// out once. It holds no answer; everything that can change is looked at each time. Only the event thread touches it.
struct QuestionMemo {
    private struct Slot {
        let message: [UInt8]
        let question: TokenShelf.Question
        let minimum: Int?
    }

    private var slots = [Slot?](repeating: nil, count: size)
    private static let size = 1024
    /// A longer message is rare and understood anew.
    private static let longest = 512

    func find(_ message: Span<UInt8>) -> (question: TokenShelf.Question, minimum: Int?)? {
        guard message.count <= QuestionMemo.longest, let slot = slots[QuestionMemo.index(message)], slot.message.count == message.count
        else { return nil }
        for position in message.indices where message[position] != slot.message[position] { return nil }
        return (slot.question, slot.minimum)
    }

    mutating func keep(_ message: Span<UInt8>, _ question: TokenShelf.Question, _ minimum: Int?) {
        guard message.count <= QuestionMemo.longest else { return }
        slots[QuestionMemo.index(message)] = Slot(message: message.indices.map { message[$0] }, question: question, minimum: minimum)
    }

    /// Of the end, where the names are; who makes two questions fall into one slot slows down their own.
    private static func index(_ message: Span<UInt8>) -> Int {
        var hash = UInt64(message.count)
        for position in message.indices.suffix(256) { hash = (hash &* 31) &+ UInt64(message[position]) }
        return Int((hash ^ hash >> 20) % UInt64(size))
    }
}
