import KeyringProtocol
import Platform

/// Speaks to the Secret Service for `ai-usage-agent`, and to nobody else: requests on standard input, replies on standard
/// output, gone afterwards with every copy that GLib made.
@main
enum Entry {
    static func main() {
        ProcessHardening.apply()
        ProcessHardening.dieWithParent()
        guard !Terminal.isTerminal(.input), let input = Terminal.readAll(from: 0, limit: 64 << 20), let document = try? JSONDocument(input),
            document.integer(at: "version") == KeyringRequestWriter.version, let list = document.at("requests")
        else {
            Terminal.write("ai-usage-keyring is a helper of ai-usage-agent; it is not meant to be run by hand\n", to: .error)
            ProcessEnd.exit(64)
        }
        Terminal.write(KeyringReply.greeting + "\n", to: .output)
        let mayAsk = document.at("unlock").map { document.value($0) == .bool(true) } ?? false
        let service = SecretService(mayAsk: mayAsk)
        for request in document.elements(of: list) {
            _ = service.answer(request, document).withBytes { Terminal.write($0, to: .output) }
            Terminal.write("\n", to: .output)
        }
        ProcessEnd.exit(0)
    }
}
