import Platform

/// The encrypted payload: a nonce, then chunks of 64 KiB, each sealed on its own, the last one marked (STREAM).
///
/// Source: age, section "Payload".
enum PayloadStream {
    static let nonceSize = 16
    static let chunkSize = 65536
    private static let sealedChunkSize = chunkSize + ChaCha20Poly1305.tagSize

    static func seal(_ plaintext: Span<UInt8>, fileKey: borrowing FileKey, into file: inout [UInt8]) {
        let nonce = Random.bytes(nonceSize)
        let key = fileKey.payloadKey(nonce: nonce.span)
        // An empty plaintext is one empty chunk.
        let chunks = max(1, pieces(plaintext.count, of: chunkSize))
        file.reserveCapacity(file.count + nonceSize + plaintext.count + chunks * ChaCha20Poly1305.tagSize)
        file += nonce
        for index in 0..<chunks {
            let start = index * chunkSize
            let chunk = plaintext.extracting(start..<min(start + chunkSize, plaintext.count))
            let nonce = chunkNonce(index, isLast: index == chunks - 1)
            ChaCha20Poly1305.seal(chunk, key: key, nonce: nonce, into: &file)
        }
    }

    /// The whole plaintext, or nothing: chunks that opened before one that did not are wiped, not released.
    static func open(_ payload: Span<UInt8>, fileKey: borrowing FileKey) throws(AgeError) -> SecretBytes {
        guard payload.count >= nonceSize else { throw AgeError(.header, "the payload's nonce is missing") }
        let key = fileKey.payloadKey(nonce: payload.extracting(first: nonceSize))
        let sealed = payload.extracting(droppingFirst: nonceSize)
        let chunks = pieces(sealed.count, of: sealedChunkSize)
        let lastSize = sealed.count - max(0, chunks - 1) * sealedChunkSize - ChaCha20Poly1305.tagSize
        guard chunks > 0, lastSize >= 0 else { throw AgeError(.payload, "the payload is cut off") }
        guard lastSize > 0 || chunks == 1 else { throw AgeError(.payload, "the payload ends with an empty chunk") }

        var plaintext = SecretBytes(zeroes: (chunks - 1) * chunkSize + lastSize)
        for index in 0..<chunks {
            let isLast = index == chunks - 1
            let size = isLast ? lastSize : chunkSize
            let start = index * sealedChunkSize
            let chunk = sealed.extracting(start..<start + size + ChaCha20Poly1305.tagSize)
            let nonce = chunkNonce(index, isLast: isLast)
            let isGenuine = plaintext.withMutableBytes(in: index * chunkSize..<index * chunkSize + size) { part in
                ChaCha20Poly1305.open(chunk, key: key, nonce: nonce, into: &part)
            }
            guard isGenuine else { throw AgeError(.payload, "a chunk of the payload does not open") }
        }
        return plaintext
    }

    /// An 11-byte big endian counter and the mark of the last chunk.
    private static func chunkNonce(_ index: Int, isLast: Bool) -> [UInt8] {
        var nonce = [UInt8](repeating: 0, count: ChaCha20Poly1305.nonceSize)
        for byte in 0..<8 { nonce[10 - byte] = UInt8(truncatingIfNeeded: index >> (8 * byte)) }
        nonce[11] = isLast ? 1 : 0
        return nonce
    }

    private static func pieces(_ count: Int, of size: Int) -> Int { (count + size - 1) / size }
}
