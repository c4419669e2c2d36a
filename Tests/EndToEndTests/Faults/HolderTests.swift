import Glibc
import Platform
import TestSupport
import Testing

@Suite("Whoever holds the account's lock", .enabled(if: Scene.canStrike, "needs root, to see what another process has open"))
struct HolderTests {
    /// A second command that has come as far as the lock which the first one holds.
    private func waiting(_ scene: Scene, _ arguments: [String], _ lock: String) async throws -> Child {
        let child = try scene.start(arguments)
        try await until("\(arguments) waits for the lock") { child.hasEnded || LiveProcess(child.pid).files.values.contains(lock) }
        #expect(!child.hasEnded)
        return child
    }

    private func expired(_ flags: [String] = [], _ body: (Scene) async throws -> Void) async throws {
        try await Scene.with(flags, start: .vault) { scene in
            try await scene.loginExpired()
            try await body(scene)
        }
    }

    @Test("A holder that is stopped keeps others waiting for 35 s and no longer, and going on it takes the answer that has come meanwhile")
    func stopped() async throws {
        // A strict server: an answer that is dropped is a login that is lost.
        try await expired(["--grace", "0"]) { scene in
            let holder = try await scene.whileProviderWaits(["token", "codex"]) { child in
                child.signal(SIGSTOP)
                return child
            }
            let begun = TimeSource.system.elapsed()
            let other = try await scene.run("token", "codex", "--json")
            let took = TimeSource.system.elapsed() - begun
            #expect(other.status == 5 && other.errorCode == "busy", "\(other)")
            #expect(took > .seconds(34) && took < .seconds(37) + .seconds(3) * Instrumentation.slowness, "\(took)")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.first?["status"] == "active")
            holder.signal(SIGCONT)
            // Its own 30 s are over; its answer lies in the socket.
            let outcome = await scene.finish(holder)
            print("T9: a stopped holder: the other gave up after \(took); going on, it ended with \(outcome.ending)")
            #expect(outcome.status == 0, "\(outcome)")
            #expect(try await scene.require("token", "codex").text == outcome.text)
            let statistics = try await scene.provider.statistics()
            #expect(statistics["rotations"] == 1 && statistics["bodiesSeenTwice"] == 0, "\(statistics)")
        }
    }

    @Test("When the holder is killed the next one goes on at once, with one more request for the unknown outcome")
    func killed() async throws {
        try await expired(["--grace", "until-use"]) { scene in
            let (holder, other) = try await scene.whileProviderWaits(["token", "codex"]) { child in
                (child, try await waiting(scene, ["token", "codex"], try scene.accountLock()))
            }
            // The provider goes on now; the holder may or may not have its answer when it dies.
            holder.signal(SIGKILL)
            let begun = TimeSource.system.elapsed()
            let outcome = await scene.finish(other)
            let took = TimeSource.system.elapsed() - begun
            print("T9: a killed holder: the next one had a token after \(took)")
            #expect(outcome.status == 0, "\(outcome)")
            #expect(took < .seconds(3) * Instrumentation.slowness, "\(took)")
            _ = await scene.finish(holder)
            let statistics = try await scene.provider.statistics()
            #expect(statistics["bodiesSeenTwice"].map { $0 <= 1 } == true && statistics["reused"] == 0, "\(statistics)")
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test("A lock file that is deleted during a flight makes no second request: whoever comes waits for the living holder of INTENT")
    func deletedLock() async throws {
        try await expired { scene in
            let lock = try scene.accountLock()
            let (holder, other) = try await scene.whileProviderWaits(["token", "codex"]) { child in
                try scene.home.delete(lock)
                let other = try await waiting(scene, ["token", "codex"], lock)
                // Long enough for a request of its own, if it made one.
                #expect(await !other.end(within: .milliseconds(700)))
                return (child, other)
            }
            let first = await scene.finish(holder)
            let second = await scene.finish(other)
            #expect(first.status == 0, "\(first)")
            #expect(second.status == 0 && second.text == first.text, "\(second)")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshRequests"] == 1 && statistics["bodiesSeenTwice"] == 0, "\(statistics)")
        }
    }

    @Test("No program that is started during a flight inherits a lock or a store")
    func inheritance() async throws {
        try await expired { scene in
            let child = try await scene.whileProviderWaits(["token", "codex"]) { child in
                let process = LiveProcess(child.pid)
                let ours = process.files.filter { $0.value.hasPrefix(scene.home.path) && $0.key > 2 }
                let lock = try scene.accountLock()
                #expect(ours.values.contains(lock), "seen at all")
                #expect(ours.values.contains { $0.hasSuffix("/locks/flight") }, "\(ours)")
                for (descriptor, path) in ours { #expect(process.isClosedOnExec(descriptor), "\(path)") }
                return child
            }
            #expect(await scene.finish(child).status == 0)
        }
    }

    @Test("A logout during a flight waits for it, then removes everything: the flight brings nothing back")
    func logout() async throws {
        try await expired { scene in
            let (holder, logout) = try await scene.whileProviderWaits(["token", "codex"]) { child in
                (child, try await waiting(scene, ["auth", "logout", "codex"], try scene.accountLock()))
            }
            let flown = await scene.finish(holder)
            let removed = await scene.finish(logout)
            #expect(flown.status == 0 && removed.status == 0, "\(flown)\n\(removed)")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.isEmpty == true)
            #expect(try scene.home.entries().allSatisfy { !$0.path.contains("/journal/") }, "no journal")
            #expect(try await scene.run("token", "codex").status != 0)
            #expect(try scene.home.search(for: try await scene.provider.tokens().map { Needle($0) }).isEmpty)
            #expect(try await scene.provider.statistics()["refreshRequests"] == 1)
        }
    }

    @Test("A rekey during a flight waits for it, and the new token is sealed to the new key")
    func rekey() async throws {
        try await expired { scene in
            let old = try scene.home.text(scene.home.keyFile)
            let (holder, rekey) = try await scene.whileProviderWaits(["token", "codex"]) { child in
                let rekey = try scene.start(["vault", "rekey", "--json"])
                // It waits for the flight lock, not for the account's.
                try await until("the rekey waits") {
                    rekey.hasEnded || LiveProcess(rekey.pid).files.values.contains { $0.hasSuffix("/locks/flight") }
                }
                #expect(await !rekey.end(within: .milliseconds(300)))
                return (child, rekey)
            }
            let flown = await scene.finish(holder)
            let rekeyed = await scene.finish(rekey)
            #expect(flown.status == 0 && rekeyed.status == 0, "\(flown)\n\(rekeyed)")
            #expect(try scene.home.text(scene.home.keyFile) != old)
            #expect(try await scene.require("token", "codex").text == flown.text)
            try await scene.require("auth", "refresh", "codex")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshRequests"] == 2 && statistics["bodiesSeenTwice"] == 0, "\(statistics)")
        }
    }

    @Test("A login during a flight waits for it and wins: its tokens stay, and the next refresh is theirs")
    func login() async throws {
        try await expired { scene in
            try await scene.provider.misbehave("slow", seconds: 2)
            let holder = try scene.start(["token", "codex"])
            try await scene.provider.wait(for: "refreshRequests", toReach: 1)
            let login = try await scene.startLogin()
            let second = try await login.complete()
            #expect(second.status == 0, "\(second)")
            let flown = await scene.finish(holder)
            #expect(flown.status == 0, "\(flown)")
            let token = try await scene.require("token", "codex").text
            #expect(token != flown.text, "the login's")
            try await scene.require("auth", "refresh", "codex")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["bodiesSeenTwice"] == 0 && statistics["reused"] == 0 && statistics["refused"] == 0, "\(statistics)")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.map { $0["status"] } == ["active"])
        }
    }
}
