import COpenSSL

/// The libcrypto that this process runs with.
package enum CryptoLibrary {
    /// Its major version (OpenSSL_version_num(3)).
    package static var majorVersion: Int { Int(OpenSSL_version_num() >> 28) }
}
