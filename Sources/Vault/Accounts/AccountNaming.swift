/// What says how a person calls an account.
package protocol AccountNaming {
    var label: String? { get }
    var email: String? { get }
    var accountKey: String { get }
}

extension AccountNaming {
    /// What a person calls the account.
    package var displayName: String { label ?? email ?? String(accountKey.prefix(40)) }
}

extension AccountRecord: AccountNaming {}
extension BundleFacts: AccountNaming {}
