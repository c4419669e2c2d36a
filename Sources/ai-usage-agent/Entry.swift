/// The front door: answers `token` from a running agent within a millisecond, and is the full program for everything else.
///
/// It prints nothing but a success. Any other line of arguments, any other reply and any doubt end in `FullProgram.become()`,
/// so that every error has one home, which is `CommandFailure` over there.
@main
enum Entry {
    static func main() {
        if let question = Question(Started.arguments()), let places = Places(), answer(question, at: places) {
            Reply.wipe()
            Started.end(0)
        }
        FullProgram.become()
    }

    /// - Returns: whether the token was printed.
    private static func answer(_ question: Question, at places: Places) -> Bool {
        guard places.areTrusted, let message = question.message(store: places.store) else { return false }
        guard let connection = AgentConnection(to: places.socket), connection.send(message), let reply = connection.receive(),
            let answer = Answer(reading: reply), answer.suits(question)
        else { return false }
        return reply.print(answer.token, asHeader: question.isHeader)
    }
}
