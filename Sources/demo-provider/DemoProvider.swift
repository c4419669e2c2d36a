import Glibc
import Platform

/// The demo provider: an OAuth server on 127.0.0.1 with Codex-shaped tokens and usage, for `make run` and the tests.
///
/// It keeps everything in memory, approves every login without asking, and misbehaves on request. It is never installed.
@main
struct DemoProvider {
    static func main() {
        let options: Options
        do throws(Options.Mistake) {
            options = try Options(Array(CommandLine.arguments.dropFirst()))
        } catch {
            Terminal.write("demo-provider: \(error.text)\n\(Options.help)", to: .error)
            exit(64)
        }
        if options.wantsHelp {
            Terminal.write(Options.help, to: .output)
            exit(0)
        }
        do {
            try serve(options)
        } catch {
            Terminal.write("demo-provider: \(error)\n", to: .error)
            exit(1)
        }
    }

    /// Listens, says so, and answers until a signal or the parent's end.
    private static func serve(_ options: Options) throws {
        let parent = getppid()
        let log = try options.logPath.map { try AppendFile($0) }
        let listener = try LoopbackSocket.bind(.v4, port: options.port)
        let redirectTarget = try LoopbackSocket.bind(.v4, port: 0)
        let provider = Provider(options, port: listener.port, redirectPort: redirectTarget.port)
        let server = HTTPServer(log, provider.traffic) { provider.answer($0) }
        let redirectServer = HTTPServer(log, Traffic()) { provider.answerAtRedirectTarget($0) }
        let interests = [Poller.Interest(listener.descriptor.raw), Poller.Interest(redirectTarget.descriptor.raw)]

        Terminal.write("ready \(provider.base)\n", to: .output)
        while true {
            for ready in Poller.wait(interests, .milliseconds(500)) {
                if ready == 0 { server.acceptAll(listener) } else { redirectServer.acceptAll(redirectTarget) }
            }
            if options.exitsWithParent && getppid() != parent { exit(0) }
        }
    }
}
