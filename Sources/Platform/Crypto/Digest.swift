import COpenSSL

/// SHA-256 (FIPS 180-4).
package enum SHA256 {
    /// Bytes of a digest.
    package static let size = 32

    /// The digest, 32 bytes.
    package static func hash(_ bytes: Span<UInt8>) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: size)
        let ok = unsafe bytes.withUnsafeBufferPointer { input in
            unsafe digest.withUnsafeMutableBufferPointer { output in
                unsafe EVP_Digest(input.baseAddress, input.count, output.baseAddress, nil, EVP_sha256(), nil)
            }
        }
        precondition(ok == 1, "SHA-256 failed")
        return digest
    }
}

/// HMAC-SHA256 (RFC 2104).
package enum HMACSHA256 {
    /// The tag, 32 bytes, under a key of any length.
    package static func authenticate(_ message: Span<UInt8>, key: Span<UInt8>) -> [UInt8] {
        var tag = [UInt8](repeating: 0, count: SHA256.size)
        let done = unsafe key.withUnsafeBytes { key in
            unsafe message.withUnsafeBufferPointer { message in
                unsafe tag.withUnsafeMutableBufferPointer { tag in
                    // A null key pointer would mean "the key of last time" to OpenSSL.
                    unsafe HMAC(
                        EVP_sha256(), key.baseAddress ?? UnsafeRawPointer(bitPattern: 1), Int32(key.count),
                        message.baseAddress, message.count, tag.baseAddress, nil) != nil
                }
            }
        }
        precondition(done, "HMAC-SHA256 failed")
        return tag
    }

    /// The same under a key in protected memory.
    package static func authenticate(_ message: Span<UInt8>, key: borrowing SecretBytes) -> [UInt8] {
        key.withBytes { authenticate(message, key: $0) }
    }

    /// The tag as key material for a further step (HKDF), in protected memory.
    package static func derive(_ message: Span<UInt8>, key: Span<UInt8>) -> SecretBytes {
        var tag = authenticate(message, key: key)
        let secret = SecretBytes(copying: tag.span)
        wipe(&tag)
        return secret
    }
}

/// HKDF-SHA256 (RFC 5869) for outputs of at most 32 bytes, which is all that age and the vault need.
package enum HKDFSHA256 {
    /// 32 bytes of key material for the purpose `info`; an empty salt counts as 32 zero bytes (RFC 5869 section 2.2).
    package static func derive(secret: Span<UInt8>, salt: Span<UInt8>, info: String) -> SecretBytes {
        let zeroes = [UInt8](repeating: 0, count: SHA256.size)
        let pseudorandom =
            salt.isEmpty
            ? HMACSHA256.derive(secret, key: zeroes.span) : HMACSHA256.derive(secret, key: salt)
        let block = Array(info.utf8) + [1]
        return pseudorandom.withBytes { HMACSHA256.derive(block.span, key: $0) }
    }

    /// The same of a secret in protected memory.
    package static func derive(secret: borrowing SecretBytes, salt: Span<UInt8>, info: String) -> SecretBytes {
        secret.withBytes { derive(secret: $0, salt: salt, info: info) }
    }
}
