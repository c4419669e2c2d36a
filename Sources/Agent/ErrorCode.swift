package import OAuth
package import Vault

/// The names that errors have in JSON outputs and on the wire (extended, never renamed) and the exit code of each.
package enum ErrorCode {
    /// As docs/auth-cli.md lists them.
    package static func name(_ code: OAuthError.Code) -> String {
        switch code {
        case .loginRequired: "login_required"
        case .accessDenied: "access_denied"
        case .loginTimeout: "login_timeout"
        case .portBusy: "port_busy"
        case .usage: "usage_error"
        case .clientRefused: "provider_refused_client"
        case .providerUnavailable: "provider_unavailable"
        case .network: "network"
        case .rateLimited: "rate_limited"
        case .scopeMissing: "scope_missing"
        case .originChanged: "origin_changed"
        case .configurationInvalid: "config_invalid"
        case .vault(let code): name(code)
        }
    }

    /// `superseded` is `busy` on the wire.
    package static func name(_ code: VaultError.Code) -> String {
        switch code {
        case .missing: "vault_missing"
        case .locked: "vault_locked"
        case .unavailable: "vault_unavailable"
        case .wrongPassphrase: "wrong_passphrase"
        case .foreign: "vault_foreign"
        case .corrupt: "vault_corrupt"
        case .rollbackSuspected: "rollback_suspected"
        case .pendingCommit: "pending_commit"
        case .clonedVault: "cloned_vault"
        case .busy, .superseded: "busy"
        case .noSuchAccount: "no_such_account"
        case .ambiguousAccount: "ambiguous_account"
        case .usage: "usage_error"
        case .storage: "storage"
        }
    }

    /// docs/auth-cli.md has the table.
    package static func exitCode(_ code: OAuthError.Code) -> Int32 {
        switch code {
        case .loginRequired, .accessDenied: 3
        case .loginTimeout, .clientRefused, .providerUnavailable, .network, .rateLimited, .scopeMissing: 5
        case .portBusy: 1
        case .usage: 64
        case .originChanged, .configurationInvalid: 78
        case .vault(let code): exitCode(code)
        }
    }

    /// The same for the vault's own.
    package static func exitCode(_ code: VaultError.Code) -> Int32 {
        switch code {
        case .missing, .locked, .unavailable, .wrongPassphrase: 4
        case .foreign, .corrupt, .rollbackSuspected, .clonedVault: 65
        case .busy, .superseded, .pendingCommit: 5
        case .noSuchAccount: 3
        case .ambiguousAccount, .usage: 64
        case .storage: 1
        }
    }

    /// The code of that name; one that nobody knows counts as a provider's trouble.
    package static func code(named name: String) -> OAuthError.Code {
        let own: [OAuthError.Code] = [
            .loginRequired, .accessDenied, .loginTimeout, .portBusy, .usage, .clientRefused, .providerUnavailable, .network, .rateLimited,
            .scopeMissing, .originChanged, .configurationInvalid,
        ]
        let all = own + VaultError.Code.allCases.map { OAuthError.Code.vault($0) }
        return all.first { ErrorCode.name($0) == name } ?? .providerUnavailable
    }

    /// The exit code of an error that is only known by its name, as in a snapshot's row.
    package static func exitCode(named name: String) -> Int32 {
        switch name {
        case "login_required", "access_denied", "no_such_account": 3
        case "vault_missing", "vault_locked", "vault_unavailable", "wrong_passphrase": 4
        case "vault_foreign", "vault_corrupt", "rollback_suspected", "cloned_vault": 65
        case "origin_changed", "config_invalid": 78
        case "usage_error", "ambiguous_account": 64
        case "storage", "internal", "port_busy": 1
        default: 5
        }
    }
}
