import CCurl
import Glibc

/// HTTP over libcurl: a new connection for every request, no redirect followed, nothing ever sent twice, TLS always
/// verified, proxies honoured except for loopback. libcurl is opened at the first request; where it is not installed, every request
/// fails with `configuration`. Each request blocks a thread of its own.
package struct HTTPTransport: HTTPSending {
    /// What config.json and the environment say of requests.
    package struct Settings: Sendable {
        /// Overrides HTTPS_PROXY and its kin, which libcurl reads by itself.
        package var proxy: String?
        /// PEM files used instead of the system's authorities (network.caFile and SSL_CERT_FILE together).
        package var authorityFiles: [String] = []
        /// `ai-usage-agent/VERSION`.
        package var userAgent: String

        package init(userAgent: String) { self.userAgent = userAgent }
    }

    private let settings: Settings

    package init(_ settings: Settings) { self.settings = settings }

    /// Why no request can be made on this machine, which opens libcurl to see; nil where it can.
    package static var problem: String? {
        guard let why = unsafe ccurl_load() else { return nil }
        return unsafe String(cString: why)
    }

    package func send(_ request: consuming HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        let exchange = Exchange(request, settings)
        await onOwnThread { exchange.run() }
        return try exchange.take()
    }

    /// The hosts that mean this machine: never through a proxy, never asked of DNS.
    package static func isLoopback(host: String) -> Bool {
        ["localhost", "127.0.0.1", "::1", "[::1]"].contains(host.lowercased())
    }
}

/// One request on its way: owned by the waiting task, then by the thread that runs it, then by the task again.
private final class Exchange: @unchecked Sendable {
    private var request: HTTPRequest
    private let settings: HTTPTransport.Settings
    private var body = SecretBuffer(capacity: 8192)
    private var headers: [(name: String, value: String)] = []
    private var result: Result<Int, HTTPFailure>?

    init(_ request: consuming HTTPRequest, _ settings: HTTPTransport.Settings) {
        self.request = request
        self.settings = settings
    }

    func take() throws(HTTPFailure) -> HTTPResponse {
        guard let result else { fatalError("the exchange has not run") }
        let status = try result.get()
        defer { body = SecretBuffer(capacity: 0) }
        return HTTPResponse(status: status, headers: headers, body: body.withBytes { SecretBytes(copying: $0) })
    }

    func run() {
        result = perform()
        // The thread lets go of us some time after the task has gone on; the secrets need not wait for that.
        request.body = nil
        request.bearer = nil
        request.cookie = nil
    }

    private func perform() -> Result<Int, HTTPFailure> {
        guard let url = WebAddress(request.url) else {
            return .failure(failure(.configuration, sent: false, "?", "\(request.url) is no usable address"))
        }
        if let why = unsafe ccurl_load() {
            return .failure(failure(.configuration, sent: false, url.host, "libcurl could not be opened: \(unsafe String(cString: why))"))
        }
        guard let handle = unsafe ccurl_create(request.url, request.method.rawValue) else {
            return .failure(failure(.configuration, sent: false, url.host, "libcurl refused the request"))
        }
        defer { unsafe ccurl_destroy(handle) }
        if let reason = unsafe configure(handle, url) {
            return .failure(failure(.configuration, sent: false, url.host, reason))
        }
        return unsafe transfer(handle, url)
    }

    private func configure(_ handle: OpaquePointer, _ url: WebAddress) -> String? {
        let milliseconds = request.deadline.components.seconds * 1000 + request.deadline.components.attoseconds / 1_000_000_000_000_000
        let total = Int(max(1, milliseconds))
        let connect = min(total, 10_000)
        var ok =
            unsafe request.takesLateAnswer
            ? ccurl_set_late_timeout(handle, total, connect) : ccurl_set_timeout(handle, total, connect)
        if HTTPTransport.isLoopback(host: url.host) {
            unsafe ok = ok && ccurl_set_no_proxy(handle, "*")
            if url.host.lowercased() == "localhost" {
                unsafe ok = ok && ccurl_set_resolution(handle, "localhost:\(url.port):127.0.0.1,[::1]")
            }
        } else if let proxy = settings.proxy {
            unsafe ok = ok && ccurl_set_proxy(handle, proxy)
        }
        if url.isSecure, !settings.authorityFiles.isEmpty {
            var bundle: [UInt8] = []
            for path in settings.authorityFiles {
                guard let pem = readAuthorities(path) else { return "the CA file \(path) cannot be read" }
                bundle += pem + [UInt8(ascii: "\n")]
            }
            unsafe ok = ok && ccurl_set_authorities(handle, bundle, bundle.count)
        }
        var lines = ["User-Agent: \(settings.userAgent)", "Accept: application/json", "Expect:"]
        if let type = request.contentType { lines.append("Content-Type: \(type)") }
        for header in request.headers {
            // A name or value with a line end would be a second header: refuse it, whoever gave it.
            guard !(header.name + header.value).utf8.contains(where: { $0 < 0x20 }) else { return "a header holds a control character" }
            lines.append("\(header.name): \(header.value)")
        }
        for line in lines { unsafe ok = ok && ccurl_add_header(handle, Array(line.utf8), line.utf8.count) }
        if request.bearer != nil {
            let added = request.bearer!.withBytes { unsafe addSecret("Authorization: Bearer ", $0, handle) }
            guard added else { return "the access token holds a control character" }
        }
        if request.cookie != nil {
            let added = request.cookie!.withBytes { unsafe addSecret("Cookie: ", $0, handle) }
            guard added else { return "the cookie holds a control character" }
        }
        return ok ? nil : "libcurl refused an option"
    }

    /// One header whose value is secret; its line is put together in protected memory.
    private func addSecret(_ name: String, _ value: Span<UInt8>, _ handle: OpaquePointer) -> Bool {
        var header = SecretBuffer(capacity: 4096)
        header.append(name)
        header.append(value)
        return header.withBytes { line -> Bool in
            guard !line.indices.contains(where: { line[$0] < 0x20 }) else { return false }
            return unsafe line.withUnsafeBufferPointer { unsafe ccurl_add_header(handle, $0.baseAddress!, $0.count) }
        }
    }

    private func transfer(_ handle: OpaquePointer, _ url: WebAddress) -> Result<Int, HTTPFailure> {
        var outcome = ccurl_result()
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        func perform(_ body: Span<UInt8>?) -> Bool {
            if let body {
                let set = unsafe body.withUnsafeBufferPointer { buffer in
                    var nothing: UInt8 = 0
                    return unsafe withUnsafePointer(to: &nothing) { unsafe ccurl_set_body(handle, buffer.baseAddress ?? $0, buffer.count) }
                }
                guard set else { return false }
            }
            unsafe ccurl_perform(
                handle, context,
                { context, bytes, count in unsafe Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue().receive(bytes, count) },
                { context, bytes, count in unsafe Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue().receiveHeader(bytes, count)
                },
                &outcome)
            return true
        }
        let performed: Bool
        if request.body != nil {
            performed = request.body!.withBytes { perform($0) }
        } else if request.method == .post {
            performed = SecretBytes(zeroes: 0).withBytes { perform($0) }
        } else {
            performed = perform(nil)
        }
        guard performed else { return .failure(failure(.configuration, sent: false, url.host, "libcurl refused the body")) }
        if outcome.code == ccurl_code_ok { return .success(Int(outcome.status)) }
        return .failure(classify(outcome, url))
    }

    private func classify(_ outcome: ccurl_result, _ url: WebAddress) -> HTTPFailure {
        var outcome = outcome
        let message = unsafe withUnsafeBytes(of: &outcome.message) { buffer in
            String(decoding: unsafe buffer.prefix { $0 != 0 }.map { $0 }, as: UTF8.self)
        }
        if outcome.overflowed { return failure(.tooLarge, sent: true, url.host, "the answer is larger than \(request.bodyLimit) bytes") }
        let kind: HTTPFailure.Kind =
            switch outcome.code {
            case ccurl_code_resolve_host, ccurl_code_resolve_proxy: .resolve
            case ccurl_code_connect: .connect
            case ccurl_code_tls_handshake, ccurl_code_tls_verification, ccurl_code_tls_authority_file: .tls
            case ccurl_code_timeout: .timeout
            // An answer that is no HTTP/1 comes back as "unsupported protocol" too: then the request is out.
            case ccurl_code_url_malformed, ccurl_code_unsupported_protocol: outcome.sent ? .cut : .configuration
            default: outcome.sent ? .cut : .connect
            }
        let isRefused = outcome.code == ccurl_code_tls_verification
        let verdict = isRefused ? CertificateProblem(verification: outcome.verification).description + " (" : ""
        return failure(kind, sent: outcome.sent, url.host, verdict + TerminalText.escape(message) + (isRefused ? ")" : ""))
    }

    private func receive(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        guard body.count + count <= request.bodyLimit else { return false }
        body.append(unsafe UnsafeBufferPointer(start: bytes, count: count).span)
        return true
    }

    private func receiveHeader(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
        let line = unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
        // A status line starts a new answer (100 Continue before the real one).
        if line.hasPrefix("HTTP/") { return headers.removeAll() }
        guard headers.count < 200, let colon = line.firstIndex(of: ":") else { return }
        let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        headers.append((line[..<colon].lowercased(), String(value.prefix(4096))))
    }

    private func readAuthorities(_ path: String) -> [UInt8]? {
        let raw = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard raw >= 0 else { return nil }
        let file = Descriptor(owning: raw)
        // A FIFO would be waited for.
        guard let status = try? file.status(path), status.st_mode & S_IFMT == S_IFREG else { return nil }
        guard let content = Terminal.readAll(from: file.raw, limit: 16 << 20) else { return nil }
        return content.withBytes { span in span.indices.map { span[$0] } }
    }

    private func failure(_ kind: HTTPFailure.Kind, sent: Bool, _ host: String, _ reason: String) -> HTTPFailure {
        HTTPFailure(kind: kind, mayHaveBeenSent: sent, host: host, reason: reason)
    }
}
