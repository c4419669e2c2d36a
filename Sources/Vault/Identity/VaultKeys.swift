package import Age
package import Platform

/// The vault's identity in memory and the keys derived from it (HKDF-SHA256, one label each).
///
/// A class, so that a flight can hold on to it while the source it came from locks or disappears.
package final class VaultKeys: Sendable {
    let identity: AgeIdentity
    /// What everything of the vault is sealed to.
    package let recipient: AgeRecipient
    /// Proves that a sealed file was written by somebody who has the identity, not only the public recipient.
    private let writerKey: SecretBytes
    private let metadataKey: SecretBytes
    private let fingerprintKey: SecretBytes
    private let machineKey: SecretBytes

    package init(_ identity: consuming AgeIdentity) {
        recipient = identity.recipient
        writerKey = identity.deriveKey(info: "ai-usage-agent/1/writer")
        metadataKey = identity.deriveKey(info: "ai-usage-agent/1/metadata")
        fingerprintKey = identity.deriveKey(info: "ai-usage-agent/1/fingerprint")
        machineKey = identity.deriveKey(info: "ai-usage-agent/1/machine")
        self.identity = identity
    }

    /// What a secret is called where it must not stand itself: 16 hexadecimal digits that only this vault can compute.
    package func fingerprint(of secret: borrowing SecretBytes) -> String {
        let tag = secret.withBytes { HMACSHA256.authenticate($0, key: fingerprintKey) }
        return Hex.encode(tag.span.extracting(first: 8))
    }

    /// The same of the bundle's refresh token; nil where it has none.
    package func fingerprint(ofRefreshTokenIn bundle: borrowing SecretBundle) -> String? {
        SecretBytes.lend(bundle.refreshToken) { fingerprint(of: $0) }
    }

    func writerMAC(_ purpose: String, _ body: Span<UInt8>) -> [UInt8] {
        var message = SecretBuffer(capacity: body.count + 64)
        message.append("\(purpose.utf8.count):\(purpose)\n")
        message.append(body)
        return message.withBytes { HMACSHA256.authenticate($0, key: writerKey) }
    }

    func metadataMAC(_ record: VaultRecord) -> String {
        Hex.encode(HMACSHA256.authenticate(record.authenticated.span, key: metadataKey).span)
    }

    /// Ties a sealed file to this machine without telling which one it is; "none" where there is no machine id.
    func machineBinding(_ machineId: String?) -> String {
        guard let machineId else { return "none" }
        let message = Array(machineId.utf8)
        return Hex.encode(HMACSHA256.authenticate(message.span, key: machineKey).span)
    }
}
