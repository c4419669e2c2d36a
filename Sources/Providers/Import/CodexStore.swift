import Platform

/// `auth.json` of Codex, and the same text in its keyring item.
enum CodexStore {
    static func read(_ document: borrowing JSONDocument) -> ForeignReading {
        var reading = ForeignReading()
        let mode = document.text(at: "auth_mode")
        if let mode, mode != "chatgpt" {
            reading.refuse("Codex is logged in by \(TerminalText.escape(mode, limit: 40)), which is no ChatGPT login")
            return reading
        }
        guard let tokens = document.at("tokens"), document.isObject(tokens) else {
            let hasKey = document.text(at: "OPENAI_API_KEY").map { !$0.isEmpty } ?? false
            reading.refuse(hasKey ? "it holds an API key and no ChatGPT login" : "Codex is logged out (there are no tokens)")
            return reading
        }
        let accountId = document.text(at: "tokens", "account_id")
        let parts = ForeignParts(
            entry: "tokens", provider: "codex", access: ["tokens", "access_token"], refresh: ["tokens", "refresh_token"],
            id: ["tokens", "id_token"], logout: [.replace(["tokens"], with: "null")])
        reading.take(parts, in: document) { idToken, access in
            ForeignStore.identity(of: "codex", idToken, access, accountId: accountId, email: nil)
        }
        return reading
    }
}
