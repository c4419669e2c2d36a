extension Span<UInt8> {
    /// Whether the bytes of `needle` stand anywhere in here, ASCII letters compared without case; false for an empty one.
    package func contains(_ needle: Span<UInt8>) -> Bool {
        guard !needle.isEmpty, needle.count <= count else { return false }
        func folded(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 0x20 : byte }
        for start in 0...(count - needle.count) {
            var length = 0
            while length < needle.count, folded(self[start + length]) == folded(needle[length]) { length += 1 }
            if length == needle.count { return true }
        }
        return false
    }
}
