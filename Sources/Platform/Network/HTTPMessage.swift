/// One request of ours. Secrets stand in protected memory until libcurl takes them.
package struct HTTPRequest: ~Copyable, Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    package let method: Method
    package let url: String
    package var headers: [(name: String, value: String)] = []
    /// Sent as `Authorization: Bearer …` (RFC 6750 section 2.1).
    package var bearer: SecretBytes?
    /// Sent as `Cookie: …` (RFC 6265 section 5.4): name, equals sign and value.
    package var cookie: SecretBytes?
    package var body: SecretBytes?
    package var contentType: String?
    package var deadline: Duration
    /// A longer answer is cut off and counts as no answer.
    package var bodyLimit = 64 << 10
    /// An answer that has come is read although the deadline is over, because this process was stopped for longer: for what must
    /// not be lost, at the price of a deadline that is up to a second late.
    package var takesLateAnswer = false

    package init(_ method: Method, _ url: String, deadline: Duration = .seconds(30)) {
        self.method = method
        self.url = url
        self.deadline = deadline
    }
}

/// A whole answer.
package struct HTTPResponse: ~Copyable, Sendable {
    package let status: Int
    /// Names in lower case.
    package let headers: [(name: String, value: String)]
    package let body: SecretBytes

    package init(status: Int, headers: [(name: String, value: String)], body: consuming SecretBytes) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package func header(_ name: String) -> String? { headers.last { $0.name == name }?.value }

    /// Whether the body is a web page: what a proxy, a captive portal or a challenge page answers instead of an API.
    package var isHTML: Bool { header("content-type")?.lowercased().hasPrefix("text/html") ?? false }

    /// Retry-After in seconds, where it is given as a number (RFC 9110 section 10.2.3).
    package var retryAfter: Int? { header("retry-after").flatMap { Int($0) }.map { max(0, $0) } }

    /// The same, also where it is given as a date (RFC 9110 section 5.6.7).
    package func retryAfter(now: Timestamp) -> Int? {
        retryAfter ?? header("retry-after").flatMap { Timestamp.ofHTTP($0) }.map { max(0, $0 - now) }
    }
}

/// A request without a whole answer. The question that matters is whether the server can have seen it.
package struct HTTPFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        case resolve, connect, tls, timeout, cut, tooLarge, configuration
    }

    package let kind: Kind
    /// False only when libcurl never handed the request to an established connection: then it is safe to try again.
    package let mayHaveBeenSent: Bool
    package let host: String
    package let reason: String

    package init(kind: Kind, mayHaveBeenSent: Bool, host: String, reason: String) {
        self.kind = kind
        self.mayHaveBeenSent = mayHaveBeenSent
        self.host = host
        self.reason = reason
    }

    package var description: String { "\(host): \(reason)" }
}

/// Sends requests; `HTTPTransport` is the one that ships.
package protocol HTTPSending: Sendable {
    func send(_ request: consuming HTTPRequest) async throws(HTTPFailure) -> HTTPResponse
}
