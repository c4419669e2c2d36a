import Platform

/// Takes connections on loopback and never says a word.
package final class SilentServer: Sendable {
    private let child: Child
    package let port: Int

    package static var isPossible: Bool { Program.find("python3") != nil }
    package static let missing = "python3 is missing: apt-get install python3"

    package init() async throws {
        let script = """
            import socket, sys
            server = socket.create_server(("127.0.0.1", 0), backlog=200)
            print("ready", server.getsockname()[1], flush=True)
            sys.stdin.read()
            """
        child = try Child(Program.find("python3") ?? "", ["-c", script], environment: [:], input: .open, patience: nil)
        let line = await child.line(of: .output, startingWith: "ready")
        guard let port = line?.split(separator: " ").last.flatMap({ Int($0) }) else {
            throw SpawnFailure(description: "the silent server did not start: \(await child.finish())")
        }
        self.port = port
    }

    package func stop() async {
        child.closeInput()
        await child.stop()
    }
}
