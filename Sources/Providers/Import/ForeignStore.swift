import OAuth
package import Platform

/// Reads the stores of other programs. Their forms were read in public sources (docs/import.md) and are promised by nobody, so
/// what does not look as expected is refused in a sentence.
package enum ForeignStore {
    /// - Parameter profile: of Claude Code, what stands beside its tokens about whose they are.
    package static func read(_ source: ImportSource, _ document: borrowing JSONDocument, profile: JSONValue? = nil) -> ForeignReading {
        guard document.isObject(document.root) else {
            var reading = ForeignReading()
            reading.refuse("it is no store of \(source.title): no JSON object")
            return reading
        }
        return switch source {
        case .codex: CodexStore.read(document)
        case .claudeCode: ClaudeCodeStore.read(document, profile: profile)
        case .openclaw: OpenClawStore.read(document)
        case .pi, .opencode: FlatStore.read(document, source)
        }
    }

    /// The provider here of one that the other programs know; nil for those that nothing is read of.
    static func provider(_ name: String?) -> String? {
        switch name {
        case "openai-codex", "openai": "codex"
        case "anthropic", "claude", "claude-code": "claude"
        default: nil
        }
    }

    /// From the tokens' claims, else from the account that the store names beside them.
    static func identity(
        of provider: String, _ idToken: JSONValue?, _ accessToken: JSONValue?, accountId: String?, email: String?
    ) -> AccountIdentity? {
        guard provider == "codex" else { return nil }
        if let found = CodexIdentity().identity(idToken: idToken, accessToken: accessToken) { return found }
        guard let accountId, !accountId.isEmpty else { return nil }
        var identity = AccountIdentity(accountKey: accountId)
        identity.providerAccountId = accountId
        identity.email = email
        return identity
    }
}
