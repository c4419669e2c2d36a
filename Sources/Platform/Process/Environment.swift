import Glibc

/// The process environment, read once at the composition root and passed on as a value.
package struct ProcessEnvironment: Sendable {
    private let variables: [String: String]

    package init(_ variables: [String: String]) { self.variables = variables }

    package static func current() -> ProcessEnvironment {
        var variables: [String: String] = [:]
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let pair = unsafe String(cString: text)
            if let split = pair.firstIndex(of: "=") { variables[String(pair[..<split])] = String(pair[pair.index(after: split)...]) }
            unsafe entry += 1
        }
        return ProcessEnvironment(variables)
    }

    /// The variable's value; nil where it is unset or empty.
    package subscript(_ name: String) -> String? {
        guard let value = variables[name], !value.isEmpty else { return nil }
        return value
    }

    package var all: [String: String] { variables }

    /// The directory of the running program, from /proc/self/exe and never from PATH.
    package static var programDirectory: String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else { return nil }
        let path = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.lastIndex(of: "/").map { String(path[..<$0]) }
    }
}
