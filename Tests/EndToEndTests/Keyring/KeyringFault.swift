import Platform
import TestSupport

/// A way in which the desktop's keyring cannot be used, and how every command that needs it must say so.
enum KeyringFault: String, CaseIterable, Sendable {
    case noBus, staleSocket, stoppedBus, emptyBus, neverComesUp, noDefault
    case locked, lockedAndHidden, lockedAndNobodyAnswers
    case silentFromTheFirstCall, silentAtOpenSession, silentAtSearch, silentAtGetSecrets
    case refusesToSearch, diesAtSearch

    /// The faults that take the whole of the helper's patience.
    static let silent: [KeyringFault] = [
        .neverComesUp, .silentFromTheFirstCall, .silentAtOpenSession, .silentAtSearch, .silentAtGetSecrets,
    ]

    var refusal: Refusal {
        switch self {
        case .noBus: Refusal(4, "vault_unavailable", "there is no session bus", Self.move)
        case .staleSocket, .stoppedBus: Refusal(4, "vault_unavailable", "the session bus does not answer", Self.move)
        case .emptyBus: Refusal(4, "vault_unavailable", "no program on the session bus offers the Secret Service", Self.move)
        case .noDefault: Refusal(4, "vault_unavailable", "no default keyring", Self.move)
        case .refusesToSearch: Refusal(4, "vault_unavailable", "the script says no", Self.move)
        case .diesAtSearch: Refusal(4, "vault_unavailable", "cannot be reached", Self.move)
        case .locked, .lockedAndHidden, .lockedAndNobodyAnswers:
            Refusal(4, "vault_locked", "the desktop keyring is locked", "ai-usage-agent vault unlock")
        default: Refusal(4, "vault_unavailable", "did not answer within 3 s", "ai-usage-agent vault unlock")
        }
    }

    private static let move = "ai-usage-agent vault migrate --to file"

    /// Whether the service looks healthy until an item is looked for.
    var isAtSearch: Bool { [.silentAtSearch, .silentAtGetSecrets, .refusesToSearch, .diesAtSearch].contains(self) }

    var isLocked: Bool { refusal.code == "vault_locked" }

    /// A second bus that the fault needs; the caller stops it.
    func happen(_ scene: Scene, _ keyring: ScriptedKeyring) async throws -> SessionBus? {
        switch self {
        case .noBus: scene.use(nil)
        case .staleSocket, .stoppedBus:
            let bus = try await SessionBus(scene.home)
            await bus.stop()
            if self == .stoppedBus {
                scene.use(bus.address)
            } else {
                scene.use(nil)
                try scene.home.link(scene.home.path + "/runtime/bus", to: bus.socket)
            }
        case .emptyBus, .neverComesUp:
            let bus = try await SessionBus(
                scene.home, activatable: self == .emptyBus ? [:] : [ScriptedKeyring.name: "/bin/sleep 15"])
            scene.use(bus.address)
            return bus
        case .noDefault: try await keyring.set("default=no")
        case .locked: try await keyring.set("locked=yes")
        case .lockedAndHidden: try await keyring.set("locked=yes", "lists-locked=no")
        case .lockedAndNobodyAnswers: try await keyring.set("locked=yes", "prompt=wait")
        case .silentFromTheFirstCall: try await keyring.on("*=silent")
        case .silentAtOpenSession: try await keyring.on("OpenSession=silent")
        case .silentAtSearch: try await keyring.on("SearchItems=silent")
        case .silentAtGetSecrets: try await keyring.on("GetSecrets=silent")
        case .refusesToSearch: try await keyring.on("SearchItems=refuse")
        case .diesAtSearch: try await keyring.on("SearchItems=die")
        }
        return nil
    }

    /// Lends a keyring with the fault, and takes it away again.
    func during<R>(_ scene: Scene, _ keyring: ScriptedKeyring, _ body: () async throws -> R) async throws -> R {
        let bus = try await happen(scene, keyring)
        let result: R
        do { result = try await body() } catch {
            await bus?.stop()
            throw error
        }
        await bus?.stop()
        scene.use(keyring.address)
        try? scene.home.delete(scene.home.path + "/runtime/bus")
        try await keyring.heal()
        return result
    }
}

extension JSONValue {
    /// Whether this is an item that a test round trip left behind when it was cut off.
    var isTestItem: Bool { self["attributes"]["ref"].string?.hasPrefix("canary-") ?? false }
}
