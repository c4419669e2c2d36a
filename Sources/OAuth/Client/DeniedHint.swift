/// What a server's refusal of a login means, where its own words do not tell a person.
package struct DeniedHint: Sendable, Equatable {
    /// Stands in the `error_description`.
    package let mark: String
    /// One clause; the server's words follow it in brackets.
    package let message: String
    package let remedy: String

    package init(mark: String, message: String, remedy: String) {
        self.mark = mark
        self.message = message
        self.remedy = remedy
    }
}
