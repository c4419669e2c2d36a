import CLinux
import Glibc

/// A program of ours that is asked on its standard input and answers line by line, and that is killed when it is silent.
package enum HelperProcess {
    /// How the conversation ended.
    package enum End: Sendable, Equatable {
        /// As many lines as were expected.
        case complete
        /// No line came for longer than the patience; the program was killed.
        case silent
        case failed(String)
    }

    /// What the program wrote, and how it ended.
    package struct Answer: Sendable {
        /// Each taken once.
        package let lines: [SecretBox]
        package let end: End
    }

    /// A program that says in its first line that it runs: its own start, which is slow on a busy machine, is no silence.
    package struct Greeting: Sendable {
        /// Without its end.
        package let line: String
        /// How long to wait for it.
        package let patience: Duration

        package init(_ line: String, patience: Duration) { (self.line, self.patience) = (line, patience) }
    }

    /// Starts the program, gives it `input` as its whole standard input, and kills it when it has answered or been silent.
    ///
    /// - Parameters:
    ///   - patience: how long to wait for each next line.
    ///   - greeting: a first line that is no answer; another one in its place is an answer.
    ///   - expected: how many lines make the answer.
    package static func ask(
        _ arguments: [String], environment: [String: String], input: consuming SecretBytes, expected: Int, patience: Duration,
        greeting: Greeting? = nil
    ) async -> Answer {
        let question = Question(input)
        return await onOwnThread { converse(arguments, environment, question, expected, patience, greeting) }
    }

    private final class Question: Sendable {
        let text: SecretBytes
        init(_ text: consuming SecretBytes) { self.text = text }
    }

    private static func converse(
        _ arguments: [String], _ environment: [String: String], _ question: Question, _ expected: Int, _ patience: Duration,
        _ greeting: Greeting?
    ) -> Answer {
        func failure(_ reason: String) -> Answer { Answer(lines: [], end: .failed(reason)) }
        var toChild: [Int32] = [-1, -1]
        var fromChild: [Int32] = [-1, -1]
        guard unsafe clinux_pipe(&toChild) == 0 else { return failure(errorText(errno)) }
        let childInput = Descriptor(owning: toChild[0])
        let writing = Descriptor(owning: toChild[1])
        guard unsafe clinux_pipe(&fromChild) == 0 else { return failure(errorText(errno)) }
        let reading = Descriptor(owning: fromChild[0])
        let childOutput = Descriptor(owning: fromChild[1])
        let pid: pid_t
        do throws(ChildProcess.Failure) {
            pid = try ChildProcess.spawn(
                arguments, environment, input: childInput.raw, output: childOutput.raw, error: 2, ownSession: false)
        } catch { return failure(error.reason) }
        // Our copies of the child's ends, so that its end is our end of file.
        _ = consume childInput
        _ = consume childOutput

        let answer = exchange(writing, reading, question, expected, patience, greeting)
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return answer
    }

    private static func exchange(
        _ writing: consuming Descriptor, _ reading: borrowing Descriptor, _ question: Question, _ expected: Int, _ patience: Duration,
        _ greeting: Greeting?
    ) -> Answer {
        let pipe = ClosableEnd(writing)
        clinux_set_nonblocking(pipe.raw)
        var written = 0
        var lines: [SecretBox] = []
        var current = SecretBuffer(capacity: 16384)
        var chunk = [UInt8](repeating: 0, count: 16384)
        defer { wipe(&chunk) }
        var awaited = greeting
        var deadline = TimeSource.system.elapsed() + (greeting?.patience ?? patience)
        while lines.count < expected {
            let left = deadline - TimeSource.system.elapsed()
            guard left > .zero else { return Answer(lines: lines, end: .silent) }
            var interests = [Poller.Interest(reading.raw)]
            if pipe.isOpen { interests.append(Poller.Interest(pipe.raw, writing: true)) }
            let ready = Poller.wait(interests, left)
            if ready.contains(1) {
                let sent = question.text.withBytes { bytes in
                    let rest = bytes.extracting(written..<bytes.count)
                    return unsafe rest.withUnsafeBytes { unsafe Glibc.write(pipe.raw, $0.baseAddress, $0.count) }
                }
                if sent > 0 { written += sent }
                if (sent < 0 && errno != EAGAIN && errno != EINTR) || written == question.text.count { pipe.close() }
            }
            guard ready.contains(0) else { continue }
            let got = unsafe read(reading.raw, &chunk, chunk.count)
            if got < 0 && (errno == EINTR || errno == EAGAIN) { continue }
            if got <= 0 { return Answer(lines: lines, end: .failed("it ended early")) }
            for index in 0..<got {
                if chunk[index] == UInt8(ascii: "\n") {
                    let isGreeting = awaited.map { greeting in
                        current.withBytes { constantTimeEqual($0, Array(greeting.line.utf8).span) }
                    }
                    awaited = nil
                    if isGreeting != true { lines.append(SecretBox(current.withBytes { SecretBytes(copying: $0) })) }
                    current = SecretBuffer(capacity: 16384)
                    deadline = TimeSource.system.elapsed() + patience
                } else {
                    current.append(chunk[index])
                }
            }
        }
        return Answer(lines: lines, end: .complete)
    }

    /// The writing end of a pipe, closed as soon as everything is written: the child then sees the end of its input.
    private final class ClosableEnd {
        let raw: Int32
        private var descriptor: Descriptor?

        init(_ descriptor: consuming Descriptor) {
            raw = descriptor.raw
            self.descriptor = .some(descriptor)
        }

        var isOpen: Bool { descriptor != nil }
        func close() { descriptor = nil }
    }
}
