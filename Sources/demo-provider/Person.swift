import Platform

/// Somebody with an account here: every id is derived from the name, so it is the same in every run.
struct Person: Sendable {
    let name: String
    let userID: String
    let accountID: String
    let subject: String
    let organizationID: String
    var email: String { "\(name)@example.org" }

    /// - Parameter workspace: one that is shared with others; without it the person's own.
    init(_ name: String, workspace: String? = nil) {
        self.name = name
        userID = "user-" + Person.hex("user", name).prefix(24)
        accountID = workspace.map { Person.uuid("workspace", $0) } ?? Person.uuid("account", name)
        subject = "auth0|" + Person.hex("subject", name).prefix(24)
        organizationID = "org-" + Person.hex("organization", name).prefix(20)
    }

    /// The person a login hint means: a name or the e-mail address made of it.
    init?(hint: String, workspace: String? = nil) {
        let name = hint.hasSuffix("@example.org") ? String(hint.dropLast("@example.org".count)) : hint
        guard Person.isName(name), workspace.map(Person.isName) ?? true else { return nil }
        self.init(name, workspace: workspace)
    }

    /// 1 to 40 of a-z, 0-9, ".", "_" and "-".
    static func isName(_ text: String) -> Bool {
        (1...40).contains(text.utf8.count)
            && text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || [45, 46, 95].contains($0) }
    }

    private static func digest(_ purpose: String, _ name: String) -> [UInt8] {
        let text = Array("demo-provider \(purpose) \(name)".utf8)
        return SHA256.hash(text.span)
    }

    private static func hex(_ purpose: String, _ name: String) -> String {
        let digest = digest(purpose, name)
        return Hex.encode(digest.span)
    }

    /// In the form of a version 4 UUID.
    private static func uuid(_ purpose: String, _ name: String) -> String {
        var bytes = digest(purpose, name)
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = Array(Hex.encode(bytes.span))
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
    }
}
