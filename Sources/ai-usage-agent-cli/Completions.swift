import Agent
import ArgumentParser
import Providers
import Vault

/// What a shell offers for a word that only this person's files know. It says nothing where it cannot read them: somebody is typing.
extension CompletionKind {
    /// Built-in and configured providers.
    static let providers = CompletionKind.custom { _, _, _ in
        (try? CommandContext(CommandSettings(), takesTurns: false)).map { Completions.safe($0.service.catalog.names) } ?? []
    }

    /// The accounts of the provider that stands in the line, else all: by label, e-mail, or id.
    static let accounts = CompletionKind.custom { words, _, _ in
        guard let context = try? CommandContext(CommandSettings(), takesTurns: false), let known = try? context.service.metadata() else {
            return []
        }
        let named = Set(words.map(ProviderCatalog.canonical))
        let accounts = known.accounts.filter { named.contains($0.provider) }
        return Completions.safe(
            (accounts.isEmpty ? known.accounts : accounts).map { account in
                [account.label, account.email].compactMap { $0 }.first(where: Completions.isSafe) ?? account.id
            })
    }
}

enum Completions {
    /// bash expands what it is offered: an e-mail address from a server must not be a command there.
    /// One that begins like an option would be taken for one.
    static func isSafe(_ word: String) -> Bool {
        !word.isEmpty && !word.hasPrefix("-")
            && word.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                case UInt8(ascii: "@"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"): true
                default: false
                }
            }
    }

    static func safe(_ words: [String]) -> [String] { words.filter(isSafe) }
}
