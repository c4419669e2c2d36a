import Glibc
import Platform
import Synchronization

/// An HTTP/1.1 server: a thread and one request per connection, strict limits, no keep-alive.
final class HTTPServer: Sendable {
    private let log: AppendFile?
    private let traffic: Traffic
    private let answer: @Sendable (Request) -> Reply

    private static let maximumConnections = 512
    private static let requestDeadline: Duration = .seconds(10)

    init(_ log: AppendFile?, _ traffic: Traffic, answer: @escaping @Sendable (Request) -> Reply) {
        self.log = log
        self.traffic = traffic
        self.answer = answer
    }

    /// Takes every waiting connection and gives each a thread.
    func acceptAll(_ listener: borrowing LoopbackSocket) {
        var accepted = 0
        while let socket = listener.accept() {
            accepted += 1
            // Too many: the socket goes out of scope and is closed.
            guard traffic.begin() <= HTTPServer.maximumConnections else {
                traffic.end()
                continue
            }
            let handover = Handover(socket)
            let work: @Sendable () -> Void = {
                if let socket = handover.take() { self.serve(socket) }
                self.traffic.end()
            }
            do throws(ThreadError) { try startThread(work) } catch { work() }
        }
        // Out of descriptors: the listener stays ready, so do not spin on it.
        if accepted == 0 { usleep(2000) }
    }

    private func serve(_ socket: consuming StreamSocket) {
        switch Request.read(from: socket, within: HTTPServer.requestDeadline) {
        case .gone: return
        case .refused(let status):
            note("-", "-", "\(status)")
            Reply(status: status).send(to: socket)
        case .request(let request):
            let reply = answer(request)
            // Written before the answer leaves: whoever has the answer also finds the line.
            note(request.method, request.path, reply.isSent ? "\(reply.status)" : "-")
            reply.send(to: socket)
        }
    }

    private func note(_ method: String, _ path: String, _ status: String) {
        guard let log else { return }
        do throws(FileError) {
            try log.append("\(TerminalText.escape(method)) \(TerminalText.escape(path)) \(status)\n")
        } catch {
            Terminal.write("demo-provider: \(error)\n", to: .error)
        }
    }
}

/// Carries a socket into the closure of its thread.
private final class Handover: Sendable {
    private let socket: Mutex<StreamSocket?>

    init(_ socket: consuming StreamSocket) { self.socket = Mutex(socket) }

    func take() -> StreamSocket? { socket.withLock { $0.take() } }
}
