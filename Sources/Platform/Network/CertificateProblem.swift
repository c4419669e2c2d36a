import COpenSSL

/// Why a server's certificate was refused, in words that say what to do about it.
enum CertificateProblem: Equatable, CustomStringConvertible {
    case name, expired, notYetValid, unknownIssuer, other

    /// - Parameter verification: OpenSSL's verify result as libcurl hands it on. libcurl compares the name itself, after OpenSSL
    ///   was content, and then leaves its own "not looked at yet" (unspecified) or OpenSSL's "nothing wrong" there.
    init(verification: Int) {
        switch Int32(truncatingIfNeeded: verification) {
        case X509_V_OK, X509_V_ERR_UNSPECIFIED, X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: self = .name
        case X509_V_ERR_CERT_HAS_EXPIRED: self = .expired
        case X509_V_ERR_CERT_NOT_YET_VALID: self = .notYetValid
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_UNTRUSTED:
            self = .unknownIssuer
        default: self = .other
        }
    }

    var description: String {
        switch self {
        case .name: "its certificate is for another name: the address is wrong, or somebody answers in its place"
        case .expired: "its certificate has expired, or the clock of this machine is ahead"
        case .notYetValid: "its certificate is not valid yet, or the clock of this machine is behind"
        case .unknownIssuer:
            "its certificate comes from an authority that this machine does not know; one of your own goes into network.caFile or SSL_CERT_FILE"
        case .other: "its certificate was refused"
        }
    }
}
