import COpenSSL

/// scrypt (RFC 7914) with age's fixed block size 8 and parallelism 1.
package enum Scrypt {
    /// A 32-byte key from a passphrase; needs 2^workFactor KiB of memory (`workFactor` is log2(N), 1 to 24) and blocks the calling
    /// thread meanwhile.
    /// Nil when the memory is not to be had.
    package static func derive(passphrase: borrowing SecretBytes, salt: Span<UInt8>, workFactor: Int) -> SecretBytes? {
        precondition((1...24).contains(workFactor))
        let cost = UInt64(1) << UInt64(workFactor)
        var key = SecretBytes(zeroes: 32)
        let ok = passphrase.withBytes { passphrase in
            unsafe passphrase.withUnsafeBytes { passphrase in
                unsafe salt.withUnsafeBufferPointer { salt in
                    key.withMutableBytes { key in
                        unsafe key.withUnsafeMutableBufferPointer { key in
                            unsafe EVP_PBE_scrypt(
                                passphrase.baseAddress?.assumingMemoryBound(to: CChar.self), passphrase.count,
                                salt.baseAddress, salt.count, cost, 8, 1,
                                // OpenSSL's own ceiling is 32 MiB; ours is what the cost really takes, and a little.
                                cost * 1024 + (1 << 21), key.baseAddress, key.count)
                        }
                    }
                }
            }
        }
        if ok != 1 { return nil }
        return key
    }
}
