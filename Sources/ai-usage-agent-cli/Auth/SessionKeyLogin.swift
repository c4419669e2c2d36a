import Agent
import OAuth
import Platform
import Providers
import Vault

/// `auth login claude --session-key-stdin`: the key of a web session, read from standard input and sealed in the vault.
struct SessionKeyLogin {
    let context: CommandContext
    let label: String?

    /// - Throws: `config_invalid` unless `providers.claude.webSession` is true; `access_denied` for a key that the site refuses.
    func run(_ provider: String) async throws(CommandFailure) {
        guard provider == "claude" else { throw .usage("--session-key-stdin is for claude alone") }
        let web = try await attempt(provider) { () throws(OAuthError) in try context.service.catalog.claudeWeb() }
        guard let key = Terminal.readLine(from: 0), ClaudeWeb.isKey(key) else {
            throw .usage(
                "standard input holds no session key; one begins with sk-ant-sid",
                remedy: "copy the value of the cookie sessionKey of claude.ai and pipe it in")
        }
        try await VaultChoice(context).ensureOpen()
        let deadline = Duration.seconds(context.configuration.timeoutSeconds)
        let now = context.now
        let box = SecretBox(key)
        let adoption = try await attempt(provider, account: label) { () async throws(OAuthError) in
            guard let key = box.take() else {
                throw OAuthError(.usage, "the session key was used already", remedy: "run the command again")
            }
            let login = try await web.login(key, context.service.http, deadline: deadline, now: now)
            return try await context.service.tokens.adopt(login, label: label)
        }
        let record = adoption.account
        context.output.note("warning: a session key can do everything that you can at claude.ai; it is used to read the usage only")
        context.output.result(
            ActionResult.document(provider, [ActionResult(account: record, action: adoption.isNew ? "added" : "updated")]),
            text: "the session of \(record.title) is sealed in the vault; it shows usage until it ends, in some 30 days")
    }
}
