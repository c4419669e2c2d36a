import COpenSSL

/// X25519 key agreement (RFC 7748).
package enum X25519 {
    /// Bytes of a private key, a public key and a shared secret.
    package static let size = 32
    /// The public key that belongs to a private one of 32 bytes.
    package static func publicKey(of privateKey: Span<UInt8>) -> [UInt8] {
        precondition(privateKey.count == size, "an X25519 key has 32 bytes")
        let own = unsafe privateKey.withUnsafeBufferPointer {
            unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, $0.baseAddress, $0.count)
        }
        defer { unsafe EVP_PKEY_free(own) }
        var key = [UInt8](repeating: 0, count: size)
        var length = size
        let found = unsafe key.withUnsafeMutableBufferPointer { unsafe EVP_PKEY_get_raw_public_key(own, $0.baseAddress, &length) }
        precondition(found == 1 && length == size, "X25519 gave no public key")
        return key
    }

    /// The shared secret, or nil if the peer's key is no usable point (all-zero result, RFC 7748 section 6.1).
    package static func agree(privateKey: Span<UInt8>, publicKey: Span<UInt8>) -> SecretBytes? {
        guard privateKey.count == size, publicKey.count == size else { return nil }
        let own = unsafe privateKey.withUnsafeBufferPointer {
            unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, $0.baseAddress, $0.count)
        }
        defer { unsafe EVP_PKEY_free(own) }
        let peer = unsafe publicKey.withUnsafeBufferPointer {
            unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nil, $0.baseAddress, $0.count)
        }
        defer { unsafe EVP_PKEY_free(peer) }
        guard let own = unsafe own, let peer = unsafe peer, let context = unsafe EVP_PKEY_CTX_new(own, nil) else { return nil }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_derive_init(context) == 1, unsafe EVP_PKEY_derive_set_peer(context, peer) == 1 else { return nil }

        var secret = SecretBytes(zeroes: size)
        var length = size
        let derived = secret.withMutableBytes { span in
            unsafe span.withUnsafeMutableBufferPointer { unsafe EVP_PKEY_derive(context, $0.baseAddress, &length) }
        }
        let zeroes = [UInt8](repeating: 0, count: size)
        guard derived == 1, length == size, !secret.withBytes({ constantTimeEqual($0, zeroes.span) }) else { return nil }
        return secret
    }
}
