import KeyringProtocol
import Platform
import TestSupport
import Testing

@testable import Vault

/// An implementation of `SecretsBackend` that the contract is held against.
enum BackendUnderTest: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sealedFile, gnomeKeyring, scriptedKeyring

    var testDescription: String { rawValue }

    var isPossible: Bool {
        switch self {
        case .sealedFile: true
        case .gnomeKeyring: KeyringSession.isPossible
        case .scriptedKeyring: ScriptedKeyring.isPossible
        }
    }

    static let possible = allCases.filter(\.isPossible)
    static let keyrings = possible.filter { $0 != .sealedFile }

    /// Lends it, empty.
    func with(_ body: (BackendScene) async throws -> Void) async throws {
        switch self {
        case .sealedFile:
            try await VaultHome.withVault { home in
                let vault = try await home.open()
                try await body(BackendScene(backend: vault.backend, helper: nil, keyring: nil))
            }
        case .gnomeKeyring:
            try await onKeyring {
                try await KeyringSession($0)
            } body: {
                try await body($0)
            }
        case .scriptedKeyring:
            try await onKeyring {
                try await ScriptedKeyring($0)
            } body: {
                try await body($0)
            }
        }
    }

    private func onKeyring(_ start: (Home) async throws -> any DesktopKeyring, body: (BackendScene) async throws -> Void) async throws {
        let home = try Home()
        defer { home.remove() }
        let keyring = try await start(home)
        let helper = KeyringHelper(
            program: Program.keyringHelper, environment: ProcessEnvironment(keyring.bus.environment), time: .system)
        do {
            try await body(
                BackendScene(backend: KeyringBackend(helper: helper, vaultId: "v", mayAsk: false), helper: helper, keyring: keyring))
        } catch {
            await keyring.stop()
            throw error
        }
        await keyring.stop()
    }
}

/// A backend and what stands behind it.
struct BackendScene: Sendable {
    let backend: any SecretsBackend
    fileprivate let helper: KeyringHelper?
    fileprivate let keyring: (any DesktopKeyring)?

    func contents(_ number: Int) async throws -> BundleContents? {
        switch try await backend.get(accountId(number)) {
        case .some(let bundle): BundleContents(bundle)
        case .none: nil
        }
    }

    func put(_ bundle: consuming SecretBundle) async throws { _ = try await backend.put(bundle) }

    /// How many items or bundles there are, two with one name counted twice.
    func count() async throws -> Int {
        guard let helper else { return try await backend.list().count }
        var request = KeyringRequestWriter(unlock: false)
        request.add(.list)
        let answer = try #require(await helper.ask(request).first)
        #expect(answer.reply.result == .found)
        return answer.reply.references.count
    }

    func lock() async throws {
        switch keyring {
        case let session as KeyringSession: try await session.lock()
        case let scripted as ScriptedKeyring: try await scripted.set("locked=yes")
        default: Issue.record("nothing to lock")
        }
    }

    func stop() async { await keyring?.stop() }
}
