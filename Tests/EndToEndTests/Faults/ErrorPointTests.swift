import Glibc
import Platform
import TestSupport
import Testing

@Suite("A failing call of a refresh", .enabled(if: Scene.canStrike, "needs strace, and root to attach it"))
struct ErrorPointTests {
    private struct Fault: Sendable {
        let point: FaultPoint
        let error: String
    }

    private struct Tally: Sendable {
        var injected: [String: Int] = [:]
        var statuses: [String: Int] = [:]
        var withoutRequest = 0
        var missed = 0
    }

    /// What such a call can say of a sick disk, a full one, or a signal.
    private static func errors(_ call: String) -> [String] {
        switch call {
        case "write", "pwrite64", "fsync", "fdatasync", "renameat", "renameat2": ["EIO", "ENOSPC", "EINTR"]
        case "openat": ["EIO", "ENOSPC", "EINTR"]
        case "pread64", "read", "recvfrom", "poll", "fcntl", "connect", "sendto": ["EIO", "EINTR"]
        // An injected close closes nothing: that is a leak of ours and no failure.
        case "close": []
        default: ["EIO"]
        }
    }

    private func strike(_ fault: Fault, _ scene: Scene, _ tally: Guarded<Tally>) async throws {
        let point = fault.point
        let before = try await scene.provider.statistics()
        let (outcome, trace) = try await scene.strike(
            point.gate, point.threads,
            ["-e", "trace=\(point.call),sendto", "-e", "inject=\(point.call):error=\(fault.error):when=\(point.ordinal)"])
        guard let injected = trace.injected else { return tally.withLock { $0.missed += 1 } }
        let place: Comment = "\(fault.error) at \(point), really \(injected.text)"
        let afterFault = try await scene.provider.statistics()
        guard case .exited(let status) = outcome.ending else {
            Issue.record("\(place): \(outcome)")
            return
        }
        // One document, unless it was its own writing that failed.
        if !trace.calls.contains(where: { $0.isInjected && $0.text.hasPrefix("write(1<") }) {
            #expect(outcome.json != .null && (status == 0) == (outcome.errorCode == nil), "\(place) \(outcome)")
        }
        #expect(status != 70, "\(place): \(outcome)")

        // Before the request: either it went on, or nothing left this machine.
        let requests = (afterFault["refreshRequests"] ?? 0) - (before["refreshRequests"] ?? 0)
        #expect(requests <= 1, "\(place): \(afterFault)")
        let isPreflight = point.gate == .lock && trace.request.map { injected.begin < $0.begin } ?? true
        if isPreflight, status != 0, trace.request == nil { #expect(requests == 0, "\(place)") }
        if isPreflight, fault.error != "EINTR", injected.text.contains("/journal/"), ["pwrite64", "fdatasync"].contains(point.call) {
            #expect(status != 0 && trace.request == nil && requests == 0, "INTENT was not durable: \(place) \(outcome)")
        }

        // Old or new, never mixed: both stores open, and the login goes on from whichever it is.
        let listed = try await scene.require("auth", "list", "--json").json["accounts"].array?.first?["status"]
        #expect(listed == "active" || listed == "pending_commit", "\(place): \(listed?.compact ?? "")")
        let token = try await scene.run("token", "codex", "--json")
        #expect(token.status == 0, "\(place): \(token)")
        let refresh = try await scene.run("auth", "refresh", "codex", "--json")
        #expect(refresh.status == 0, "\(place): \(refresh)")
        let settled = try await scene.require("auth", "list", "--json").json["accounts"].array?.first?["status"]
        #expect(settled == "active", "\(place): \(settled?.compact ?? "")")
        #expect(try await scene.require("vault", "status", "--json").json["pending"] == 0, "\(place)")
        let after = try await scene.provider.statistics()
        #expect(after["reused"] == before["reused"], "\(place): \(after)")
        #expect((after["bodiesSeenTwice"] ?? 0) - (before["bodiesSeenTwice"] ?? 0) <= 1, "\(place): \(after)")
        tally.withLock { tally in
            tally.injected[fault.error, default: 0] += 1
            tally.statuses[status == 0 ? "ok" : outcome.errorCode ?? "?", default: 0] += 1
            if requests == 0 { tally.withoutRequest += 1 }
        }
    }

    @Test("An EIO, ENOSPC or EINTR at any call leaves the old or the new state, sends nothing after a failed preflight, and loses no login")
    func errors() async throws {
        let points = try await Scene.with { scene in
            try await scene.require("auth", "refresh", "codex")
            return try await FaultPoint.all(scene, [(.lock, .all), (.answer, .transport), (.answer, .flight)])
        }
        var faults = points.flatMap { point in Self.errors(point.call).map { Fault(point: point, error: $0) } }
        let all = faults.count
        // What fails while it is loaded or looked at is the same for many; everything that writes stays.
        let writing: Set = ["write", "pwrite64", "fsync", "fdatasync", "renameat", "renameat2", "sendto", "recvfrom", "connect"]
        if !FaultPoint.isLong {
            faults = faults.enumerated().filter { $0.offset % 4 == 0 || writing.contains($0.element.point.call) }.map(\.element)
        }
        let tally = Guarded(Tally())
        try await inLanes(faults, 4) { share in
            try await Scene.with(["--grace", "30"]) { scene in
                try await scene.require("auth", "refresh", "codex")
                for (_, fault) in share { try await strike(fault, scene, tally) }
                let left = try scene.home.entries().filter { $0.path.contains("/.tmp-") }
                #expect(left.isEmpty, "what a failure left is swept: \(left)")
            }
        }
        let result = tally.withLock { $0 }
        print(
            "T3: \(faults.count) of \(all) faults, injected \(result.injected), missed \(result.missed), ended \(result.statuses), "
                + "\(result.withoutRequest) without a request")
        #expect(result.missed <= faults.count / 10)
    }

    @Test(
        "When no sync succeeds the process says so for 30 s and stays honest: the error is storage, and what was written is found by the next"
    )
    func noSync() async throws {
        try await Scene.with(["--grace", "30"]) { scene in
            try await scene.require("auth", "refresh", "codex")
            let begun = TimeSource.system.elapsed()
            let (outcome, trace) = try await scene.strike(
                .answer, .flight, ["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=1+"])
            let took = TimeSource.system.elapsed() - begun
            #expect(trace.injected != nil)
            print("T3: every sync fails: ended after \(took) with \(outcome.ending) \(outcome.errorCode ?? "")")
            #expect(outcome.status != 0 && outcome.errorCode == "storage", "\(outcome)")
            #expect(took < .seconds(30) + .seconds(5) * Instrumentation.slowness, "\(took)")
            #expect(outcome.errorText.contains("cannot be written anywhere"))
            #expect(try await scene.run("token", "codex").status == 0)
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.provider.statistics()["reused"] == 0)
        }
    }

    @Test(
        "Where files may not be as large as the journal, nothing is sent", .enabled(if: Program.find("prlimit") != nil, "needs prlimit"),
        .enabled(if: Instrumentation.chosen != .thread, "that sanitizer writes a file at its start, which the limit forbids"))
    func limit() async throws {
        try await Scene.with { scene in
            try await scene.require("auth", "refresh", "codex")
            let before = try await scene.provider.statistics()
            let stores = scene.home.stores()
            for bytes in [8192, 20000, 80000] {
                let outcome = try await scene.run(
                    "auth", "refresh", "codex", "--json", through: [try #require(Program.find("prlimit")), "--fsize=\(bytes)"])
                #expect(outcome.errorCode == "storage" && outcome.complaint.contains("ulimit -f"), "\(outcome)")
            }
            #expect(try await scene.provider.statistics()["refreshRequests"] == before["refreshRequests"])
            #expect(scene.home.stores() == stores)
            try await scene.require("auth", "refresh", "codex")
        }
    }
}
