@testable import OAuth
@testable import Platform

/// What comes to the listener of a login, and what a person pastes: only the answer to this login is taken.
extension FuzzTarget {
    static let callbackRequest = FuzzTarget(name: "callback-request", longest: 1024) { input in
        // A state that the input cannot hold: everything but a bare code is refused.
        let foreign = Hex.encode(SHA256.hash(input.span).span)
        // And one that the inputs know.
        let known = "s3cretState-0123456789"
        for state in [foreign, known] {
            for (issuer, isRequired) in [(nil, false), ("https://id.example.org", true)] as [(String?, Bool)] {
                let fields = CallbackFields(state: state, issuer: issuer, issuerIsRequired: isRequired)
                for doneIsOpen in [false, true] { request(input, fields, doneIsOpen, isForeign: state == foreign) }
                paste(String(decoding: input, as: UTF8.self), fields, isForeign: state == foreign)
            }
        }
        address(String(decoding: input, as: UTF8.self))
    }

    private static let rule = RedirectRule(host: "127.0.0.1", path: "/callback", ports: [])

    private static func request(_ head: [UInt8], _ fields: CallbackFields, _ doneIsOpen: Bool, isForeign: Bool) {
        let request = CallbackRequest(rule: rule, port: 4321, fields: fields, serverOrigin: "https://id.example.org")
        switch request.judge(head, doneIsOpen: doneIsOpen) {
        case .answer(let page):
            hold(page.response.starts(with: "HTTP/1.1 4".utf8), "what is no hit is refused")
        case .done:
            hold(doneIsOpen, "the last page is served after a hit only")
            hold(head.starts(with: "GET /done HTTP/1.".utf8), "the last page has one address")
        case .hit(let answer):
            hold(!isForeign, "a callback without the state is not taken")
            hold(head.starts(with: "GET /callback?".utf8), "a callback has one address")
            let text = String(decoding: head, as: UTF8.self).lowercased()
            hold(text.contains("\r\nhost:") && text.contains("127.0.0.1:4321"), "a callback names our host")
            check(answer, mustBeChecked: true)
        }
    }

    private static func paste(_ line: String, _ fields: CallbackFields, isForeign: Bool) {
        switch PastedCallback.judge(line, fields, path: rule.path) {
        case .rejected(let reason): holdShowable(reason, limit: 200, "the reason of a refusal")
        case .accepted(let answer): check(answer, mustBeChecked: false, isForeign: isForeign)
        }
    }

    private static func check(_ answer: AuthorizationAnswer, mustBeChecked: Bool, isForeign: Bool = false) {
        switch answer {
        case .denied(let error, let description):
            hold(!isForeign, "nobody ends a login without its state")
            holdShowable(error, limit: 301, "the error of a server")
            holdShowable(description, limit: 301, "the description of an error")
        case .code(let box, let isChecked):
            guard let code = box.take() else { violated("a code can be taken once") }
            hold((1...4096).contains(code.count), "a code has 1 to 4096 bytes")
            hold(isChecked || !mustBeChecked, "the state of a callback is checked")
            hold(!isChecked || !isForeign, "a state that is not ours is not taken for checked")
        }
    }

    /// The strict addresses that everything else is decided on.
    private static func address(_ text: String) {
        if let address = WebAddress(text) {
            guard let again = WebAddress(address.description) else { violated("an address is written as one: \(address)") }
            hold(
                again.description == address.description && again.origin == address.origin && again.path == address.path
                    && again.query == address.query && again.isLoopback == address.isLoopback, "an address is read as it was written")
            hold(WebAddress(address.origin)?.origin == address.origin, "an origin is an address")
            for part in [address.host, address.path, address.query ?? ""] { holdShowable(part, limit: 8192, "a part of an address") }
        }
        hold(WebAddress.decodeForm("a=" + WebAddress.encode(text)) == ["a": text], "a text survives a form")
        guard let form = WebAddress.decodeForm(text) else { return }
        let again = form.map { WebAddress.encode($0.key) + "=" + WebAddress.encode($0.value) }.joined(separator: "&")
        hold(WebAddress.decodeForm(again) == form, "a form is read as it was written")
    }
}
