import Platform

/// What a write of the file backend left behind: which generation of the store, and its hash. Nil for a keyring.
package struct SealedState: Sendable, Equatable {
    /// Of the whole store.
    package let generation: Int
    /// Of the sealed file, in hexadecimal.
    package let sha256: String

    init(generation: Int, sha256: String) { (self.generation, self.sha256) = (generation, sha256) }

    init(generation: Int, _ file: [UInt8]) { self.init(generation: generation, sha256: Hex.encode(SHA256.hash(file.span).span)) }
}

/// Where the secret bundles are kept. One contract suite runs against every implementation.
///
/// A backend that is locked, unreachable or damaged throws; only an unlocked, whole one may answer that something is
/// absent. Callers hold the vault lock around whatever writes.
///
/// What all of them throw: `locked`, `unavailable`; `foreign` and `corrupt` for what is not this vault's or damaged; `storage`.
/// What writes throws `rollbackSuspected` and `clonedVault` as well, where the file looks like an older copy or another machine's.
package protocol SecretsBackend: Sendable {
    /// Nil when the account has no secrets here.
    func get(_ accountId: String) async throws(VaultError) -> SecretBundle?
    /// Makes or replaces the account's bundle; durable, read back and compared when it returns.
    func put(_ bundle: borrowing SecretBundle) async throws(VaultError) -> SealedState?
    /// Every bundle there is.
    func getAll() async throws(VaultError) -> [BundleBox]
    /// Makes or replaces many bundles, in as few writes as the backend can.
    func putAll(_ bundles: [BundleBox]) async throws(VaultError) -> SealedState?
    /// Removing what is not there is no error.
    func delete(_ accountId: String) async throws(VaultError) -> SealedState?
    /// The facts of every bundle, without the secrets.
    func list() async throws(VaultError) -> [BundleFacts]
}

/// A bundle in a list (a ~Copyable value needs a class for that).
package final class BundleBox: Sendable {
    package let bundle: SecretBundle
    package init(_ bundle: consuming SecretBundle) { self.bundle = bundle }
}
