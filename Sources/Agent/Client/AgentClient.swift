package import OAuth
package import Platform
package import Vault

/// Asks the running agent, for a command that then needs no key of its own.
package struct AgentClient: Sendable {
    private let socket: AgentSocket
    private let store: String

    /// Connects to nobody yet; an agent of another store counts as none.
    package init(_ paths: VaultPaths) {
        socket = AgentSocket(paths)
        store = paths.data
    }

    /// Of the socket, whether or not somebody listens there.
    package var path: String { socket.path }

    /// Why there is no answer although something stands at the agent's place.
    package enum Failure: Error, Sendable {
        /// Its answer is an error, which is the command's.
        case refused(VarlinkError)
        /// What stands at its place is not to be trusted, or did not answer as an agent does.
        case broken(String)
        /// Its process takes questions and answers none, not even what it would say at once: stopped, or stuck.
        case silent(process: Int32)
    }

    /// The parameters of an answer.
    package final class Answer: Sendable {
        let document: JSONDocument

        fileprivate init(_ box: SecretBox) throws(Failure) {
            do throws(JSONError) { document = try JSONDocument(box.take() ?? SecretBytes(zeroes: 0)) } catch {
                throw .broken("it answered something that is no JSON (\(error.reason))")
            }
        }

        func text(_ name: String) -> String? { document.at("parameters", name).flatMap { document.string($0) } }

        /// All of them: for answers without secrets.
        package var parameters: JSONValue { document.at("parameters").map { document.value($0) } ?? .null }
    }

    /// Asks once, on a connection of its own.
    ///
    /// - Parameter parameters: written as they are, and then wiped.
    /// - Returns: nil where no agent runs, or one that serves another store.
    /// - Throws: `refused` with the agent's error, which is then the command's; `silent` where nothing answers for some seconds; `broken`
    ///   for what cannot be trusted or does not answer this within 75 s. All methods below throw the same.
    package func ask(_ method: String, _ parameters: consuming SecretBytes) async throws(Failure) -> Answer? {
        // Where there is no agent, a command does not even start a thread for it.
        do throws(AgentSocket.Problem) { if try !socket.isThere() { return nil } } catch { throw .broken(error.reason) }
        var buffer = SecretBuffer(capacity: parameters.count + 96)
        buffer.append("{\"method\":\"\(AgentInterface.name).\(method)\",\"parameters\":")
        buffer.append(parameters)
        buffer.append("}\0")
        let question = SecretBlock(buffer.finish())
        let socket = socket
        switch await onOwnThread({ AgentConversation.run(socket, question) }) {
        case .nobody: return nil
        case .broken(let reason): throw .broken(reason)
        case .silent(let process): throw .silent(process: process)
        case .answer(let box):
            do throws(Failure) { return try AgentClient.read(box) } catch {
                if case .refused(let error) = error, error.kind == .wrongStore { return nil }
                throw error
            }
        }
    }

    /// What a reply says, without the NUL at its end.
    ///
    /// - Throws: `refused` for an error, `broken` for what is no JSON.
    static func read(_ reply: SecretBox) throws(Failure) -> Answer {
        let answer = try Answer(reply)
        guard let name = answer.document.text(at: "error") else { return answer }
        throw .refused(VarlinkError(name: name, parameters: answer.parameters.object ?? JSONObject()))
    }

    /// The same for parameters without secrets.
    package func ask(_ method: String, _ parameters: JSONObject = [:]) async throws(Failure) -> Answer? {
        try await ask(method, SecretBytes(JSONValue.object(parameters).compact))
    }

    // MARK: What commands want

    /// A live token of an account of the vault.
    package func token(_ account: AccountRecord, minimum: Int?) async throws(Failure) -> HeldToken? {
        let answer = try await ask(
            "GetToken",
            [
                "provider": .string(account.provider), "account": .string(account.id), "minTtlSeconds": .optional(minimum),
                "store": .string(store),
            ])
        guard let answer else { return nil }
        guard let node = answer.document.at("parameters", "accessToken"), let token = answer.document.secret(node) else {
            throw .broken("its answer holds no token")
        }
        return HeldToken(lent: token, account, expiresAt: answer.text("expiresAt").flatMap { Timestamp($0) }, answer.text("warning"))
    }

    /// Spends the refresh token now; `isDone` is false where no agent runs for this store.
    package func refresh(_ account: AccountRecord) async throws(Failure) -> (warning: String?, isDone: Bool) {
        let answer = try await ask("Refresh", named(account))
        return (answer?.text("warning"), answer != nil)
    }

    /// Removes the account; `isDone` is false where no agent runs for this store.
    package func remove(_ account: AccountRecord, revoke: Bool) async throws(Failure) -> (warning: String?, isDone: Bool) {
        var parameters = named(account)
        parameters["revoke"] = .bool(revoke)
        let answer = try await ask("Remove", parameters)
        return (answer?.text("warning"), answer != nil)
    }

    /// The id of the account that the login was stored as, and whether it is new; nil where no agent took it.
    package func adopt(_ bundle: borrowing SecretBytes, label: String?) async throws(Failure) -> (id: String, isNew: Bool)? {
        var writer = SecretJSONWriter(capacity: bundle.count + 256)
        bundle.withBytes { writer.member("bundle", raw: $0) }
        writer.member("label", .optional(label))
        writer.member("store", .string(store))
        guard let answer = try await ask("Adopt", writer.finish()) else { return nil }
        guard let id = answer.parameters["account"]["id"].string else { throw .broken("its answer names no account") }
        return (id, answer.parameters["isNew"].bool ?? false)
    }

    /// Gives the agent what opens the vault; nil where a key lies open.
    ///
    /// - Returns: false where no agent runs.
    package func unlock(_ passphrase: borrowing SecretBytes?) async throws(Failure) -> Bool {
        var writer = SecretJSONWriter()
        writer.member("passphrase", optionalSecret: passphrase)
        return try await ask("Unlock", writer.finish()) != nil
    }

    /// What the agent says of itself, if it serves this store; nil where none does.
    package func status() async throws(Failure) -> JSONObject? {
        guard let answer = try await ask("Status")?.parameters.object, answer["store"]?.string == store else { return nil }
        return answer
    }

    private func named(_ account: AccountRecord) -> JSONObject {
        ["provider": .string(account.provider), "account": .string(account.id), "store": .string(store)]
    }
}

extension AgentClient.Failure {
    /// In the words of a command.
    package var error: (code: String, message: String, remedy: String?) {
        switch self {
        case .refused(let error):
            let message = error.parameters["message"]?.string ?? "the agent answered \(error.name)"
            return (error.parameters["code"]?.string ?? "agent_broken", message, error.parameters["remedy"]?.string)
        case .broken(let reason):
            return ("agent_broken", "the agent is of no use: \(reason)", "ai-usage-agent agent stop, then start it again")
        case .silent(let process):
            return ("agent_broken", "the agent (process \(process)) does not answer", "end it: kill -KILL \(process)")
        }
    }
}

/// One question and its answer on a thread that may wait.
private enum AgentConversation {
    enum Result: Sendable {
        case nobody
        case broken(String)
        case silent(Int32)
        case answer(SecretBox)
    }

    private static let largestAnswer = 16 << 20
    /// A refresh that somebody else has begun may take 30 s, and one of our own as long again.
    private static let patience = Duration.seconds(75)
    /// After so long without a word it is asked something that it answers at once, and given as long again.
    private static let quiet = Duration.seconds(3)

    /// Whether anything answers a question that needs neither vault nor provider.
    private static func isAlive(_ place: AgentSocket) -> Bool {
        guard let socket = try? place.connect() else { return false }
        let question = SecretBlock(SecretBytes("{\"method\":\"org.varlink.service.GetInfo\"}\0"))
        let end = TimeSource.system.elapsed() + quiet
        return socket.sendAll(question, until: end)
            && !Poller.wait([Poller.Interest(socket.descriptor.raw)], end - TimeSource.system.elapsed()).isEmpty
    }

    static func run(_ place: AgentSocket, _ question: SecretBlock) -> Result {
        let socket: StreamSocket
        do throws(AgentSocket.Problem) {
            guard let connected = try place.connect() else { return .nobody }
            socket = connected
        } catch { return .broken(error.reason) }
        let end = TimeSource.system.elapsed() + patience
        guard socket.sendAll(question, until: end) else { return .broken("it took no question") }
        var buffer = SecretBuffer(capacity: 8192)
        var scratch = SecretBytes(zeroes: 8192)
        while true {
            switch socket.receive(into: &scratch, most: 8192) {
            case .bytes(let count):
                let isWhole = scratch.withBytes { $0[count - 1] == 0 }
                scratch.withBytes { buffer.append($0.extracting(first: isWhole ? count - 1 : count)) }
                if isWhole { return .answer(SecretBox(buffer.finish())) }
                guard buffer.count <= largestAnswer else { return .broken("its answer is too long") }
            case .nothingYet:
                let left = end - TimeSource.system.elapsed()
                guard left > .zero else { return .broken("it did not answer for 75 s") }
                let isQuiet = Poller.wait([Poller.Interest(socket.descriptor.raw)], min(left, quiet)).isEmpty
                if isQuiet, !isAlive(place) { return .silent(socket.peer?.process ?? 0) }
            case .ended: return .broken("it hung up without an answer")
            }
        }
    }
}

extension AgentSocket.Problem {
    /// One clause for people.
    package var reason: String {
        switch self {
        case .isRunning(let path): "another agent serves \(path)"
        case .isTooLong(let path): "\(path) is longer than the 107 bytes that the path of a socket may have"
        case .file(let error): error.description
        case .socket(let error): error.description
        case .thread(let error): error.description
        }
    }
}
