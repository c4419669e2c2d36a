import Platform

/// Takes the members of one object of auth.json by name and type; what is left over is kept for the rewrite.
struct MetadataReader {
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var rest: JSONObject
    private let subject: String

    init(_ value: JSONValue, _ subject: String) throws(Problem) {
        guard let object = value.object else { throw Problem(description: "\(subject) is no object") }
        rest = object
        self.subject = subject
    }

    func problem(_ name: String, _ why: String) -> Problem { Problem(description: "\(subject): \"\(name)\" \(why)") }

    mutating func take(_ name: String) -> JSONValue {
        let value = rest[name] ?? .null
        rest[name] = nil
        return value
    }

    mutating func text(_ name: String) throws(Problem) -> String {
        guard let text = try optionalText(name), !text.isEmpty else { throw problem(name, "is missing or empty") }
        return text
    }

    mutating func optionalText(_ name: String) throws(Problem) -> String? {
        switch take(name) {
        case .null: return nil
        case .string(let text): return text
        default: throw problem(name, "is no string")
        }
    }

    mutating func texts(_ name: String) throws(Problem) -> [String] {
        let value = take(name)
        if value.isNull { return [] }
        guard let elements = value.array else { throw problem(name, "is no list") }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string else { throw problem(name, "holds something that is no string") }
            texts.append(text)
        }
        return texts
    }

    mutating func flag(_ name: String) throws(Problem) -> Bool {
        let value = take(name)
        if value.isNull { return false }
        guard let flag = value.bool else { throw problem(name, "is neither true nor false") }
        return flag
    }

    mutating func count(_ name: String) throws(Problem) -> Int {
        guard let number = take(name).number?.integer, (0..<1 << 53).contains(number) else {
            throw problem(name, "is no whole number that makes sense")
        }
        return number
    }

    mutating func optionalCount(_ name: String) throws(Problem) -> Int? {
        if rest[name] == nil || rest[name]?.isNull == true {
            rest[name] = nil
            return nil
        }
        return try count(name)
    }

    mutating func optionalTime(_ name: String) throws(Problem) -> Timestamp? {
        guard let text = try optionalText(name) else { return nil }
        guard let time = Timestamp(text) else { throw problem(name, "is no ISO 8601 time") }
        return time
    }

    mutating func choice<Choice>(_ name: String, _ make: (String) -> Choice?) throws(Problem) -> Choice {
        let text = try text(name)
        guard let choice = make(text) else { throw problem(name, "has the unknown value \"\(text.prefix(40))\"") }
        return choice
    }
}
