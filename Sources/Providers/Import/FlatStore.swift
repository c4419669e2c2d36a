import Platform

/// `auth.json` of pi and of opencode: one member for each provider.
enum FlatStore {
    static func read(_ document: borrowing JSONDocument, _ source: ImportSource) -> ForeignReading {
        var reading = ForeignReading()
        for (name, value) in document.members(of: document.root) {
            guard let provider = ForeignStore.provider(name) else { continue }
            let entry = TerminalText.escape(name, limit: 60)
            guard document.isObject(value) else {
                reading.refuse("\(entry): it is no login")
                continue
            }
            guard document.text(at: name, "type") == "oauth" else {
                reading.refuse("\(entry): it holds a key and no login")
                continue
            }
            let accountId = document.text(at: name, "accountId")
            let parts = ForeignParts(
                entry: name, provider: provider, access: [name, "access"], refresh: [name, "refresh"], expires: [name, "expires"],
                logout: [.remove([name])])
            reading.take(parts, in: document) { idToken, access in
                ForeignStore.identity(of: provider, idToken, access, accountId: accountId, email: nil)
            }
        }
        if reading.logins.isEmpty, reading.refusals.isEmpty {
            reading.refuse("it holds no login of codex or claude")
        }
        return reading
    }
}
