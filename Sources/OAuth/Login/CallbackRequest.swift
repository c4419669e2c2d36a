import Platform

/// The strict reading of one HTTP request to the callback listener, and the answer it gets. Pure, so that it can be fuzzed.
struct CallbackRequest {
    static let headLimit = 8192

    let rule: RedirectRule
    let port: Int
    let fields: CallbackFields
    /// Origin of the authorization server; a browser may send it along.
    let serverOrigin: String?

    enum Verdict {
        case answer(CallbackPage)
        case hit(AuthorizationAnswer)
        case done
    }

    /// - Parameter head: everything up to and including the empty line.
    func judge(_ head: [UInt8], doneIsOpen: Bool) -> Verdict {
        guard UTF8Text.isValid(head.span), !head.contains(0) else { return .answer(.badRequest) }
        var lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        while lines.last?.isEmpty == true { lines.removeLast() }
        let start = (lines.first ?? "").split(separator: " ", omittingEmptySubsequences: false)
        guard start.count == 3, start[2] == "HTTP/1.1" || start[2] == "HTTP/1.0" else { return .answer(.badRequest) }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex, !line.hasPrefix(" "), !line.hasPrefix("\t") else {
                return .answer(.badRequest)
            }
            let name = line[..<colon].lowercased()
            if headers[name] != nil, ["host", "origin", "content-length"].contains(name) { return .answer(.badRequest) }
            headers[name] = String(line[line.index(after: colon)...]).trimmingBlanks
        }
        // The exact host: a name that an attacker's DNS points to us must not get past (DNS rebinding).
        guard headers["host"]?.lowercased() == "\(rule.host):\(port)" else { return .answer(.misdirected) }
        guard start[0] == "GET" else { return .answer(.methodNotAllowed) }
        if let origin = headers["origin"], origin != "null", origin != serverOrigin { return .answer(.badRequest) }
        guard (headers["content-length"] ?? "0") == "0", headers["transfer-encoding"] == nil else { return .answer(.badRequest) }
        let target = start[1]
        guard target.hasPrefix("/"), !target.contains("#") else { return .answer(.badRequest) }
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        if target == "/done" { return doneIsOpen ? .done : .answer(.notFound) }
        guard parts[0] == rule.path else { return .answer(.notFound) }
        guard parts.count == 2, let query = WebAddress.decodeForm(String(parts[1])) else { return .answer(.badRequest) }
        switch fields.judge(query) {
        case .accepted(let answer): return .hit(answer)
        case .rejected: return .answer(.badRequest)
        }
    }
}

/// The static answers. Nothing from the request is ever echoed.
struct CallbackPage: Sendable {
    let response: [UInt8]

    private init(_ status: String, extra: [String] = [], _ title: String, _ text: String) {
        let style =
            "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem;color:#222}h1{font-size:1.5rem}"
        let hash = Base64.encode(SHA256.hash(Array(style.utf8).span).span, padded: true)
        let body =
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>\(title)</title><style>\(style)</style><h1>\(title)</h1><p>\(text)</p></html>\n"
        let head = [
            "HTTP/1.1 \(status)", "Content-Type: text/html; charset=utf-8", "Content-Length: \(body.utf8.count)",
            "Content-Security-Policy: default-src 'none'; style-src 'sha256-\(hash)'; frame-ancestors 'none'",
            "Referrer-Policy: no-referrer", "Cache-Control: no-store", "X-Content-Type-Options: nosniff", "Connection: close",
        ]
        response = Array(((head + extra).joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
    }

    /// The code leaves the address bar with this redirect.
    static let toDone = CallbackPage("303 See Other", extra: ["Location: /done"], "One moment", "The login goes on in the terminal.")
    static let done = CallbackPage("200 OK", "You can close this window", "The terminal shows how the login ended.")
    static let badRequest = CallbackPage(
        "400 Bad Request", "Not this login", "This request does not belong to the login that is waiting. It was ignored.")
    static let notFound = CallbackPage("404 Not Found", "Nothing here", "Only the callback of a login is answered here.")
    static let methodNotAllowed = CallbackPage(
        "405 Method Not Allowed", extra: ["Allow: GET"], "Not this way", "Only GET is answered here.")
    static let tooLarge = CallbackPage("431 Request Header Fields Too Large", "Too large", "The request is too large.")
    static let misdirected = CallbackPage("421 Misdirected Request", "Not this host", "This request was meant for another host.")
}
