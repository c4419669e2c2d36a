import CLinux
import Glibc

/// Who is at the other end of a Unix socket, as the kernel knows it (SO_PEERCRED).
///
/// Only the user decides anything. The process may have passed the socket on, and its number may be another's by now: a hint
/// for logs.
package struct Peer: Sendable, Equatable {
    /// The effective user when it connected or began to listen.
    package let user: UInt32
    package let process: Int32

    package init(user: UInt32, process: Int32) { (self.user, self.process) = (user, process) }

    /// By the effective user, as files are.
    package var isThisUser: Bool { user == Peer.ownUser }
    /// The effective user.
    package static var ownUser: UInt32 { geteuid() }

    /// The program's path and its short name; nil where the kernel does not say, as of a process that keeps others out.
    package var program: (path: String?, name: String?) {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/\(process)/exe", &buffer, buffer.count)
        let path = count > 0 ? String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
        let name = PublicFile.read("/proc/\(process)/comm")?.split(separator: "\n").first.map(String.init)
        return (path, name)
    }

    /// Who started it; nil where the kernel does not say any more.
    package var parent: Peer? {
        // "pid (name) state ppid …"; the name may hold anything (proc(5)).
        guard let line = PublicFile.read("/proc/\(process)/stat"), let name = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: name)...].split(separator: " ")
        guard fields.count > 1, let number = Int32(fields[1]), number > 0 else { return nil }
        return Peer(user: user, process: number)
    }

    static func of(_ descriptor: Int32) -> Peer? {
        var user: uid_t = 0
        var process: pid_t = 0
        guard unsafe clinux_peer(descriptor, &user, &process) == 0 else { return nil }
        return Peer(user: user, process: process)
    }
}

/// A listening Unix socket in a directory of ours: mode 0600, never an abstract name.
package struct UnixListener: ~Copyable, Sendable {
    package let descriptor: Descriptor
    private let directory: PrivateDirectory
    private let name: String

    /// How many callers the kernel keeps waiting while one is being accepted.
    private static let backlog: Int32 = 1024

    /// Binds under a temporary name and renames: whoever connects meets the old socket or the new one, never none of either.
    /// Call it under the lock that says who may listen.
    ///
    /// - Throws: `system(ENAMETOOLONG)` for a path above 107 bytes, and what the kernel refuses.
    package static func bind(_ name: String, in directory: PrivateDirectory) throws(FileError) -> UnixListener {
        let temporary = PrivateDirectory.temporaryPrefix + Hex.encode(Random.bytes(3).span)
        let raw = unsafe clinux_unix_listen(directory.file(temporary), backlog)
        guard raw >= 0 else { throw FileError.last("bind", directory.file(name)) }
        let descriptor = Descriptor(owning: raw)
        do throws(FileError) { try directory.rename(temporary, to: name) } catch {
            try? directory.remove(temporary)
            throw error
        }
        return UnixListener(descriptor, directory, name)
    }

    /// A socket that the service manager listens on (sd_listen_fds(3)); nil if that descriptor is no such socket.
    package static func inherited(_ raw: Int32, _ name: String, in directory: PrivateDirectory) -> UnixListener? {
        var status = stat()
        guard unsafe fstat(raw, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
        // One of a connection (Accept=yes) would never give another one.
        var isListening: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(raw, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size) == 0, isListening != 0 else { return nil }
        clinux_set_nonblocking(raw)
        _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
        return UnixListener(Descriptor(owning: raw), directory, name)
    }

    private let inode: ino_t?

    private init(_ descriptor: consuming Descriptor, _ directory: PrivateDirectory, _ name: String) {
        self.descriptor = descriptor
        self.directory = directory
        self.name = name
        inode = directory.identity(of: name)?.inode
    }

    package var path: String { directory.file(name) }

    /// Whether callers who look for the path still find this socket.
    package var isInPlace: Bool { inode != nil && directory.identity(of: name)?.inode == inode && directory.isInPlace }

    /// Takes the name away, if it is still ours.
    package func unlink() {
        if isInPlace { try? directory.remove(name) }
    }

    /// What one try gave.
    package enum Accepted: ~Copyable {
        case connection(StreamSocket)
        case none
        /// This process has no descriptor left: close one, or leave the callers where they are.
        case exhausted
    }

    /// The next waiting connection, non-blocking and closed on exec.
    package func accept() -> Accepted {
        while true {
            let raw = clinux_accept(descriptor.raw)
            if raw >= 0 { return .connection(StreamSocket(Descriptor(owning: raw))) }
            switch errno {
            case ECONNABORTED, EINTR: continue
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
            default: return .none
            }
        }
    }
}

extension StreamSocket {
    /// Connects to a Unix socket whose path may be at most 107 bytes long.
    ///
    /// - Throws: `SocketError`; `isNobodyThere` where nobody listens.
    package static func connect(unix path: String) throws(SocketError) -> StreamSocket {
        let raw = unsafe clinux_unix_connect(path)
        guard raw >= 0 else { throw SocketError.last("connect") }
        return StreamSocket(Descriptor(owning: raw))
    }

    /// Who is at the other end; nil if the kernel does not say.
    package var peer: Peer? { Peer.of(descriptor.raw) }

    /// Sends everything, waiting where the other end is slow.
    ///
    /// - Returns: false if it is gone, or the time is over.
    package func sendAll(_ block: SecretBlock, until end: Duration) -> Bool {
        var done = 0
        while done < block.bytes.count {
            let from = done
            guard let sent = block.bytes.withBytes({ send($0.extracting(from..<$0.count)) }) else { return false }
            done += sent
            if sent == 0 {
                let left = end - TimeSource.system.elapsed()
                guard left > .zero else { return false }
                _ = Poller.wait([Poller.Interest(descriptor.raw, writing: true)], left)
            }
        }
        return true
    }

    /// What one reading gave.
    package enum Arrived: Sendable, Equatable {
        case bytes(Int)
        case nothingYet
        case ended
    }

    /// Receives at most so many bytes straight into protected memory, from its beginning.
    package borrowing func receive(into secret: inout SecretBytes, most: Int) -> Arrived {
        let raw = descriptor.raw
        let got = secret.withMutableBytes { span in
            unsafe span.withUnsafeMutableBytes { unsafe recv(raw, $0.baseAddress, min(most, $0.count), 0) }
        }
        if got > 0 { return .bytes(got) }
        return got < 0 && (errno == EAGAIN || errno == EINTR) ? .nothingYet : .ended
    }
}

extension SocketError {
    /// Nobody listens there: no socket, or one that its owner left behind.
    package var isNobodyThere: Bool { code == ENOENT || code == ECONNREFUSED }
}
