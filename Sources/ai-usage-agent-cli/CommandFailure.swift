import Agent
import ArgumentParser
import OAuth
import Platform
import Vault

/// Any failure as a person or a script meets it: what happened, the next command, an exit code. The one place where
/// typed errors of the layers below become words.
struct CommandFailure: Error {
    let code: String
    let message: String
    let remedy: String?
    let exitCode: Int32
    var provider: String?
    var account: String?

    init(code: String, message: String, remedy: String?, exitCode: Int32, provider: String? = nil, account: String? = nil) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.exitCode = exitCode
        self.provider = provider
        self.account = account
    }

    init(_ error: OAuthError, provider: String? = nil, account: String? = nil) {
        self.init(
            code: ErrorCode.name(error.code), message: error.message, remedy: error.remedy, exitCode: ErrorCode.exitCode(error.code),
            provider: provider, account: account)
    }

    init(_ error: VaultError) {
        self.init(code: ErrorCode.name(error.code), message: error.message, remedy: error.remedy, exitCode: ErrorCode.exitCode(error.code))
    }

    init(_ error: ConfigurationError) {
        self.init(
            code: "config_invalid", message: error.description, remedy: "edit the file, then: ai-usage-agent config validate", exitCode: 78)
    }

    static func usage(_ message: String, remedy: String? = nil) -> CommandFailure {
        CommandFailure(code: "usage_error", message: message, remedy: remedy, exitCode: 64)
    }

    func report(asJSON: Bool) {
        if asJSON {
            let document: JSONValue = [
                "schemaVersion": 1,
                "error": [
                    "code": .string(code), "message": .string(message), "remedy": .optional(remedy), "provider": .optional(provider),
                    "account": .optional(account),
                ],
            ]
            Terminal.write(document.pretty + "\n", to: .output)
        } else {
            Terminal.write("ai-usage-agent: " + TerminalText.escapeLines(message) + "\n", to: .error)
            if let remedy { Terminal.write("hint: " + TerminalText.escapeLines(remedy) + "\n", to: .error) }
        }
    }
}
