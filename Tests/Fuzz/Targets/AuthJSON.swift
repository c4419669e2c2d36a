import Platform

@testable import Agent
@testable import Vault

/// auth.json as it may stand on the disk: what is accepted survives a rewrite, what is not is refused in words.
extension FuzzTarget {
    static let authJSON = FuzzTarget(name: "auth-json", longest: 4096) { input in
        let metadata: Metadata
        do throws(VaultError) { metadata = try Metadata(parsing: input.span, path: "/auth.json") } catch {
            hold(error.code == .corrupt, "a file that is refused is corrupt")
            hold(error.message.hasPrefix("/auth.json: ") && error.remedy != nil, "a refusal names the file and what to do")
            return
        }
        let text = Array(metadata.text.utf8)
        do throws(VaultError) {
            let again = try Metadata(parsing: text.span, path: "/auth.json")
            hold(again == metadata, "a rewrite changes nothing: \(metadata.text)")
            hold(again.text == metadata.text, "a second rewrite changes nothing")
        } catch { violated("what was written is read: \(error)") }
        hold(Set(metadata.accounts.map(\.id)).count == metadata.accounts.count, "no id comes twice")
        for account in metadata.accounts {
            hold(AccountRecord.isIdentifier(account.id), "an id leads nowhere")
            hold(metadata.account(id: account.id)?.id == account.id, "an account is found by its id")
            _ = (account.owner, account.sourceProgram, account.displayName, account.isHandedOut)
        }
        for listing in AccountListing.all(metadata, provider: nil) {
            hold((try? JSONValue(parsing: listing.json.compact)) == listing.json, "a listing is JSON")
        }
        for provider in Set(metadata.accounts.map(\.provider)) {
            _ = AccountSelection.defaultAccount(of: provider, in: metadata)
        }
        for account in metadata.accounts.prefix(4) {
            var fewer = metadata
            fewer.removeAccount(id: account.id)
            hold(fewer.account(id: account.id) == nil && !fewer.pins.values.contains(account.id), "an account that is removed is gone")
        }
        if let record = metadata.vault {
            // Every field behind its length: another record gives other bytes.
            var other = record
            other.generation += 1
            hold(other.authenticated != record.authenticated, "the MAC covers the generation")
        }
    }
}
