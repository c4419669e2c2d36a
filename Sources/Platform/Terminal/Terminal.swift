import CLinux
import Glibc

/// The person's terminal, when there is one.
package struct Terminal: Sendable {
    /// The standard streams by their descriptors.
    package enum Stream: Int32, Sendable {
        case input = 0
        case output = 1
        case error = 2
    }

    package static func isTerminal(_ stream: Stream) -> Bool { isatty(stream.rawValue) == 1 }

    /// Columns of the stream's terminal; nil if it is none.
    package static func columns(_ stream: Stream) -> Int? {
        let columns = clinux_terminal_columns(stream.rawValue)
        return columns > 0 ? Int(columns) : nil
    }

    /// Whether a person sits in front: the process has a controlling terminal and stands in its foreground.
    package static var hasForeground: Bool {
        let raw = unsafe clinux_openat(AT_FDCWD, "/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY, 0)
        guard raw >= 0 else { return false }
        let terminal = Descriptor(owning: raw)
        return tcgetpgrp(terminal.raw) == getpgrp()
    }

    /// Asks on the controlling terminal without echo; one line, without its end. Blocks the calling thread.
    ///
    /// - Returns: nil if there is no terminal or its input ended before a line did.
    package static func askSecret(_ question: String) -> SecretBytes? {
        let raw = unsafe clinux_openat(AT_FDCWD, "/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY, 0)
        guard raw >= 0 else { return nil }
        let terminal = Descriptor(owning: raw)
        // Before the question: turning the echo off drops what was typed already, and it must not show either.
        guard clinux_echo_off(terminal.raw) == 0 else { return nil }
        defer { clinux_echo_restore() }
        let prompt = Array(question.utf8)
        try? terminal.writeAll(prompt.span, "/dev/tty")
        return readLine(from: terminal.raw)
    }

    /// Writes to the controlling terminal, past redirected streams: what a person must see and no file may keep.
    ///
    /// - Returns: false if there is none.
    package static func show(_ secret: borrowing SecretBytes, before text: String, after end: String) -> Bool {
        let raw = unsafe clinux_openat(AT_FDCWD, "/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY, 0)
        guard raw >= 0 else { return false }
        let terminal = Descriptor(owning: raw)
        var line = SecretBuffer(capacity: secret.count + 256)
        line.append(text)
        line.append(secret)
        line.append(end)
        return line.withBytes { bytes in (try? terminal.writeAll(bytes, "/dev/tty")) != nil }
    }

    /// Puts the echo back that a prompt on another thread may have turned off.
    package static func restoreEcho() { clinux_echo_restore() }

    /// Asks on the controlling terminal with echo; nil if there is none or its input ended. Blocks the calling thread.
    package static func ask(_ question: String) -> String? {
        let raw = unsafe clinux_openat(AT_FDCWD, "/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY, 0)
        guard raw >= 0 else { return nil }
        let terminal = Descriptor(owning: raw)
        let prompt = Array(question.utf8)
        try? terminal.writeAll(prompt.span, "/dev/tty")
        return readLine(from: terminal.raw)?.withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
    }

    /// One line from a descriptor into protected memory, at most 64 KiB, without the line end; nil at once at the end
    /// of input. Reads byte by byte so that nothing behind the line is taken. Blocks the calling thread.
    package static func readLine(from descriptor: Int32) -> SecretBytes? {
        var line = SecretBuffer(capacity: 256)
        var byte: UInt8 = 0
        while line.count < 65536 {
            let got = unsafe read(descriptor, &byte, 1)
            if got < 0 && mayGoOn(Poller.Interest(descriptor)) { continue }
            if got <= 0 { if line.count == 0 { return nil } else { break } }
            if byte == UInt8(ascii: "\n") { break }
            line.append(byte)
        }
        return line.finish()
    }

    /// Everything a descriptor gives until its end, at most `limit` bytes; nil if it cannot be read or is larger.
    package static func readAll(from descriptor: Int32, limit: Int) -> SecretBytes? {
        var content = SecretBuffer(capacity: 4096)
        var chunk = [UInt8](repeating: 0, count: 4096)
        defer { wipe(&chunk) }
        while true {
            let got = unsafe read(descriptor, &chunk, chunk.count)
            if got < 0 && mayGoOn(Poller.Interest(descriptor)) { continue }
            guard got >= 0, content.count + got <= limit else { return nil }
            if got == 0 { return content.finish() }
            content.append(chunk.span.extracting(first: got))
        }
    }

    /// Writes to a standard stream.
    ///
    /// - Returns: false if not everything was taken (a full disk, a closed pipe).
    @discardableResult
    package static func write(_ text: String, to stream: Stream) -> Bool {
        let bytes = Array(text.utf8)
        return write(bytes.span, to: stream)
    }

    /// The same for bytes, as of a secret that is printed from where it stands.
    @discardableResult
    package static func write(_ bytes: Span<UInt8>, to stream: Stream) -> Bool {
        var done = 0
        while done < bytes.count {
            let rest = bytes.extracting(done..<bytes.count)
            let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(stream.rawValue, $0.baseAddress, $0.count) }
            if written < 0 && mayGoOn(Poller.Interest(stream.rawValue, writing: true)) { continue }
            guard written > 0 else { return false }
            done += written
        }
        return true
    }

    /// Whether a call that failed is to be made again: it was interrupted, or somebody who shares the stream has made it non-blocking
    /// (Node and ssh do) and it has been waited for.
    private static func mayGoOn(_ interest: Poller.Interest) -> Bool {
        if errno == EINTR { return true }
        guard errno == EAGAIN else { return false }
        _ = Poller.wait([interest], nil)
        return true
    }
}
