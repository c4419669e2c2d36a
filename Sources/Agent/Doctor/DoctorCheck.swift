/// Every check of `auth doctor`, by its id. Ids are never renamed.
package enum DoctorCheck: String, Sendable, CaseIterable {
    case vaultDirMode = "vault.dir.mode"
    case vaultDirOwner = "vault.dir.owner"
    case vaultDirSymlink = "vault.dir.symlink"
    case vaultUnreadable = "vault.unreadable"
    case vaultUnwritable = "vault.unwritable"
    case vaultFolderMode = "vault.folder.mode"
    case vaultFolderUnusable = "vault.folder.unusable"
    case vaultMetadataMissing = "vault.metadata.missing"
    case vaultMetadataMode = "vault.metadata.mode"
    case vaultMetadataOwner = "vault.metadata.owner"
    case vaultMetadataSymlink = "vault.metadata.symlink"
    case vaultMetadataMalformed = "vault.metadata.malformed"
    case vaultMetadataNewerSchema = "vault.metadata.newer-schema"
    case vaultMetadataContainsSecret = "vault.metadata.contains-secret"
    case vaultMetadataMac = "vault.metadata.mac"
    case vaultSealedMissing = "vault.sealed.missing"
    case vaultSealedMode = "vault.sealed.mode"
    case vaultSealedOwner = "vault.sealed.owner"
    case vaultSealedSymlink = "vault.sealed.symlink"
    case vaultSealedMalformed = "vault.sealed.malformed"
    case vaultSealedForeign = "vault.sealed.foreign"
    case vaultRollback = "vault.rollback"
    case vaultCloned = "vault.cloned"
    case vaultRecipientMismatch = "vault.recipient-mismatch"
    case vaultNetworkFilesystem = "vault.network-filesystem"
    case vaultInGitTree = "vault.in-git-tree"
    case vaultInSyncedFolder = "vault.in-synced-folder"
    case vaultLeftoverTemp = "vault.leftover-temp"

    case identityMissing = "identity.missing"
    case identityKeyfileMode = "identity.keyfile.mode"
    case identityKeyfileOwner = "identity.keyfile.owner"
    case identityKeyfileBesideVault = "identity.keyfile.beside-vault"
    case identityKeyfileMalformed = "identity.keyfile.malformed"
    case identityPassphraseWeakKdf = "identity.passphrase.weak-kdf"
    case identitySourceUnavailable = "identity.source-unavailable"

    case backendPinUnavailable = "backend.pin-unavailable"
    case backendNoSessionBus = "backend.no-session-bus"
    case backendNoSecretService = "backend.no-secret-service"
    case backendNoDefaultCollection = "backend.no-default-collection"
    case backendLocked = "backend.locked"
    case backendSlow = "backend.slow"
    case backendRoundtripFailed = "backend.roundtrip-failed"
    case backendOrphanSecret = "backend.orphan-secret"
    case backendAccountWithoutSecret = "backend.account-without-secret"
    case backendDuplicateItem = "backend.duplicate-item"

    case rotationIntentLeft = "rotation.intent-left"
    case rotationPendingCommit = "rotation.pending-commit"
    case rotationLockHeld = "rotation.lock-held"
    case rotationRefusedRemembered = "rotation.refused-remembered"

    case accountNone = "account.none"
    case accountExpired = "account.expired"
    case accountExpiring = "account.expiring"
    case accountLoginEndsSoon = "account.login-ends-soon"
    case accountNotRefreshable = "account.not-refreshable"
    case accountNeedsLogin = "account.needs-login"
    case accountNoIdentity = "account.no-identity"
    case accountDuplicateKey = "account.duplicate-key"
    case accountDefault = "account.default"
    case accountReferenceVanished = "account.reference-vanished"
    case accountReferenceMovedOn = "account.reference-moved-on"
    case accountScopeMissing = "account.scope-missing"
    case accountInsecureEndpoint = "account.insecure-endpoint"
    case accountOriginChanged = "account.origin-changed"

    case flowPortBusy = "flow.port-busy"
    case flowNoBrowser = "flow.no-browser"
    case flowRemote = "flow.remote"
    case flowProxy = "flow.proxy"
    case flowCaFile = "flow.ca-file"
    case flowClockSkew = "flow.clock-skew"
    case flowHostUnresolvable = "flow.host-unresolvable"

    case networkUnreachable = "network.unreachable"
    case networkCertificate = "network.certificate"

    case exposurePlaintextStore = "exposure.plaintext-store"
    case exposureSharedRefreshToken = "exposure.shared-refresh-token"
    case exposureTokenInEnvironment = "exposure.token-in-environment"
    case exposureTokenInShellStartup = "exposure.token-in-shell-startup"
    case exposureHomeWorldReadable = "exposure.home-world-readable"
    case exposureCoreDumps = "exposure.core-dumps"
    case exposurePtraceScope = "exposure.ptrace-scope"
    case exposureSwap = "exposure.swap"

    case auditIncomplete = "audit.incomplete"

    case configMalformed = "config.malformed"
    case configUnknownKey = "config.unknown-key"
    case configWritableByOthers = "config.writable-by-others"
    case configRelativeXdg = "config.relative-xdg"

    case agentSilent = "agent.silent"
    case agentNotRunning = "agent.not-running"
    case agentVersionDiffers = "agent.version-differs"
    case agentSocketMode = "agent.socket.mode"
    case agentSocketOwner = "agent.socket.owner"
    case agentWrongStore = "agent.wrong-store"
    case agentNotHardened = "agent.not-hardened"
    case agentMemoryNotLocked = "agent.memory-not-locked"
    case agentAuditUnwritable = "agent.audit-unwritable"

    case buildProgramMode = "build.program-mode"
    case buildFrontDoorMissing = "build.front-door-missing"
    case buildNotInPath = "build.not-in-path"
    case buildShadowed = "build.shadowed"
    case buildHelperMissing = "build.helper-missing"
    case buildHelperMode = "build.helper-mode"
    case buildOpensslOld = "build.openssl-old"
    case buildLibsecretMissing = "build.libsecret-missing"
    case buildLibcurlMissing = "build.libcurl-missing"
    case buildSqliteMissing = "build.sqlite-missing"

    /// In the order of the audit's report.
    package enum Section: String, Sendable, CaseIterable {
        case vault, identity, backend, rotation, account, flow, network, exposure, audit, config, agent, build
    }

    /// The id's first word.
    package var section: Section {
        Section.allCases.first { rawValue.hasPrefix($0.rawValue + ".") } ?? .vault
    }

    /// Whether `--fix` repairs it.
    package var isFixable: Bool {
        switch self {
        case .vaultDirMode, .vaultFolderMode, .vaultMetadataMode, .vaultSealedMode, .vaultLeftoverTemp, .identityKeyfileMode,
            .rotationPendingCommit,
            .configWritableByOthers:
            true
        default: false
        }
    }

    /// What a finding counts as, where the check does not say otherwise.
    package var severity: Finding.Status {
        switch self {
        case .accountNone, .accountExpiring, .accountDefault, .accountInsecureEndpoint, .flowNoBrowser, .flowRemote, .flowProxy,
            .flowCaFile, .exposurePlaintextStore, .exposureCoreDumps, .exposurePtraceScope, .exposureSwap, .agentNotRunning,
            .agentMemoryNotLocked, .buildLibsecretMissing, .buildFrontDoorMissing, .buildNotInPath, .buildSqliteMissing:
            .info
        case .vaultDirMode, .vaultDirOwner, .vaultDirSymlink, .vaultUnreadable, .vaultUnwritable, .vaultFolderMode, .vaultFolderUnusable,
            .vaultMetadataMissing, .vaultMetadataMode, .vaultMetadataOwner,
            .vaultMetadataSymlink, .vaultMetadataMalformed, .vaultMetadataNewerSchema, .vaultMetadataContainsSecret, .vaultMetadataMac,
            .vaultSealedMissing, .vaultSealedMode, .vaultSealedOwner, .vaultSealedSymlink, .vaultSealedMalformed, .vaultSealedForeign,
            .vaultRollback, .vaultCloned, .vaultRecipientMismatch, .identityMissing, .identityKeyfileMode, .identityKeyfileOwner,
            .identityKeyfileMalformed, .identitySourceUnavailable, .backendPinUnavailable, .backendRoundtripFailed,
            .backendAccountWithoutSecret, .accountNeedsLogin, .accountOriginChanged, .configMalformed, .configUnknownKey,
            .configWritableByOthers, .networkCertificate, .agentSocketMode, .agentSocketOwner, .buildProgramMode, .buildHelperMode,
            .buildLibcurlMissing:
            .error
        default: .warning
        }
    }
}
