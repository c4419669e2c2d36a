import Platform

/// A pinentry program that answers as the test says, and writes down what it was told.
package struct ScriptedPinentry: Sendable {
    package enum Answer: Sendable {
        /// The passphrase, with `%`, CR and LF encoded as the protocol demands.
        case passphrase(String)
        /// The same, from a dialog that had it typed twice.
        case repeated(String)
        /// One after the other, each time it is asked.
        case sequence(String, String)
        /// The person pressed "Cancel".
        case cancel
        /// It ends as soon as it is asked.
        case hangUp
        /// It ends without a word.
        case mute
        /// The person typed nothing.
        case empty
        /// It has no place to show itself.
        case failure
        /// It prints something else.
        case nonsense

        fileprivate var script: String {
            switch self {
            case .passphrase(let text): "echo 'D \(text)'; echo OK"
            case .repeated(let text): "echo 'S PIN_REPEATED'; echo 'D \(text)'; echo OK"
            case .sequence(let first, let second):
                "if [ -e \"$0.asked\" ]; then echo 'D \(second)'; else : > \"$0.asked\"; echo 'D \(first)'; fi; echo OK"
            case .cancel: "echo 'ERR 83886179 Operation cancelled <Pinentry>'"
            case .hangUp: "exit 0"
            case .mute, .nonsense: "echo OK"
            case .empty: "echo OK"
            case .failure: "echo 'ERR 83918950 Inappropriate ioctl for device <Pinentry>'"
            }
        }

        fileprivate var greeting: String {
            switch self {
            case .mute: "exit 0"
            case .nonsense: "echo 'usage: something else'; exit 1"
            default: "echo 'OK Pleased to meet you'"
            }
        }
    }

    package let path: String
    /// What it was told, line by line.
    package var log: [String] { (PublicFile.read(path + ".log") ?? "").split(separator: "\n").map(String.init) }

    /// - Parameter path: where the program is made.
    package init(_ answer: Answer, at path: String, mode: Int = 0o755) async throws {
        self.path = path
        let script = """
            #!/bin/sh
            \(answer.greeting)
            while read -r line; do
                printf '%s\\n' "$line" >> "$0.log"
                case "$line" in
                GETPIN) \(answer.script) ;;
                OPTION*) echo 'ERR 83886254 Unknown option <Pinentry>' ;;
                BYE) echo 'OK closing connection'; exit 0 ;;
                *) echo OK ;;
                esac
            done

            """
        // By another process: a file that we have open for writing could be busy when it is to be started.
        let made = await
            (try Child(
                "/bin/sh", ["-c", "printf '%s' \"$1\" > \"$2\" && chmod \(String(mode, radix: 8)) \"$2\"", "sh", script, path],
                environment: ["PATH": "/usr/bin:/bin"])).finish()
        guard made.status == 0 else { throw SpawnFailure(description: "\(made)") }
    }
}
