/// What the redirect URI of a client looks like.
package struct RedirectRule: Sendable, Equatable {
    /// As it is registered: `localhost`, `127.0.0.1` or `[::1]`.
    package let host: String
    /// Compared exactly with that of the callback; begins with "/".
    package let path: String
    /// In order of preference; empty when the server allows any loopback port (RFC 8252 section 7.3).
    package let ports: [Int]

    package init(host: String, path: String, ports: [Int]) {
        self.host = host
        self.path = path
        self.ports = ports
    }

    /// What is sent as `redirect_uri`.
    package func uri(port: Int) -> String { "http://\(host):\(port)\(path)" }
}
