import Platform

/// `auth-profiles.json` of OpenClaw, version 1, and the same text in its database.
enum OpenClawStore {
    static func read(_ document: borrowing JSONDocument) -> ForeignReading {
        var reading = ForeignReading()
        guard let profiles = document.at("profiles"), document.isObject(profiles) else {
            reading.refuse("it is no store of OpenClaw: there are no profiles")
            return reading
        }
        if let version = document.integer(at: "version"), version != 1 {
            reading.refuse("its version is \(version); version 1 is known")
            return reading
        }
        for (name, _) in document.members(of: profiles) { take(name, document, &reading) }
        if reading.logins.isEmpty, reading.refusals.isEmpty { reading.refuse("it holds no login of codex or claude") }
        return reading
    }

    private static func take(_ name: String, _ document: borrowing JSONDocument, _ reading: inout ForeignReading) {
        let path = ["profiles", name]
        guard let provider = ForeignStore.provider(document.text(at: "profiles", name, "provider")) else { return }
        let entry = TerminalText.escape(name, limit: 80)
        let type = document.text(at: "profiles", name, "type") ?? document.text(at: "profiles", name, "mode")
        guard type == "oauth" else { return reading.refuse("\(entry): it holds a key and no login") }
        if document.at(path + ["oauthRef"]) != nil {
            return reading.refuse("\(entry): its tokens are in OpenClaw's encrypted sidecar (oauthRef), which is not read")
        }
        let accountId = document.text(at: "profiles", name, "accountId")
        let email = document.text(at: "profiles", name, "email")
        let parts = ForeignParts(
            entry: name, provider: provider, access: path + ["access"], refresh: path + ["refresh"], id: path + ["idToken"],
            expires: path + ["expires"],
            logout: [.replace(path + ["access"], with: "\"\""), .replace(path + ["refresh"], with: "\"\"")])
        reading.take(parts, in: document) { idToken, access in
            ForeignStore.identity(of: provider, idToken, access, accountId: accountId, email: email)
        }
    }
}
