import OAuth
import Platform

@testable import Providers
@testable import Vault

/// The stores of other programs, and an export of this one that age has opened.
extension FuzzTarget {
    static let importFile = FuzzTarget(name: "import-file", longest: 4096) { input in
        if let document = try? JSONDocument(SecretBytes(input)) {
            let profile = (try? JSONValue(parsing: input.span))?["profile"]
            for source in ImportSource.allCases { read(source, document, profile) }
        }
        export(input)
    }

    private static func read(_ source: ImportSource, _ document: borrowing JSONDocument, _ profile: JSONValue?) {
        let reading = ForeignStore.read(source, document, profile: profile)
        hold(!reading.logins.isEmpty || !reading.refusals.isEmpty || !document.members(of: document.root).isEmpty, "nothing is passed over")
        for refusal in reading.refusals { holdShowable(refusal, limit: 250, "a refusal") }
        for login in reading.logins {
            hold(["codex", "claude"].contains(login.provider), "a login is of a provider that is known")
            hold(TokenResponse.isToken(login.accessToken), "an access token is one")
            if let refresh = login.refreshToken(in: document) { hold(TokenResponse.isToken(refresh), "a refresh token is one") }
            if let id = login.idToken(in: document) { hold(TokenResponse.isToken(id), "an id_token is one") }
            for moment in [login.expiresAt, login.loginExpiresAt].compactMap({ $0 }) {
                hold(Timestamp(moment.description) == moment, "a time from a store can be written and read: \(moment)")
            }
            if let identity = login.identity { hold(!identity.accountKey.isEmpty, "an account has a key") }
            logout(source, document, login, profile)
        }
    }

    /// What a move writes: JSON in which this login is none any more, and every other one is as it was.
    private static func logout(
        _ source: ImportSource, _ document: borrowing JSONDocument, _ login: ForeignLogin, _ profile: JSONValue?
    ) {
        // A store without a refresh token is not moved.
        guard login.refreshToken(in: document) != nil else { return }
        guard let text = document.edited(login.logout), let blanked = try? JSONDocument(text) else {
            violated("a store is JSON after a logout (\(source))")
        }
        let before = ForeignStore.read(source, document, profile: profile)
        let after = ForeignStore.read(source, blanked, profile: profile)
        hold(!after.logins.contains { $0.entry == login.entry }, "a login that was taken out is gone (\(source))")
        hold(
            after.logins.map(\.entry) == before.logins.map(\.entry).filter { $0 != login.entry }, "the other logins stay (\(source))")
    }

    private static func export(_ plaintext: [UInt8]) {
        do throws(VaultError) {
            let content = try ExportReader.content(SecretBytes(plaintext), machineId: "fuzz")
            let ids = content.bundles.map { $0.bundle.facts.accountId }
            hold(Set(ids).count == ids.count && ids.allSatisfy(AccountRecord.isIdentifier), "ids are unique and lead nowhere")
            for box in content.bundles {
                guard let document = try? JSONDocument(box.bundle.encoded()), let again = try? SecretBundle(document, document.root) else {
                    violated("a bundle that is written is read")
                }
                hold(SecretBundle.equal(again, box.bundle), "a bundle is read as it was written: \(box.bundle.facts)")
            }
        } catch { hold([.foreign, .corrupt].contains(error.code), "an export is refused as foreign or corrupt") }
    }
}
