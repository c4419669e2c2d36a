/// A JSON value in ordinary memory: metadata, configuration, usage bodies, everything this program prints. No secrets.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Reads a strict JSON text (RFC 8259; no duplicate names, at most 32 levels).
    ///
    /// - Throws: `JSONError` with line and column.
    package init(parsing text: Span<UInt8>) throws(JSONError) {
        self.init(try JSONTree(text), 0, text)
    }

    /// The same for a text.
    package init(parsing text: String) throws(JSONError) {
        let bytes = Array(text.utf8)
        try self.init(parsing: bytes.span)
    }

    /// Nil for every other kind, as the four that follow.
    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var number: JSONNumber? { if case .number(let value) = self { value } else { nil } }
    package var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    package var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    package var isNull: Bool { self == .null }

    /// The member of that name; null where there is none or this is no object.
    package subscript(_ name: String) -> JSONValue { object?[name] ?? .null }

    /// Absent becomes null: a key of ours is always present.
    package static func optional(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
    package static func optional(_ number: Int?) -> JSONValue { number.map { .number(JSONNumber($0)) } ?? .null }
    /// Null also for what JSON cannot say.
    package static func optional(_ number: Double?) -> JSONValue { number.flatMap(JSONNumber.init).map(JSONValue.number) ?? .null }
    package static func strings(_ texts: [String]) -> JSONValue { .array(texts.map(JSONValue.string)) }
}

/// An object's members in the order in which they were written.
package struct JSONObject: Sendable, Equatable {
    package private(set) var members: [(name: String, value: JSONValue)] = []

    package init() {}

    /// Setting nil removes the member; a new name stands last.
    package subscript(_ name: String) -> JSONValue? {
        get { members.first { $0.name == name }?.value }
        set {
            let index = members.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (nil, let value?): members.append((name, value))
            case (let index?, nil): members.remove(at: index)
            case (nil, nil): break
            }
        }
    }

    /// Adds a member whose name is known to be new; `subscript` would look for it first.
    mutating func append(_ name: String, _ value: JSONValue) { members.append((name, value)) }

    package var names: [String] { members.map(\.name) }

    /// The same members, in whatever order.
    package static func == (a: JSONObject, b: JSONObject) -> Bool {
        a.members.count == b.members.count && a.members.allSatisfy { b[$0.name] == $0.value }
    }
}

/// A number as it was written, so that a rewrite changes nothing.
package struct JSONNumber: Sendable, Equatable {
    /// As it is written (RFC 8259 section 6).
    package let literal: String

    /// The literal is not checked.
    package init(literal: String) { self.literal = literal }
    package init(_ value: Int) { literal = String(value) }
    /// Nil for infinities and NaN, which JSON cannot say.
    package init?(_ value: Double) {
        guard value.isFinite else { return nil }
        literal = value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }

    /// The nearest one; nil for a literal that is no number.
    package var double: Double? { Double(literal) }
    /// The value if it is a whole number that fits, also when written as 3.0 or 3e2.
    package var integer: Int? { Int(literal) ?? double.flatMap { Int(exactly: $0) } }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .number(JSONNumber(value)) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(nilLiteral: ()) { self = .null }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (name, value) in elements { object[name] = value }
        self = .object(object)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        for (name, value) in elements { self[name] = value }
    }
}
