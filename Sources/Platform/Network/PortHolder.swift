import Glibc

/// Who listens on a loopback port, as far as /proc tells us.
package enum PortHolder {
    /// "program (pid 42)" or "user 1000"; nil if nothing is found.
    package static func find(port: Int) -> String? {
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            guard let text = readText(table) else { continue }
            for line in text.split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ")
                // local address, state 0A (listening), uid, inode: proc(5).
                guard fields.count > 9, fields[3] == "0A", let colon = fields[1].lastIndex(of: ":"),
                    Int(fields[1][fields[1].index(after: colon)...], radix: 16) == port
                else { continue }
                return process(holding: String(fields[9])) ?? "user \(fields[7])"
            }
        }
        return nil
    }

    private static func process(holding inode: String) -> String? {
        guard let proc = try? PrivateDirectory.listing("/proc") else { return nil }
        // The oldest: what it has started may hold a copy of the descriptor, and is not what has to be stopped.
        for entry in proc.compactMap({ Int($0) }).sorted() {
            guard let descriptors = try? PrivateDirectory.listing("/proc/\(entry)/fd") else { continue }
            for descriptor in descriptors where link("/proc/\(entry)/fd/\(descriptor)") == "socket:[\(inode)]" {
                let name = readText("/proc/\(entry)/comm")?.split(separator: "\n").first.map(String.init) ?? "a program"
                return "\(TerminalText.escape(name, limit: 40)) (pid \(entry))"
            }
        }
        return nil
    }

    private static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        let count = unsafe readlink(path, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func readText(_ path: String) -> String? {
        PublicFile.read(path, limit: 1 << 20)
    }
}
