import Glibc

/// The process environment, read once at the composition root and passed on as a value.
package struct ProcessEnvironment: Sendable {
    private let variables: [String: String]
    private let tokens: [String: Token]
    /// Names of variables whose value is no UTF-8: they have no value here, and are passed on as they are by `exec` alone.
    package let unreadable: Set<String>

    private final class Token: Sendable {
        let secret: SecretBytes
        init(_ secret: consuming SecretBytes) { self.secret = secret }
    }

    /// Holds no token, whatever the names are: only `current` tells those apart.
    package init(_ variables: [String: String]) { self.init(variables, [:], []) }

    private init(_ variables: [String: String], _ tokens: [String: Token], _ unreadable: Set<String>) {
        self.variables = variables
        self.tokens = tokens
        self.unreadable = unreadable
    }

    /// What the process was started with; variables that hold a token go to protected memory.
    package static func current() -> ProcessEnvironment {
        var variables: [String: String] = [:]
        var tokens: [String: Token] = [:]
        var unreadable: Set<String> = []
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let bytes = unsafe UnsafeBufferPointer(
                start: UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self), count: strlen(text))
            if let (name, token) = unsafe token(bytes.span) {
                tokens[name] = token
                unsafe entry += 1
                continue
            }
            if let pair = unsafe String(validatingCString: text) {
                if let split = pair.firstIndex(of: "=") { variables[String(pair[..<split])] = String(pair[pair.index(after: split)...]) }
            } else {
                unreadable.insert(unsafe String(decoding: bytes.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self))
            }
            unsafe entry += 1
        }
        return ProcessEnvironment(variables, tokens, unreadable)
    }

    /// A variable that holds a provider's token goes into protected memory, and is no variable like others: no child gets it.
    private static func token(_ entry: Span<UInt8>) -> (name: String, token: Token)? {
        let prefix = tokenPrefix.utf8
        guard entry.count > prefix.count, zip(entry.indices, prefix).allSatisfy({ entry[$0] == $1 }),
            let equals = entry.indices.first(where: { entry[$0] == UInt8(ascii: "=") })
        else { return nil }
        let name = String(decoding: (0..<equals).map { entry[$0] }, as: UTF8.self)
        guard name.hasSuffix(tokenSuffix), name.utf8.count > prefix.count + tokenSuffix.utf8.count else { return nil }
        return (name, Token(SecretBytes(copying: entry.extracting(equals + 1..<entry.count))))
    }

    private static let tokenPrefix = "AI_USAGE_AGENT_"
    private static let tokenSuffix = "_TOKEN"

    /// The variable that holds a token of the provider: its name in upper case, everything but letters and digits as `_`.
    package static func tokenVariable(of provider: String) -> String {
        let name = provider.uppercased().utf8.map { byte in
            let isPlain = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            return isPlain ? byte : UInt8(ascii: "_")
        }
        return tokenPrefix + String(decoding: name, as: UTF8.self) + tokenSuffix
    }

    /// The token in that variable; nil where it is unset or empty.
    package func token(_ variable: String) -> SecretBytes? {
        guard let token = tokens[variable], !token.secret.isEmpty else { return nil }
        return token.secret.duplicate()
    }

    /// Whether any variable holds a provider's token.
    package var hasTokens: Bool { !tokens.isEmpty }

    /// The variable's value; nil where it is unset or empty.
    package subscript(_ name: String) -> String? {
        guard let value = variables[name], !value.isEmpty else { return nil }
        return value
    }

    /// Every variable but those that hold a token.
    package var all: [String: String] { variables }

    /// The directory of the running program, from /proc/self/exe and never from PATH.
    package static var programDirectory: String? { program.map { String($0.directory) } }
    static var programName: String? { program.map { String($0.name) } }

    private static var program: (directory: Substring, name: Substring)? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else { return nil }
        let path = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.lastIndex(of: "/").map { (path[..<$0], path[path.index(after: $0)...]) }
    }
}
