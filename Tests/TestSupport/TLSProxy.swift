import Foundation
import Platform

/// TLS in front of the demo provider, with an authority of its own (Tests/EndToEndTests/Servers/tls_proxy.py).
package final class TLSProxy: Sendable {
    /// Whether this machine has what it takes.
    package static var isPossible: Bool { Program.find("python3") != nil && Program.find("openssl") != nil }

    /// `https://127.0.0.1:PORT`
    package let base: String
    private let child: Child
    private let home: Home

    /// A proxy that listens and does not yet know the server behind it.
    ///
    /// - Parameter flags: `--name NAME`, `--expired`; without them the certificate is good for 127.0.0.1.
    package init(_ flags: [String] = []) async throws {
        home = try Home()
        child = try Child(
            Program.find("python3") ?? "", [Program.repository + "/Tests/EndToEndTests/Servers/tls_proxy.py", home.path] + flags,
            environment: home.environment, input: .open, patience: nil)
        guard let line = await child.line(of: .output, startingWith: "ready ") else {
            throw SpawnFailure(description: "the TLS proxy did not start: \(await child.finish())")
        }
        base = String(line.dropFirst("ready ".count))
    }

    /// The authority that a client has to trust.
    package var certificate: String { home.path + "/certificate.pem" }

    /// - Parameter server: `http://127.0.0.1:PORT`
    package func connect(to server: String) { child.write((server.split(separator: ":").last.map(String.init) ?? "") + "\n") }

    package func stop() async {
        child.closeInput()
        await child.stop()
        home.remove()
    }
}
