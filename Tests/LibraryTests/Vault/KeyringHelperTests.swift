import KeyringProtocol
import Platform
import TestSupport
import Testing

@testable import Vault

/// The side of the helper that asks, with programs that answer badly in its place.
struct KeyringHelperTests {
    private static let patience = KeyringHelper.Patience(
        answer: .milliseconds(1000), person: .milliseconds(1500), start: .milliseconds(3000))

    /// A helper that is this shell script; each start of it adds a line to `starts`.
    ///
    /// - Parameter greeting: how it says that it runs.
    private func withHelper(
        _ script: String, _ clock: SteppingClock = SteppingClock(), greeting: String = "echo '\(KeyringReply.greeting)'",
        _ body: (KeyringHelper, _ starts: () -> Int) async throws -> Void
    ) async throws {
        try await TemporaryFolder.with { folder in
            let log = folder.file("starts")
            try await Executable.write("#!/bin/sh\nread -r request\necho x >> \(log)\n\(greeting)\n\(script)\n", to: folder.file("helper"))
            let helper = KeyringHelper(
                program: folder.file("helper"), environment: ProcessEnvironment([:]), time: clock.source, patience: Self.patience)
            try await body(helper) { folder.read("starts")?.count { $0 == UInt8(ascii: "x") } ?? 0 }
        }
    }

    /// The results of as many questions.
    private func ask(_ helper: KeyringHelper, count: Int = 1, unlock: Bool = false) async -> [KeyringResult] {
        await answers(helper, count: count, unlock: unlock).map { $0.reply.result }
    }

    private func answers(_ helper: KeyringHelper, count: Int = 1, unlock: Bool = false) async -> [KeyringAnswer] {
        var request = KeyringRequestWriter(unlock: unlock)
        for _ in 0..<count { request.add(.get, ref: "r") }
        return await helper.ask(request, mayAskPerson: unlock)
    }

    @Test("A silent service is asked once, and not again before a minute has passed")
    func breaker() async throws {
        let clock = SteppingClock()
        try await withHelper("exec sleep 20", clock) { helper, starts in
            #expect(await ask(helper) == [.timeout])
            #expect(starts() == 1)
            for _ in 0..<3 {
                let answer = try #require(await answers(helper, count: 2).first)
                #expect(answer.reply.result == .timeout)
                #expect(answer.reply.why?.contains("less than a minute ago") ?? false)
            }
            await clock.source.sleep(.milliseconds(59_999))
            #expect(await ask(helper) == [.timeout])
            #expect(starts() == 1, "nobody was started in that minute")
            await clock.source.sleep(.milliseconds(1))
            #expect(await ask(helper) == [.timeout])
            #expect(starts() == 2)
        }
    }

    @Test("A helper that fails is asked again at once: only a silence begins the minute")
    func noBreaker() async throws {
        try await withHelper("exit 1") { helper, starts in
            for number in 1...3 {
                #expect(await ask(helper) == [.unavailable])
                #expect(starts() == number)
            }
        }
    }

    @Test("What was answered before the silence counts, and the silence comes after it")
    func half() async throws {
        try await withHelper(#"echo '{"result":"absent"}'; exec sleep 20"#) { helper, _ in
            #expect(await ask(helper, count: 3) == [.absent, .timeout])
        }
    }

    @Test("An answer every now and then keeps it alive, however long it takes in all")
    func progress() async throws {
        try await withHelper(#"for n in 1 2 3 4; do sleep 0.4; echo '{"result":"done"}'; done"#) { helper, _ in
            #expect(await ask(helper, count: 4) == [.done, .done, .done, .done])
        }
    }

    @Test("What the helper takes to start is no silence of the service, and is bounded all the same")
    func start() async throws {
        let greeting = "sleep 1.5; echo '\(KeyringReply.greeting)'"
        try await withHelper(#"echo '{"result":"done"}'"#, greeting: greeting) { helper, _ in #expect(await ask(helper) == [.done]) }
        try await withHelper("exec sleep 20", greeting: greeting) { helper, _ in
            let begun = TimeSource.system.elapsed()
            #expect(await ask(helper) == [.timeout])
            #expect(TimeSource.system.elapsed() - begun >= .milliseconds(2500))
        }
        try await withHelper("exec sleep 20", greeting: "") { helper, _ in
            let begun = TimeSource.system.elapsed()
            #expect(await ask(helper) == [.timeout])
            let length = TimeSource.system.elapsed() - begun
            #expect(length >= Self.patience.start && length < .seconds(10), "\(length)")
        }
    }

    @Test("Not more than eight helpers run at once for one data directory, whoever starts them; every one has its turn")
    func turns() async throws {
        try await TemporaryFolder.with { folder in
            try folder.makeFolder("locks")
            let log = folder.file("log")
            let script = "#!/bin/sh\nread -r request\necho begin >> \(log)\nsleep 0.1\necho end >> \(log)\necho '{\"result\":\"done\"}'\n"
            try await Executable.write(script, to: folder.file("helper"))
            let results = await withTaskGroup(of: [KeyringResult].self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        // A helper of its own, as in a process of its own.
                        let helper = KeyringHelper(
                            program: folder.file("helper"), environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"]), time: .system,
                            locks: folder.file("locks"))
                        return await ask(helper)
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results.count == 40 && results.allSatisfy { $0 == [.done] }, "\(results)")
            var (running, most) = (0, 0)
            for line in String(decoding: folder.read("log") ?? [], as: UTF8.self).split(separator: "\n") {
                running += line == "begin" ? 1 : -1
                most = max(most, running)
            }
            #expect((2...HelperSlots.count).contains(most), "\(most)")
        }
    }

    @Test(
        "What is no answer of the helper is none of the keyring's",
        arguments: [
            ("echo nonsense", KeyringResult.unavailable), ("echo '{\"result\":\"maybe\"}'", .unavailable), ("echo '{}'", .unavailable),
            ("echo", .unavailable), ("exit 0", .unavailable), ("printf '{\"result\":\"absent\"}'", .unavailable),
            ("kill -SEGV $$", .unavailable),
        ])
    func nonsense(script: String, result: KeyringResult) async throws {
        try await withHelper(script) { helper, _ in #expect(await ask(helper) == [result]) }
    }

    private static let locked = #"echo '{"result":"locked"}'"#

    @Test("Only a locked keyring gives a person time, and one who does not answer is no silent service")
    func person() async throws {
        let script = """
            case "$request" in
            *'"unlock":true'*) exec sleep 20 ;;
            *) \(Self.locked) ;;
            esac
            """
        try await withHelper(script) { helper, starts in
            let begun = TimeSource.system.elapsed()
            #expect(await ask(helper, unlock: true) == [.locked])
            #expect(TimeSource.system.elapsed() - begun >= Self.patience.person)
            #expect(starts() == 2, "asked whether it is locked, then to unlock it")
            #expect(await ask(helper) == [.locked], "and asked again at once")
        }
        try await withHelper("exec sleep 20") { helper, starts in
            #expect(await ask(helper, unlock: true) == [.timeout])
            #expect(starts() == 1, "nobody was asked to unlock what does not answer")
        }
        try await withHelper(#"echo '{"result":"done"}'"#) { helper, starts in
            #expect(await ask(helper, unlock: true) == [.done])
            #expect(starts() == 2, "nobody is asked to unlock what is unlocked")
        }
    }

    @Test("Without a helper nobody is there")
    func missing() async throws {
        let helper = KeyringHelper(program: nil, environment: ProcessEnvironment([:]), time: .system)
        for unlock in [false, true] {
            let answer = try #require(await answers(helper, unlock: unlock).first)
            #expect(answer.reply.result == .unavailable)
            #expect(answer.reply.isNobodyThere == true)
        }
    }
}
