import CFrontDoor

/// One question to a server that belongs to this user.
struct AgentConnection: ~Copyable {
    private let descriptor: Int32

    /// - Returns: nil where nobody answers, or somebody else does.
    init?(to path: [UInt8]) {
        descriptor = unsafe path.withText { unsafe door_connect($0) }
        if descriptor < 0 { return nil }
    }

    deinit { door_close(descriptor) }

    borrowing func send(_ message: [UInt8]) -> Bool {
        unsafe message.withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress else { return false }
            return unsafe door_send(descriptor, start, bytes.count)
        }
    }

    /// - Returns: nil for silence, a cut, two messages, and one of more than 64 KiB.
    consuming func receive() -> Reply? {
        let count = door_receive(descriptor)
        return count < 0 ? nil : Reply(count: count)
    }
}

/// The reply in the one buffer that there is for it, which is locked where that is allowed.
struct Reply {
    let count: Int

    fileprivate init(count: Int) { self.count = count }

    subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < count)
        return unsafe door_reply()[index]
    }

    func holds(_ text: String, at range: Range<Int>) -> Bool {
        guard range.count == text.utf8.count else { return false }
        var index = range.lowerBound
        for byte in text.utf8 {
            if self[index] != byte { return false }
            index += 1
        }
        return true
    }

    /// Writes a part of it to standard output, in one call.
    ///
    /// - Returns: false where it did not arrive.
    func print(_ part: Range<Int>, asHeader isHeader: Bool) -> Bool { door_print(part.lowerBound, part.count, isHeader) }

    static func wipe() { door_wipe() }
}
