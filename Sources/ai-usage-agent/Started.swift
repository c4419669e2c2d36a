import CFrontDoor

/// What the program was started with, and its end.
enum Started {
    /// The arguments without the program's own name.
    static func arguments() -> [[UInt8]] {
        var words: [[UInt8]] = []
        for position in 1..<max(1, door_argument_count()) {
            if let text = unsafe door_argument(position) { unsafe words.append(bytes(text)) }
        }
        return words
    }

    /// Every `NAME=VALUE`, in order.
    static func forEachVariable(_ body: ([UInt8]) -> Void) {
        var entry = unsafe door_environment()
        while let text = unsafe entry.pointee {
            unsafe body(bytes(text))
            unsafe entry += 1
        }
    }

    static var user: UInt32 { door_user() }

    static func end(_ status: Int32) -> Never { door_exit(status) }

    private static func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
        let length = unsafe door_length(text)
        return unsafe text.withMemoryRebound(to: UInt8.self, capacity: length) {
            unsafe Array(UnsafeBufferPointer(start: $0, count: length))
        }
    }
}

/// A path that nobody else can have put there.
enum PrivatePath {
    /// A real directory of this user with mode 0700.
    static func isDirectory(_ path: [UInt8]) -> Bool { unsafe path.withText { unsafe door_is_private($0, door_directory) } }

    /// A socket of this user with mode 0600.
    static func isSocket(_ path: [UInt8]) -> Bool { unsafe path.withText { unsafe door_is_private($0, door_socket) } }
}

extension [UInt8] {
    /// Lends the bytes as C reads text; none of them is NUL, as they came from C.
    func withText<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
        let terminated = self + [0]
        return unsafe terminated.withUnsafeBytes { bytes in
            // Never empty: there is the NUL.
            unsafe body(bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self))
        }
    }
}
