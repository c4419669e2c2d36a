extension SecretBytes {
    /// Lends a part of the bytes for writing for the time of the call.
    ///
    /// A range outside of the secret is a programming error. (A `MutableSpan` cannot be cut by public API yet.)
    package mutating func withMutableBytes<R: ~Copyable, E: Error>(
        in range: Range<Int>, _ body: (inout MutableSpan<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return try withMutableBytes { whole throws(E) in
            try unsafe whole.withUnsafeMutableBufferPointer { buffer throws(E) in
                var part = unsafe UnsafeMutableBufferPointer(rebasing: buffer[range]).mutableSpan
                return try body(&part)
            }
        }
    }
}
