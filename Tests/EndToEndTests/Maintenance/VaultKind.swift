import Platform
import TestSupport
import Testing

/// A vault as people make them. Every command opens it by what config.json says.
enum VaultKind: String, CustomTestStringConvertible {
    case keyFile = "a key file"
    case namedKeyFile = "a key file at a path of its own"
    case passphrase = "a passphrase"
    case keyring = "the keyring"
    case keyringWithKeyFile = "a keyring vault with a key file"

    static let firstPassphrase = "correct horse battery staple"

    var testDescription: String { rawValue }

    var usesKeyring: Bool { self == .keyring || self == .keyringWithKeyFile }

    private var initialization: [String] {
        switch self {
        case .keyFile, .namedKeyFile: ["--backend", "file", "--identity", "key-file"]
        case .passphrase: ["--backend", "file", "--identity", "passphrase"]
        case .keyring: ["--backend", "keyring"]
        case .keyringWithKeyFile: ["--backend", "keyring", "--identity", "key-file"]
        }
    }

    /// Where the key file is; where the vault has none, where one would be.
    func keyFile(_ scene: Scene) -> String { self == .namedKeyFile ? scene.home.path + "/keys/mine.txt" : scene.home.keyFile }

    /// A new vault in which these people are logged in with Codex.
    func with(_ people: [String] = ["ada", "bob"], flags: [String] = [], _ body: (Scene, KeyringSession?) async throws -> Void) async throws
    {
        try await Scene.with(flags, start: .empty) { scene in
            guard usesKeyring else {
                try await make(scene, people)
                return try await body(scene, nil)
            }
            let session = try await KeyringSession(scene.home)
            scene.variables.withLock { $0["DBUS_SESSION_BUS_ADDRESS"] = session.address }
            do {
                try await make(scene, people)
                try await body(scene, session)
            } catch {
                await session.stop()
                throw error
            }
            await session.stop()
        }
    }

    private func make(_ scene: Scene, _ people: [String]) async throws {
        if self == .passphrase {
            try VaultKind.setPassphrase(VaultKind.firstPassphrase, scene)
            try scene.configure(
                Scene.configuration.replacing(
                    "\"providers\"",
                    with: "\"vault\": {\"passphraseCommand\": [\"/bin/cat\", \"\(VaultKind.passphraseFile(scene))\"]}, \"providers\""))
        }
        let path = self == .namedKeyFile ? ["--key-file", keyFile(scene)] : []
        let made = try await scene.run(["vault", "init"] + initialization + path)
        try #require(made.status == 0, "\(made)")
        for person in people { try await scene.login("codex", as: person) }
    }

    /// What the passphrase command of config.json prints.
    static func passphraseFile(_ scene: Scene) -> String { scene.home.path + "/passphrase" }

    static func setPassphrase(_ text: String, _ scene: Scene) throws { try scene.home.write(Array(text.utf8), to: passphraseFile(scene)) }
}

extension Scene {
    func recipient() throws -> String? {
        let bytes = try home.read(home.metadataFile)
        return try JSONValue(parsing: bytes.span)["vault"]["recipient"].string
    }

    /// Files that an interrupted change of the vault left, anywhere in the home.
    func leftovers() throws -> [String] {
        try home.entries().map(\.path).filter { $0.hasSuffix(".next") || $0.contains("/.tmp-") }
    }

    func refreshAll(_ people: [String]) async throws {
        for person in people { try await require("auth", "refresh", "codex", "--account", "\(person)@example.org") }
    }
}
