import CFrontDoor

/// The program behind the front door, which does everything else.
enum FullProgram {
    /// As `make install` puts it, and beside the front door, as a build leaves it; never from PATH.
    private static let places = ["/../libexec/ai-usage-agent/ai-usage-agent-cli", "/ai-usage-agent-cli"]

    /// Becomes it, with the same arguments and variables.
    static func become() -> Never {
        Reply.wipe()
        let directory = directoryOfProgram()
        if let directory {
            for place in places {
                let path = directory + Array(place.utf8)
                _ = unsafe path.withText { unsafe door_become($0) }
            }
        }
        say(directory)
        Started.end(1)
    }

    /// Where this program stands, which may differ from what it was called.
    private static func directoryOfProgram() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let length = unsafe buffer.withUnsafeMutableBufferPointer {
            unsafe door_directory_of_program($0.baseAddress.unsafelyUnwrapped, $0.count)
        }
        return length < 0 ? nil : Array(buffer[..<length])
    }

    private static func say(_ directory: [UInt8]?) {
        var line: [UInt8] = []
        line.append("ai-usage-agent: the program itself, ai-usage-agent-cli, cannot be started from ")
        line.append(contentsOf: (directory ?? []).shown)
        line.append("/../libexec/ai-usage-agent or ")
        line.append(contentsOf: (directory ?? []).shown)
        line.append(": install it anew (make install in the source folder, or the whole package again)\n")
        unsafe line.withUnsafeBufferPointer { unsafe door_say($0.baseAddress.unsafelyUnwrapped, $0.count) }
    }
}

extension [UInt8] {
    /// Without what a terminal would obey.
    fileprivate var shown: [UInt8] { map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: "?") : $0 } }
}
