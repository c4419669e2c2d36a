import OAuth
import Platform
import Providers

@testable import Agent

/// Calls as the agent takes them and replies as its client does.
extension FuzzTarget {
    static let varlinkFrame = FuzzTarget(name: "varlink-frame", longest: 4096) { input in
        call(input)
        reply(input)
        frontDoor(input)
        bundle(input)
    }

    private static func call(_ input: [UInt8]) {
        do throws(VarlinkCall.Malformed) {
            let call = try VarlinkCall(input.span)
            guard let value = try? JSONValue(parsing: input.span) else { violated("a call is JSON") }
            hold(value["method"].string == call.method, "a call has its method")
            hold(call.wantsMore == (value["more"] == true) && call.isOneway == (value["oneway"] == true), "a call has its flags")
            parameters(call, value["parameters"])
        } catch {
            hold((try? JSONValue(parsing: input.span))?["method"].string == nil || !isObject(input), "a call that is one is taken")
        }
    }

    private static func isObject(_ input: [UInt8]) -> Bool {
        let parameters = (try? JSONValue(parsing: input.span))?["parameters"] ?? .null
        return parameters.isNull || parameters.object != nil
    }

    private static func parameters(_ call: VarlinkCall, _ value: JSONValue) {
        do throws(VarlinkError) {
            let question = try TokenQuestion(call)
            hold(question.minimum ?? 0 >= 0, "nobody asks for a token of the past")
            hold(question.question.provider == value["provider"].string, "a question has its provider")
            hold(question.question.account == value["account"].string && question.store == value["store"].string, "and its names")
        } catch { check(error) }
        do throws(VarlinkError) {
            let names = value.object?.names ?? []
            let parameters = try VarlinkParameters(call, known: names)
            for name in names.prefix(16) {
                attempt { () throws(VarlinkError) in
                    hold(try parameters.optionalText(name) == value[name].string, "a text is read")
                }
                attempt { () throws(VarlinkError) in _ = try parameters.optionalNumber(name) }
                attempt { () throws(VarlinkError) in hold(try parameters.flag(name) == (value[name] == true), "a flag is read") }
                attempt { () throws(VarlinkError) in
                    guard let secret = try parameters.optionalSecret(name) else { return }
                    hold(secret.bytes() == Array((value[name].string ?? "").utf8), "a secret is read")
                }
                attempt { () throws(VarlinkError) in
                    let object = try parameters.object(name)
                    hold((try? JSONValue(parsing: object)) == value[name], "an object is passed on as it is")
                }
            }
        } catch { check(error) }
    }

    private static func attempt(_ body: () throws(VarlinkError) -> Void) {
        do throws(VarlinkError) { try body() } catch { check(error) }
    }

    private static func check(_ error: VarlinkError) {
        hold(error.name == "org.varlink.service.InvalidParameter", "a wrong parameter is said to be one: \(error.name)")
        let message = VarlinkReply.failure(error)
        let isFrame = message.withBytes { bytes in
            bytes.count > 1 && bytes[bytes.count - 1] == 0 && !bytes.extracting(first: bytes.count - 1).array.contains(0)
        }
        hold(isFrame, "a reply has one NUL, at its end")
    }

    private static func reply(_ input: [UInt8]) {
        do throws(AgentClient.Failure) {
            let answer = try AgentClient.read(SecretBox(SecretBytes(input)))
            guard let value = try? JSONValue(parsing: input.span) else { violated("an answer is JSON") }
            hold(answer.parameters == value["parameters"], "an answer has its parameters")
            hold(value["error"].string == nil, "an error is no answer")
        } catch {
            _ = error.error
            if case .broken(let reason) = error { holdShowable(reason, limit: 2000, "the reason of a broken agent") }
        }
    }

    /// The front door takes fewer replies than the full program, and from those the same token.
    private static func frontDoor(_ input: [UInt8]) {
        // The agent writes UTF-8; the front door cannot tell.
        guard UTF8Text.isValid(input.span), let answer = Answer(reading: Reply(bytes: input)) else { return }
        do throws(AgentClient.Failure) {
            let full = try AgentClient.read(SecretBox(SecretBytes(input)))
            guard let node = full.document.at("parameters", "accessToken"), let token = full.document.secret(node) else {
                violated("what the front door takes for a token is one")
            }
            hold(token.bytes() == Array(input[answer.token]), "both programs take the same token")
            hold(TokenResponse.isToken(token) || token.count > 48 << 10, "the front door takes a token only")
            hold(full.document.at("parameters", "warning") == nil, "a warning is left to the full program")
        } catch { violated("the front door takes no reply that the full program refuses: \(error)") }
    }

    private static let catalog: ProviderCatalog = {
        var settings = ProviderSettings()
        settings.clientId = "fuzz"
        settings.issuer = "https://id.example.org"
        return ProviderCatalog(["acme": settings])
    }()

    /// The parameter of Adopt, as a login brings it and the agent takes it apart.
    private static func bundle(_ input: [UInt8]) {
        do throws(OAuthError) {
            let login = try LoginBundle.decode(SecretBytes(input), catalog)
            hold(!login.identity.accountKey.isEmpty && !login.client.clientId.isEmpty, "what is stored has a name")
            let text = try LoginBundle.encode(login)
            let again = try LoginBundle.decode(text, catalog)
            hold(again.identity == login.identity, "an identity survives its bundle")
            hold(again.client.clientId == login.client.clientId, "a client survives its bundle")
            hold(again.client.issuer == login.client.issuer, "an issuer survives its bundle")
            hold(again.client.endpoints?.origins == login.client.endpoints?.origins, "origins survive their bundle")
            hold(again.receivedAt == login.receivedAt, "a moment survives its bundle: \(login.receivedAt)")
            hold(SecretBytes.equal(again.tokens.accessToken, login.tokens.accessToken), "a token survives its bundle")
            hold(again.tokens.expiresIn == login.tokens.expiresIn, "a lifetime survives its bundle")
        } catch { holdShowable(error.message, limit: 2000, "the message of a refused bundle") }
    }
}
