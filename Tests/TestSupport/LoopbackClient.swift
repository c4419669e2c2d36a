import Glibc
package import Platform

/// A browser's part in HTTP, in a few lines: one request per connection, to this machine only, no redirect followed.
package struct LoopbackClient: Sendable {
    package struct Answer: Sendable, CustomStringConvertible {
        package let status: Int
        /// Names in lower case.
        package let headers: [String: String]
        package let body: [UInt8]

        package var location: String? { headers["location"] }
        package var json: JSONValue { (try? JSONValue(parsing: body.span)) ?? .null }
        package var text: String { String(decoding: body, as: UTF8.self) }
        package var description: String { "\(status) \(headers) \(text.prefix(300))" }
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private let usesV6: Bool

    /// - Parameter usesV6: connects to ::1 instead of 127.0.0.1, whatever the address names.
    package init(usesV6: Bool = false) { self.usesV6 = usesV6 }

    /// Sends these bytes as they are.
    package func raw(_ request: String, port: Int) async throws -> Answer {
        let usesV6 = usesV6
        return try await onOwnThread { LoopbackClient.exchange(request, port: port, usesV6: usesV6) }.get()
    }

    package func get(_ url: String) async throws -> Answer { try await send("GET", url, nil) }

    package func post(_ url: String, _ form: String = "") async throws -> Answer { try await send("POST", url, form) }

    private func send(_ method: String, _ url: String, _ form: String?) async throws -> Answer {
        guard let address = WebAddress(url), address.isLoopback, url.hasPrefix("http://") else {
            throw Failure(description: "\(url) is not on this machine")
        }
        let rest = url.dropFirst("http://".count)
        let slash = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = String(rest[..<slash])
        let target = rest[slash...].prefix { $0 != "#" }
        var request = "\(method) \(target.hasPrefix("/") ? "" : "/")\(target) HTTP/1.1\r\nHost: \(authority)\r\nConnection: close\r\n"
        if let form {
            request += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \(form.utf8.count)\r\n\r\n\(form)"
        } else {
            request += "\r\n"
        }
        return try await raw(request, port: address.port)
    }

    private static func exchange(_ request: String, port: Int, usesV6: Bool) -> Result<Answer, Failure> {
        func failure(_ what: String) -> Result<Answer, Failure> {
            .failure(Failure(description: "\(what) \(usesV6 ? "[::1]" : "127.0.0.1"):\(port): \(String(cString: strerror(errno)))"))
        }
        let descriptor = socket(usesV6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return failure("socket") }
        defer { close(descriptor) }
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        guard (usesV6 ? connectV6(descriptor, port) : connectV4(descriptor, port)) == 0 else { return failure("connect to") }
        Pipe.write(Array(request.utf8), to: descriptor)
        var bytes: [UInt8] = []
        while true {
            let more = Pipe.read(descriptor)
            if more.isEmpty { break }
            bytes += more
            // A browser closes as soon as it has the whole answer; the side that closes first keeps the port busy for a minute.
            if let answer = parse(bytes), let length = answer.headers["content-length"].flatMap({ Int($0) }), answer.body.count >= length {
                break
            }
        }
        return parse(bytes).map(Result.success) ?? .failure(Failure(description: "no HTTP answer from 127.0.0.1:\(port)"))
    }

    private static func connectV4(_ descriptor: Int32, _ port: Int) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    private static func connectV6(_ descriptor: Int32, _ port: Int) -> Int32 {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = in_port_t(port).bigEndian
        address.sin6_addr = in6addr_loopback
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size)) }
        }
    }

    private static func parse(_ bytes: [UInt8]) -> Answer? {
        let end = Array("\r\n\r\n".utf8)
        guard bytes.count >= 16, let split = (0...(bytes.count - 4)).first(where: { Array(bytes[$0..<$0 + 4]) == end }) else { return nil }
        let lines = String(decoding: bytes[..<split], as: UTF8.self).split(separator: "\r\n" as Character)
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return Answer(status: status, headers: headers, body: Array(bytes[(split + 4)...]))
    }
}
