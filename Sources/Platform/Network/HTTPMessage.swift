/// One request of ours. Secrets stand in protected memory until libcurl takes them.
package struct HTTPRequest: ~Copyable, Sendable {
    /// The two that OAuth and the usage endpoints need.
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    package let method: Method
    /// Absolute, http or https; checked when it is sent (`WebAddress`).
    package let url: String
    /// Besides those that follow and our own; a control character in one refuses the request.
    package var headers: [(name: String, value: String)] = []
    /// Sent as `Authorization: Bearer …` (RFC 6750 section 2.1).
    package var bearer: SecretBytes?
    /// Sent as `Cookie: …` (RFC 6265 section 5.4): name, equals sign and value.
    package var cookie: SecretBytes?
    /// Nil sends none; a POST without one has length 0.
    package var body: SecretBytes?
    /// Nil sends none of ours; libcurl then calls the body of a POST a form.
    package var contentType: String?
    /// Of the whole request, from asking for the address to the last byte; connecting has 10 s of it at most.
    package var deadline: Duration
    /// Bytes. A longer answer is cut off and counts as no answer.
    package var bodyLimit = 64 << 10
    /// An answer that has come is read although the deadline is over, because this process was stopped for longer: for what must
    /// not be lost, at the price of a deadline that is up to three seconds late.
    package var takesLateAnswer = false

    package init(_ method: Method, _ url: String, deadline: Duration = .seconds(30)) {
        self.method = method
        self.url = url
        self.deadline = deadline
    }
}

/// A whole answer.
package struct HTTPResponse: ~Copyable, Sendable {
    /// Any: no redirect is followed, and a 4xx or 5xx is an answer, too.
    package let status: Int
    /// Names in lower case.
    package let headers: [(name: String, value: String)]
    /// Whole, and at most the request's `bodyLimit`.
    package let body: SecretBytes

    package init(status: Int, headers: [(name: String, value: String)], body: consuming SecretBytes) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The last value of that name, which is given in lower case; nil if there is none.
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
    /// How far it came: the name, the connection, TLS, the time, an answer that is cut or too large; or it could not be made.
    package enum Kind: Sendable, Equatable {
        case resolve, connect, tls, timeout, cut, tooLarge, configuration
    }

    package let kind: Kind
    /// False only when libcurl never handed the request to an established connection: then it is safe to try again.
    package let mayHaveBeenSent: Bool
    /// Lower case; "?" for an unusable address.
    package let host: String
    /// libcurl's words, made safe to show.
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
    /// Sends once and never again.
    ///
    /// - Throws: where there is no whole answer; `mayHaveBeenSent` says whether the server can have seen the request.
    func send(_ request: consuming HTTPRequest) async throws(HTTPFailure) -> HTTPResponse
}
