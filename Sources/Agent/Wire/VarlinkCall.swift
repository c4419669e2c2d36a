package import Platform

/// One call of a varlink client (varlink.org/Method-Call): a JSON object with a method and its parameters.
package final class VarlinkCall: Sendable {
    /// With its interface: `io.aiusage.Agent.GetToken`.
    package let method: String
    /// Several answers are wanted.
    package let wantsMore: Bool
    /// No answer is wanted.
    package let isOneway: Bool
    /// Holds passphrases and tokens where the method takes them: never copied as a whole.
    package let document: JSONDocument

    /// No JSON object, no method, or parameters that are no object.
    package struct Malformed: Error {}

    /// - Parameter message: without its NUL.
    /// - Throws: `Malformed`; what was asked cannot be told then.
    package init(_ message: Span<UInt8>) throws(Malformed) {
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(SecretBytes(copying: message)) } catch { throw Malformed() }
        guard let name = document.member("method", of: document.root), let method = document.string(name) else { throw Malformed() }
        if let parameters = document.member("parameters", of: document.root), !document.isObject(parameters), !document.isNull(parameters) {
            throw Malformed()
        }
        self.method = method
        wantsMore = VarlinkCall.isTrue("more", document)
        isOneway = VarlinkCall.isTrue("oneway", document)
        self.document = document
    }

    private static func isTrue(_ name: String, _ document: borrowing JSONDocument) -> Bool {
        guard let node = document.at(name) else { return false }
        return document.value(node) == .bool(true)
    }
}

/// The parameters of a call, taken one by one; what is of the wrong type or not known is the caller's mistake.
struct VarlinkParameters: Sendable {
    private let call: VarlinkCall

    init(_ call: VarlinkCall, known: [String]) throws(VarlinkError) {
        if let parameters = call.document.at("parameters") {
            for member in call.document.members(of: parameters) where !known.contains(member.name) {
                throw VarlinkError.invalidParameter(member.name)
            }
        }
        self.call = call
    }

    private func node(_ name: String) -> JSONDocument.Node? {
        guard let node = call.document.at("parameters", name), !call.document.isNull(node) else { return nil }
        return node
    }

    func text(_ name: String) throws(VarlinkError) -> String {
        guard let text = try optionalText(name) else { throw VarlinkError.invalidParameter(name) }
        return text
    }

    func optionalText(_ name: String) throws(VarlinkError) -> String? {
        guard let node = node(name) else { return nil }
        guard let text = call.document.string(node) else { throw VarlinkError.invalidParameter(name) }
        return text
    }

    func optionalNumber(_ name: String) throws(VarlinkError) -> Int? {
        guard let node = node(name) else { return nil }
        guard let number = call.document.number(node)?.integer else { throw VarlinkError.invalidParameter(name) }
        return number
    }

    func flag(_ name: String) throws(VarlinkError) -> Bool {
        guard let node = node(name) else { return false }
        guard let flag = call.document.value(node).bool else { throw VarlinkError.invalidParameter(name) }
        return flag
    }

    func optionalSecret(_ name: String) throws(VarlinkError) -> SecretBytes? {
        guard let node = node(name) else { return nil }
        guard let secret = call.document.secret(node) else { throw VarlinkError.invalidParameter(name) }
        return secret
    }

    /// A copy of an object's text in protected memory.
    func object(_ name: String) throws(VarlinkError) -> SecretBytes {
        guard let node = node(name), call.document.isObject(node) else { throw VarlinkError.invalidParameter(name) }
        return call.document.withRawText(of: node) { SecretBytes(copying: $0) }
    }
}
