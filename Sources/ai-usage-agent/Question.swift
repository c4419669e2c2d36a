/// What `token PROVIDER [--account NAME] [--header]` asks for.
struct Question {
    private let provider: [UInt8]
    private let account: [UInt8]?
    let isHeader: Bool

    /// The same lines as `TokenRequest(plain:)` of the full program, without `--json`; nil for every other.
    init?(_ arguments: [[UInt8]]) {
        guard arguments.first.map({ $0.equals("token") }) ?? false else { return nil }
        var provider: [UInt8]?
        var account: [UInt8]?
        var isHeader = false
        var position = 1
        while position < arguments.count {
            let word = arguments[position]
            position += 1
            if word.equals("--header") {
                isHeader = true
            } else if word.equals("--account") {
                guard account == nil, position < arguments.count, Question.isName(arguments[position]) else { return nil }
                account = arguments[position]
                position += 1
            } else {
                guard provider == nil, Question.isName(word) else { return nil }
                provider = word
            }
        }
        guard let provider else { return nil }
        self.provider = provider
        self.account = account
        self.isHeader = isHeader
    }

    /// Names that stand in JSON as they are; nobody has others.
    private static func isName(_ word: [UInt8]) -> Bool {
        !word.isEmpty && word[0] != UInt8(ascii: "-") && word.isPlainText
    }

    /// A message is far smaller than the buffer of a socket, so that it is sent at once or not at all.
    private static let limit = 16 * 1024

    /// The call with its NUL (varlink); nil where it would be too long.
    func message(store: [UInt8]) -> [UInt8]? {
        var message: [UInt8] = []
        message.reserveCapacity(512)
        message.append(#"{"method":"io.aiusage.Agent.GetToken","parameters":{"provider":""#)
        message.append(contentsOf: provider)
        if let account {
            message.append(#"","account":""#)
            message.append(contentsOf: account)
        }
        message.append(#"","store":""#)
        message.append(contentsOf: store)
        message.append("\"}}\0")
        return message.count <= Question.limit ? message : nil
    }
}

extension [UInt8] {
    // Comparing or hashing a String would bring Unicode's tables; its bytes do not.
    func equals(_ text: String) -> Bool { elementsEqual(text.utf8) }
    func begins(with text: String) -> Bool { starts(with: text.utf8) }
    mutating func append(_ text: String) { append(contentsOf: text.utf8) }

    /// Printable ASCII that JSON does not escape.
    var isPlainText: Bool {
        for byte in self where byte < 0x20 || byte > 0x7E || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return false }
        return true
    }
}
