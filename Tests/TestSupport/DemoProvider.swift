import Glibc
import Platform

/// The demo provider, running; what a test asks and tells it.
package final class DemoProvider: Sendable {
    /// `http://127.0.0.1:PORT`
    package let base: String
    private let child: Child
    private let client = LoopbackClient()

    package init(_ flags: [String] = []) async throws {
        child = try Child(
            Program.demoProvider, ["--exit-with-parent"] + flags, environment: ["PATH": "/usr/bin:/bin"], patience: nil)
        guard let line = await child.line(of: .output, startingWith: "ready ") else {
            throw SpawnFailure(description: "the demo provider did not start: \(await child.finish())")
        }
        base = String(line.dropFirst("ready ".count))
    }

    package func stop() async { await child.stop() }

    /// Stands still: whoever asks is connected by the kernel and waits. Asks and orders of the test wait too.
    package func pause() { child.signal(SIGSTOP) }
    package func resume() { child.signal(SIGCONT) }

    /// Whether a request has arrived that the provider, which stands still, has not read.
    package var hasUnreadRequest: Bool {
        guard let port = base.split(separator: ":").last.flatMap({ UInt16($0) }),
            let table = PublicFile.read("/proc/net/tcp", limit: 4 << 20)
        else { return false }
        let hexadecimal = String(port, radix: 16, uppercase: true)
        let end = ":" + String(repeating: "0", count: 4 - hexadecimal.utf8.count) + hexadecimal
        return table.split(separator: "\n").dropFirst().contains { line in
            let fields = line.split(separator: " ")
            // Local address, state ESTABLISHED, tx_queue:rx_queue.
            return fields.count > 4 && fields[1].hasSuffix(end) && fields[3] == "01" && !fields[4].hasSuffix(":00000000")
        }
    }

    /// Counters by name (Sources/demo-provider/Statistics.swift).
    package struct Statistics: Sendable, CustomStringConvertible {
        let json: JSONValue
        package subscript(_ name: String) -> Int? { json[name].number?.integer }
        package var description: String { json.compact }
    }

    package func statistics() async throws -> Statistics { Statistics(json: try await client.get(base + "/demo/stats").json) }

    /// Every token ever issued.
    package func tokens() async throws -> [String] {
        (try await client.get(base + "/demo/tokens").json.array ?? []).compactMap(\.string)
    }

    /// What became of a person's logins, and which access token is the latest.
    package struct Family: Sendable {
        package var requests = 0
        package var rotations = 0
        package var replays = 0
        package var revoked = 0
        package var latestAccess = ""
    }

    /// All that was sent before, also by processes that were killed since, is dealt with.
    package func family(of email: String) async throws -> Family {
        let answer = try await client.get(base + "/demo/families")
        guard let logins = answer.json.array else { throw LoopbackClient.Failure(description: "/demo/families: \(answer)") }
        return logins.filter { $0["email"].string == email }.reduce(into: Family()) { sum, login in
            sum.requests += login["requests"].number?.integer ?? 0
            sum.rotations += login["rotations"].number?.integer ?? 0
            sum.replays += login["replays"].number?.integer ?? 0
            sum.revoked += login["revoked"].bool == true ? 1 : 0
            sum.latestAccess = login["access"].string ?? ""
        }
    }

    /// The next `count` requests get this misbehaviour.
    package func misbehave(_ mode: String, count: Int = 1, seconds: Int? = nil) async throws {
        try await control("mode", "mode=\(mode)&count=\(count)" + (seconds.map { "&seconds=\($0)" } ?? ""))
    }

    package func behave() async throws { try await control("mode", "mode=none") }
    package func expireAccess() async throws { try await control("expire-access") }
    package func revokeAll() async throws { try await control("revoke-all") }

    private func control(_ name: String, _ form: String = "") async throws {
        let answer = try await client.post(base + "/demo/" + name, form)
        guard answer.status == 200 else { throw LoopbackClient.Failure(description: "/demo/\(name) \(form): \(answer)") }
    }
}

extension DemoProvider {
    /// Waits until a counter has reached a value: the moment when a request is on its way.
    package func wait(for name: String, toReach value: Int, patience: Duration = .seconds(30)) async throws {
        let deadline = TimeSource.system.elapsed() + patience
        while (try await statistics()[name] ?? 0) < value {
            guard TimeSource.system.elapsed() < deadline else {
                throw LoopbackClient.Failure(description: "\(name) did not reach \(value): \(try await statistics())")
            }
            await TimeSource.system.sleep(.milliseconds(10))
        }
    }
}
