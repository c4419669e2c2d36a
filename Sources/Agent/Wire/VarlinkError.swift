package import OAuth
package import Platform
import Vault

/// An error on the wire: a qualified name and its parameters.
package struct VarlinkError: Error, Sendable, Equatable {
    /// With its interface: `io.aiusage.Agent.VaultLocked`.
    package let name: String
    package let parameters: JSONObject

    package init(name: String, parameters: JSONObject) { (self.name, self.parameters) = (name, parameters) }

    // What org.varlink.service defines for every service.
    static func invalidParameter(_ name: String) -> VarlinkError { service("InvalidParameter", ["parameter": .string(name)]) }
    static func noSuchMethod(_ name: String) -> VarlinkError { service("MethodNotFound", ["method": .string(name)]) }
    static func noSuchInterface(_ name: String) -> VarlinkError { service("InterfaceNotFound", ["interface": .string(name)]) }
    static let wantsMore = service("ExpectedMore", [:])

    private static func service(_ name: String, _ parameters: JSONObject) -> VarlinkError {
        VarlinkError(name: "org.varlink.service." + name, parameters: parameters)
    }
}

/// The errors of `io.aiusage.Agent`. Each carries provider, account, message, remedy, and as `code` the name that the same
/// error has in the command line's JSON.
extension VarlinkError {
    /// The errors that the interface declares.
    package enum Kind: String, CaseIterable, Sendable {
        case loginRequired = "LoginRequired"
        case vaultLocked = "VaultLocked"
        case providerUnavailable = "ProviderUnavailable"
        case noSuchAccount = "NoSuchAccount"
        case ambiguousAccount = "AmbiguousAccount"
        case accessDenied = "AccessDenied"
        case wrongStore = "WrongStore"
        /// Everything else, as `code` says it: a damaged or distrusted store, a wrong configuration, a full disk.
        case failed = "Failed"
    }

    /// How the names of our own errors begin.
    package static let prefix = AgentInterface.name + "."

    /// - Parameter code: as docs/auth-cli.md lists them; it tells apart what the kinds do not.
    package init(_ kind: Kind, code: String, provider: String? = nil, account: String? = nil, message: String, remedy: String?) {
        self.init(
            name: VarlinkError.prefix + kind.rawValue,
            parameters: [
                "provider": .optional(provider), "account": .optional(account), "message": .string(message), "remedy": .optional(remedy),
                "code": .string(code),
            ])
    }

    /// An error of the layers below in the words of the wire.
    package init(_ error: OAuthError, provider: String?, account: String?) {
        // Nobody sits at the agent's terminal: what opens a vault for a command is given to the agent in another way.
        let remedy = error.code == .vault(.locked) ? "ai-usage-agent vault unlock" : error.remedy
        self.init(
            VarlinkError.kind(error.code), code: ErrorCode.name(error.code), provider: provider, account: account, message: error.message,
            remedy: remedy)
    }

    /// Nil for an error of org.varlink.service, or of somebody else.
    package var kind: Kind? {
        name.hasPrefix(VarlinkError.prefix) ? Kind(rawValue: String(name.dropFirst(VarlinkError.prefix.count))) : nil
    }

    private static func kind(_ code: OAuthError.Code) -> Kind {
        switch code {
        case .loginRequired: .loginRequired
        case .accessDenied: .accessDenied
        case .providerUnavailable, .network, .rateLimited, .clientRefused, .scopeMissing, .loginTimeout: .providerUnavailable
        case .usage, .portBusy, .originChanged, .configurationInvalid: .failed
        case .vault(let code):
            switch code {
            case .missing, .locked, .wrongPassphrase, .unavailable: .vaultLocked
            case .noSuchAccount: .noSuchAccount
            case .ambiguousAccount: .ambiguousAccount
            case .busy, .superseded, .pendingCommit: .providerUnavailable
            case .foreign, .corrupt, .rollbackSuspected, .clonedVault, .usage, .storage: .failed
            }
        }
    }
}

/// Answers as they go over the wire: JSON and a NUL.
enum VarlinkReply {
    static func success(_ parameters: JSONObject, continues: Bool = false) -> OutgoingMessage {
        var reply: JSONObject = ["parameters": .object(parameters)]
        if continues { reply["continues"] = true }
        return message(JSONValue.object(reply).compact)
    }

    static func failure(_ error: VarlinkError) -> OutgoingMessage {
        message(JSONValue.object(["error": .string(error.name), "parameters": .object(error.parameters)]).compact)
    }

    /// - Parameter parameters: a JSON object that holds secrets.
    static func success(secret parameters: borrowing SecretBytes) -> OutgoingMessage {
        var buffer = SecretBuffer(capacity: parameters.count + 32)
        buffer.append("{\"parameters\":")
        buffer.append(parameters)
        buffer.append("}\0")
        return OutgoingMessage(buffer.finish())
    }

    private static func message(_ text: String) -> OutgoingMessage { OutgoingMessage(SecretBytes(text + "\0")) }
}
