import Platform

/// An HTTP proxy that knows one name outside of this machine (Tests/EndToEndTests/Servers/connect_proxy.py).
package final class ConnectProxy: Sendable {
    /// `http://127.0.0.1:PORT`
    package let base: String
    private let child: Child
    private let home: Home

    /// - Parameter server: `https://127.0.0.1:PORT`, where `CONNECT name:443` leads to.
    package init(_ name: String, to server: String) async throws {
        home = try Home()
        child = try Child(
            Program.find("python3") ?? "", [Program.repository + "/Tests/EndToEndTests/Servers/connect_proxy.py", name],
            environment: home.environment, input: .open, patience: nil)
        guard let line = await child.line(of: .output, startingWith: "ready ") else {
            throw SpawnFailure(description: "the proxy did not start: \(await child.finish())")
        }
        base = String(line.dropFirst("ready ".count))
        child.write((server.split(separator: ":").last.map(String.init) ?? "") + "\n")
    }

    /// Stops it.
    ///
    /// - Returns: every request line that it got, in order.
    package func stop() async -> [String] {
        child.closeInput()
        let outcome = await child.finish()
        home.remove()
        return outcome.text.split(separator: "\n").dropFirst().map(String.init)
    }
}
