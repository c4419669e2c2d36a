import Platform

/// One HTTP answer, and how badly it is delivered.
struct Reply: Sendable {
    /// The way of the bytes to the client.
    enum Delivery: Sendable {
        case whole
        /// The head at once, then one byte every 200 ms.
        case slowly
        /// The whole Content-Length promised, half of it sent.
        case cut
        /// No byte: the connection is reset.
        case reset
        /// No byte: the connection is closed.
        case closed
        /// No byte, and the connection stays open until the client has enough.
        case never
    }

    let status: Int
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    var delivery = Delivery.whole
    /// Waited before the first byte.
    var delay: Duration = .zero

    init(status: Int) { self.status = status }

    static func json(_ value: JSONValue) -> Reply { json(200, value) }

    static func json(_ status: Int, _ value: JSONValue) -> Reply {
        text(status, "application/json", value.compact)
    }

    static func text(_ status: Int, _ type: String, _ text: String) -> Reply {
        var reply = Reply(status: status)
        reply.headers = [("Content-Type", type), ("Cache-Control", "no-store")]
        reply.body = Array(text.utf8)
        return reply
    }

    /// A page such as a proxy or a challenge answers in place of an API.
    static func html(_ status: Int) -> Reply {
        let page = "<!DOCTYPE html><title>Just a moment...</title><p>Enable JavaScript and cookies to continue</p>"
        return text(status, "text/html; charset=utf-8", page)
    }

    static func redirect(_ status: Int, to location: String) -> Reply {
        var reply = Reply(status: status)
        reply.headers = [("Location", location), ("Cache-Control", "no-store")]
        return reply
    }

    /// OAuth's own error body (RFC 6749 section 5.2).
    static func oauthError(_ status: Int, _ code: String, _ description: String) -> Reply {
        .json(status, ["error": .string(code), "error_description": .string(description)])
    }

    /// OpenAI's error body.
    static func codexError(_ status: Int, _ code: String, _ message: String) -> Reply {
        .json(
            status,
            ["error": ["message": .string(message), "type": "invalid_request_error", "param": nil, "code": .string(code)]])
    }

    func with(_ name: String, _ value: String) -> Reply {
        var reply = self
        reply.headers.append((name, value))
        return reply
    }

    func delivered(_ delivery: Delivery) -> Reply {
        var reply = self
        reply.delivery = delivery
        return reply
    }

    /// Whether the client gets to see a status.
    var isSent: Bool {
        switch delivery {
        case .whole, .slowly, .cut: true
        case .reset, .closed, .never: false
        }
    }

    /// Sends and closes.
    func send(to socket: consuming StreamSocket) {
        if delay > .zero { _ = Poller.wait([], delay) }
        switch delivery {
        case .reset: return socket.reset()
        case .closed: return
        case .never:
            Reply.awaitEnd(socket, .seconds(600))
            return
        case .whole, .slowly, .cut: break
        }
        var head = "HTTP/1.1 \(status) \(Reply.reason(status))\r\nContent-Length: \(body.count)\r\nConnection: close\r\n"
        for header in headers { head += "\(header.name): \(header.value)\r\n" }
        let headBytes = Array((head + "\r\n").utf8)
        switch delivery {
        case .slowly:
            guard Reply.write(headBytes, to: socket) else { return }
            for byte in body {
                guard Reply.write([byte], to: socket), !Reply.awaitEnd(socket, .milliseconds(200)) else { return }
            }
        case .cut:
            _ = Reply.write(headBytes + body.prefix(body.count / 2), to: socket)
            return
        default:
            guard Reply.write(headBytes + body, to: socket) else { return }
        }
        // The client closes first, so that no TIME_WAIT of ours keeps the port from the next demo-provider.
        if !Reply.awaitEnd(socket, .milliseconds(300)) {
            socket.finishSending()
            Reply.awaitEnd(socket, .milliseconds(200))
        }
    }

    private static func write(_ bytes: [UInt8], to socket: borrowing StreamSocket) -> Bool {
        let deadline = TimeSource.system.elapsed() + .seconds(30)
        var done = 0
        while done < bytes.count {
            guard let sent = socket.send(bytes.span.extracting(done..<min(bytes.count, done + 65536))) else { return false }
            done += sent
            if sent == 0 {
                let left = deadline - TimeSource.system.elapsed()
                guard left > .zero else { return false }
                _ = Poller.wait([Poller.Interest(socket.descriptor.raw, writing: true)], left)
            }
        }
        return true
    }

    /// Waits until the client has closed; false if the time was over first.
    @discardableResult
    private static func awaitEnd(_ socket: borrowing StreamSocket, _ patience: Duration) -> Bool {
        let deadline = TimeSource.system.elapsed() + patience
        while true {
            switch socket.receive() {
            case .ended: return true
            case .bytes: continue
            case .nothingYet:
                let left = deadline - TimeSource.system.elapsed()
                guard left > .zero else { return false }
                _ = Poller.wait([Poller.Interest(socket.descriptor.raw)], left)
            }
        }
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 302: "Found"
        case 307: "Temporary Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 411: "Length Required"
        case 413: "Content Too Large"
        case 421: "Misdirected Request"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        default: "Status"
        }
    }
}
