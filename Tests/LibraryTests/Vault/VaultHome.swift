import Age
import Platform
import TestSupport
import Testing

@testable import Vault

/// The home of one test's vault: every path below one temporary folder.
struct VaultHome: Sendable {
    static let passphrase = "correct horse battery"
    static let created = Timestamp(seconds: 1_795_251_959)

    let folder: TemporaryFolder
    let paths: VaultPaths

    static func with<R>(_ body: (VaultHome) async throws -> R) async throws -> R {
        try await TemporaryFolder.with { folder in
            let paths = try #require(
                VaultPaths(
                    ProcessEnvironment([
                        "HOME": folder.file("home"), "XDG_DATA_HOME": folder.file("data"), "XDG_CONFIG_HOME": folder.file("config"),
                        "XDG_STATE_HOME": folder.file("state"), "XDG_RUNTIME_DIR": folder.file("run"),
                    ])))
            return try await body(VaultHome(folder: folder, paths: paths))
        }
    }

    /// The same with a vault behind a key file.
    static func withVault<R>(_ body: (VaultHome) async throws -> R) async throws -> R {
        try await with { home in
            _ = try await home.initialise(.keyFile(path: home.paths.defaultKeyFile))
            return try await body(home)
        }
    }

    /// Names relative to the folder, as `TemporaryFolder` takes them.
    static let data = "data/ai-usage-agent"
    static let metadataFile = data + "/auth.json"
    static let sealedFile = data + "/secrets.age"
    static let identityFile = data + "/identity.age"
    static let keyFile = "config/ai-usage-agent/identity.txt"
    static let memoryFile = "state/ai-usage-agent/vault-memory"

    /// A passphrase that `cat` reads out of a file: the newline at the end is dropped.
    func passphrase(_ text: String = VaultHome.passphrase) throws -> PassphraseReader {
        try folder.write(text + "\n", "passphrase")
        return PassphraseReader(source: .command(["/bin/cat", folder.file("passphrase")]), environment: [:])
    }

    /// A passphrase that nobody gives.
    static let noPassphrase = PassphraseReader(source: .command(["/bin/false"]), environment: [:])

    func initialise(_ choice: VaultInitialization.Identity, _ passphrase: PassphraseReader = noPassphrase) async throws -> VaultRecord {
        try await vault(passphrase).initialize(.file, choice)
    }

    /// - Parameter machineId: of the machine that it runs on; nil as in a container that has none.
    func vault(_ passphrase: PassphraseReader = noPassphrase, machineId: String? = "machine") -> Vault {
        Vault(sources: .headless(paths: paths, passphrase: passphrase, time: .system), time: .system, machineId: machineId)
    }

    func open(machineId: String? = "machine") async throws -> OpenVault { try await vault(machineId: machineId).open() }

    /// The vault's keys, as somebody has them who holds the key file.
    func keys() throws -> VaultKeys {
        let file = try #require(folder.read(Self.keyFile))
        return VaultKeys(try AgeIdentity(identityFile: file.span))
    }

    var store: MetadataStore { vault().metadataStore }

    /// Rewrites a file of the vault as a text editor would.
    func edit(_ name: String = metadataFile, _ change: (String) -> String) throws {
        let before = String(decoding: try #require(folder.read(name)), as: UTF8.self)
        let after = change(before)
        try #require(after != before, "the edit changed nothing")
        try folder.write(after, name)
    }
}

/// Ids as the vault gives them, told apart by one digit.
func accountId(_ number: Int) -> String { "00000000-0000-4000-8000-" + Timestamp.pad(number, 12) }

func demoRecord(_ number: Int, provider: String = "demo") -> AccountRecord {
    AccountRecord(
        id: accountId(number), provider: provider, accountKey: "key-\(number)", authType: .oauth, source: "agent-store",
        createdAt: VaultHome.created)
}

func demoBundle(_ number: Int, access: String = "access", refresh: String? = "refresh", id: String? = nil, generation: Int = 1)
    -> SecretBundle
{
    var facts = BundleFacts(
        accountId: accountId(number), provider: "demo", accountKey: "key-\(number)", authType: .oauth, clientId: "client", issuer: nil,
        origins: ["token": "https://auth.example"], obtainedAt: VaultHome.created)
    facts.generation = generation
    var refreshToken: SecretBytes?
    if let refresh { refreshToken = SecretBytes(refresh) }
    var idToken: SecretBytes?
    if let id { idToken = SecretBytes(id) }
    return SecretBundle(facts: facts, accessToken: SecretBytes(access), refreshToken: refreshToken, idToken: idToken)
}

/// The error of the vault that the body ends with; nil if it succeeds.
func vaultError(_ body: () async throws -> Void) async -> VaultError? {
    do {
        try await body()
        return nil
    } catch let error as VaultError { return error } catch {
        Issue.record(error, "not an error of the vault")
        return nil
    }
}

/// What a bundle holds, in a copyable form that `#expect` can show.
struct BundleContents: Equatable {
    let facts: BundleFacts
    let access: String
    let refresh: String?
    let id: String?

    init(_ bundle: borrowing SecretBundle) {
        facts = bundle.facts
        access = String(decoding: copy(of: bundle.accessToken), as: UTF8.self)
        refresh = copy(ofOptional: bundle.refreshToken).map { String(decoding: $0, as: UTF8.self) }
        id = copy(ofOptional: bundle.idToken).map { String(decoding: $0, as: UTF8.self) }
    }
}

extension OpenVault {
    /// What the vault holds for the account; nil if it has nothing.
    func contents(_ number: Int) async throws -> BundleContents? {
        switch try await bundle(accountId(number)) {
        case .some(let bundle): BundleContents(bundle)
        case .none: nil
        }
    }

    /// Commits a bundle and adds its account.
    func add(_ number: Int, access: String = "access", refresh: String? = "refresh") async throws {
        try await commit(demoBundle(number, access: access, refresh: refresh)) { metadata in
            metadata.removeAccount(id: accountId(number))
            metadata.accounts.append(demoRecord(number))
        }
    }
}
