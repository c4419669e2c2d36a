import TestSupport

/// What an agent might say instead of a plain success. None of it may reach standard output.
struct DoubtfulReply: Sendable, CustomStringConvertible {
    let description: String
    let bytes: [UInt8]

    private init(_ description: String, _ text: String) { (self.description, bytes) = (description, Array(text.utf8)) }

    /// Marks what must not be printed.
    static let token = "doubtful-token"

    private static func reply(_ members: String) -> String { #"{"parameters":{\#(members)}}"# + "\0" }
    private static let type = #""tokenType":"Bearer""#
    private static let access = #""accessToken":"\#(token)""#

    static let all: [DoubtfulReply] = [
        // The agent's own answers that are not a token.
        DoubtfulReply("an error", #"{"error":"io.aiusage.Agent.VaultLocked","parameters":{"message":"locked"}}"# + "\0"),
        DoubtfulReply("an error beside a token", #"{"error":"io.aiusage.Agent.WrongStore","parameters":{\#(access),\#(type)}}"# + "\0"),
        DoubtfulReply("an error behind a token", #"{"parameters":{\#(access),\#(type)},"error":"io.aiusage.Agent.WrongStore"}"# + "\0"),
        DoubtfulReply("a warning", reply(#"\#(access),\#(type),"warning":"the vault was restored""#)),
        DoubtfulReply("more to come", #"{"continues":true,"parameters":{\#(access),\#(type)}}"# + "\0"),
        DoubtfulReply("no more to come", #"{"parameters":{\#(access),\#(type)},"continues":false}"# + "\0"),
        // Not what GetToken answers.
        DoubtfulReply("nothing", ""),
        DoubtfulReply("an empty message", "\0"),
        DoubtfulReply("an empty object", "{}\0"),
        DoubtfulReply("no members", #"{"parameters":{}}"# + "\0"),
        DoubtfulReply("no token", reply(type)),
        DoubtfulReply("no type", reply(access)),
        DoubtfulReply("an unknown member", reply(#"\#(access),\#(type),"scope":"all""#)),
        DoubtfulReply("a member twice", reply(#"\#(access),\#(access),\#(type)"#)),
        DoubtfulReply("another member twice", reply(#"\#(access),\#(type),"accountId":"a","accountId":"a""#)),
        DoubtfulReply("parameters that are text", #"{"parameters":"\#(token)"}"# + "\0"),
        DoubtfulReply("another name", #"{"parameterz":{\#(access),\#(type)}}"# + "\0"),
        // Not a token.
        DoubtfulReply("an empty token", reply(#""accessToken":"",\#(type)"#)),
        DoubtfulReply("a token of null", reply(#""accessToken":null,\#(type)"#)),
        DoubtfulReply("a token that is a number", reply(#""accessToken":1234567,\#(type)"#)),
        DoubtfulReply("an escape in the token", reply(#""accessToken":"\#(token)\u0041",\#(type)"#)),
        DoubtfulReply("an escaped line end in the token", reply(#""accessToken":"\#(token)\nX-Other: 1",\#(type)"#)),
        DoubtfulReply("a line end in the token", reply("\"accessToken\":\"\(token)\nX-Other: 1\",\(type)")),
        DoubtfulReply("a space in the token", reply(#""accessToken":"\#(token) b",\#(type)"#)),
        DoubtfulReply("letters beyond ASCII in the token", reply(#""accessToken":"\#(token)ä",\#(type)"#)),
        DoubtfulReply("an escape elsewhere", reply(#"\#(access),\#(type),"accountKey":"a\\b""#)),
        DoubtfulReply("a line end elsewhere", reply("\(access),\(type),\"accountKey\":\"a\nb\"")),
        // Not JSON, or not only.
        DoubtfulReply("garbage", "hello\0"),
        DoubtfulReply("a page", "HTTP/1.1 200 OK\r\n\r\n\(token)\0"),
        DoubtfulReply("a bare token", token + "\0"),
        DoubtfulReply("no end of the object", #"{"parameters":{\#(access),\#(type)}"# + "\0"),
        DoubtfulReply("a comma too many", reply(#"\#(access),\#(type),"#)),
        DoubtfulReply("a space before", " " + ScriptedAgent.success(token)),
        DoubtfulReply("something behind the object", #"{"parameters":{\#(access),\#(type)}}x"# + "\0"),
        // Not one message.
        DoubtfulReply("a cut", String(ScriptedAgent.success(token).dropLast(20))),
        DoubtfulReply("no NUL", String(ScriptedAgent.success(token).dropLast())),
        DoubtfulReply("two messages", ScriptedAgent.success(token) + ScriptedAgent.success(token)),
        DoubtfulReply("more than 64 KiB", ScriptedAgent.success(token + String(repeating: "t", count: 65536))),
        DoubtfulReply("NULs alone", "\0\0\0"),
    ]
}
