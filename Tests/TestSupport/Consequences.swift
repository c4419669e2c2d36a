package import Agent

extension DoctorCheck {
    /// What else is a warning or an error where this one is found: the same fault, seen from other sides.
    package var consequences: Set<DoctorCheck> {
        switch self {
        // The crash that left the one left the other, too.
        case .rotationPendingCommit: [.vaultLeftoverTemp]
        case .rotationRefusedRemembered: [.accountNeedsLogin]
        // An account whose id is another one has lost its secret, and the secret its account.
        case .backendAccountWithoutSecret: [.backendOrphanSecret]
        case .backendOrphanSecret: [.backendAccountWithoutSecret]
        case .accountExpired: [.accountNotRefreshable]
        // The vault's key is behind the same door.
        case .backendNoSessionBus, .backendNoSecretService, .backendNoDefaultCollection, .buildHelperMissing, .buildHelperMode:
            [.backendPinUnavailable, .identitySourceUnavailable]
        case .backendPinUnavailable, .backendLocked, .backendSlow, .backendRoundtripFailed: [.identitySourceUnavailable]
        // The key stands where the settings are.
        case .configWritableByOthers: [.identityKeyfileMode]
        case .identityKeyfileMode: [.configWritableByOthers]
        // A restored keyring does not know the newest account.
        case .vaultRollback: [.backendAccountWithoutSecret]
        // No host is asked without it.
        case .buildLibcurlMissing: [.networkUnreachable]
        default: []
        }
    }
}
