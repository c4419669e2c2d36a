import COpenSSL

/// ChaCha20-Poly1305 (RFC 8439) without associated data, as age uses it.
package enum ChaCha20Poly1305 {
    /// Bytes, as the two that follow (RFC 8439 section 2.8).
    package static let keySize = 32
    package static let nonceSize = 12
    package static let tagSize = 16

    /// Ciphertext and tag appended to `output`. A key or nonce of another length is a programming error.
    package static func seal(_ plaintext: Span<UInt8>, key: borrowing SecretBytes, nonce: [UInt8], into output: inout [UInt8]) {
        precondition(key.count == keySize && nonce.count == nonceSize)
        var sealed = [UInt8](repeating: 0, count: plaintext.count + tagSize)
        let ok = unsafe run(encrypt: true, key: key, nonce: nonce) { context in
            unsafe plaintext.withUnsafeBufferPointer { input in
                unsafe sealed.withUnsafeMutableBufferPointer { output in
                    var written: Int32 = 0
                    if input.count > 0 {
                        guard unsafe EVP_EncryptUpdate(context, output.baseAddress, &written, input.baseAddress, Int32(input.count)) == 1
                        else { return false }
                    }
                    var rest: Int32 = 0
                    guard unsafe EVP_EncryptFinal_ex(context, output.baseAddress! + Int(written), &rest) == 1 else { return false }
                    return unsafe EVP_CIPHER_CTX_ctrl(
                        context, EVP_CTRL_AEAD_GET_TAG, Int32(tagSize), output.baseAddress! + input.count) == 1
                }
            }
        }
        precondition(ok, "ChaCha20-Poly1305 failed to seal")
        output.append(contentsOf: sealed)
    }

    /// The plaintext written over `target` (as long as the ciphertext without its tag); false, and `target` zeroed, if
    /// the tag does not fit.
    package static func open(_ sealed: Span<UInt8>, key: borrowing SecretBytes, nonce: [UInt8], into target: inout MutableSpan<UInt8>)
        -> Bool
    {
        precondition(key.count == keySize && nonce.count == nonceSize)
        guard sealed.count >= tagSize, target.count == sealed.count - tagSize else { return false }
        let length = target.count
        let ok = unsafe run(encrypt: false, key: key, nonce: nonce) { context in
            unsafe sealed.withUnsafeBufferPointer { input in
                unsafe target.withUnsafeMutableBufferPointer { output in
                    let tag = unsafe UnsafeMutableRawPointer(mutating: input.baseAddress! + length)
                    guard unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagSize), tag) == 1 else { return false }
                    var written: Int32 = 0
                    if length > 0 {
                        guard unsafe EVP_DecryptUpdate(context, output.baseAddress, &written, input.baseAddress, Int32(length)) == 1
                        else { return false }
                    }
                    var spare: (UInt64, UInt64) = (0, 0)
                    var rest: Int32 = 0
                    return unsafe withUnsafeMutableBytes(of: &spare) {
                        unsafe EVP_DecryptFinal_ex(context, $0.baseAddress!.assumingMemoryBound(to: UInt8.self), &rest) == 1
                    }
                }
            }
        }
        if !ok {
            unsafe target.withUnsafeMutableBytes { if $0.count > 0 { unsafe OPENSSL_cleanse($0.baseAddress!, $0.count) } }
        }
        return ok
    }

    private static func run(
        encrypt: Bool, key: borrowing SecretBytes, nonce: [UInt8], _ body: (OpaquePointer) -> Bool
    ) -> Bool {
        guard let context = unsafe EVP_CIPHER_CTX_new() else { return false }
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        let ready = key.withBytes { key in
            unsafe key.withUnsafeBufferPointer { key in
                unsafe nonce.withUnsafeBufferPointer { nonce in
                    unsafe EVP_CipherInit_ex(
                        context, EVP_chacha20_poly1305(), nil, key.baseAddress, nonce.baseAddress, encrypt ? 1 : 0)
                }
            }
        }
        return unsafe ready == 1 && body(context)
    }
}
