import OAuth
import Testing
import Vault

@testable import Agent

@Suite("Every error has its name and its exit code")
struct ErrorCodeTests {
    /// docs/auth-cli.md; names are extended, never renamed.
    static let oauth: [(OAuthError.Code, String, Int32)] = [
        (.loginRequired, "login_required", 3), (.accessDenied, "access_denied", 3), (.loginTimeout, "login_timeout", 5),
        (.portBusy, "port_busy", 1), (.usage, "usage_error", 64),
        (.clientRefused, "provider_refused_client", 5), (.providerUnavailable, "provider_unavailable", 5), (.network, "network", 5),
        (.rateLimited, "rate_limited", 5),
        (.scopeMissing, "scope_missing", 5), (.originChanged, "origin_changed", 78), (.configurationInvalid, "config_invalid", 78),
    ]

    static let vault: [(VaultError.Code, String, Int32)] = [
        (.missing, "vault_missing", 4), (.locked, "vault_locked", 4), (.unavailable, "vault_unavailable", 4),
        (.wrongPassphrase, "wrong_passphrase", 4), (.foreign, "vault_foreign", 65),
        (.corrupt, "vault_corrupt", 65), (.rollbackSuspected, "rollback_suspected", 65), (.clonedVault, "cloned_vault", 65),
        (.busy, "busy", 5), (.noSuchAccount, "no_such_account", 3),
        (.ambiguousAccount, "ambiguous_account", 64), (.usage, "usage_error", 64), (.storage, "storage", 1),
    ]

    @Test("An error of a server has the name and exit code of the table", arguments: 0..<12)
    func oauthCode(_ index: Int) {
        #expect(ErrorCodeTests.oauth.count == 12)
        let (code, name, exit) = ErrorCodeTests.oauth[index]
        #expect(ErrorCode.name(code) == name)
        #expect(ErrorCode.exitCode(code) == exit)
    }

    @Test("An error of the vault has the name and exit code of the table, also behind an OAuth error", arguments: 0..<13)
    func vaultCode(_ index: Int) {
        #expect(ErrorCodeTests.vault.count == 13)
        let (code, name, exit) = ErrorCodeTests.vault[index]
        #expect(ErrorCode.name(code) == name)
        #expect(ErrorCode.exitCode(code) == exit)
        #expect(ErrorCode.name(OAuthError.Code.vault(code)) == name)
        #expect(ErrorCode.exitCode(OAuthError.Code.vault(code)) == exit)
    }

    @Test("The exit code of a name is that of its error")
    func named() {
        for (code, name, exit) in ErrorCodeTests.oauth where code != .portBusy {
            #expect(ErrorCode.exitCode(named: name) == exit, "\(name)")
        }
        for (_, name, exit) in ErrorCodeTests.vault { #expect(ErrorCode.exitCode(named: name) == exit, "\(name)") }
        #expect(ErrorCode.exitCode(named: "internal") == 1)
    }

    @Test("port_busy is 1 by name as well")
    func portBusy() {
        #expect(ErrorCode.exitCode(named: "port_busy") == 1)
    }
}
