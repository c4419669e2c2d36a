import CLinux
import Glibc

/// A socket operation that failed, with libc's reason.
package struct SocketError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The system call.
    package let operation: String
    /// libc's errno.
    package let code: Int32

    static func last(_ operation: String) -> SocketError { SocketError(operation: operation, code: errno) }

    /// The host has neither IPv4 nor IPv6 on loopback.
    package static let noFamily = SocketError(operation: "bind", code: EAFNOSUPPORT)

    package var isAddressInUse: Bool { code == EADDRINUSE }
    /// The host has no such address family (IPv6 switched off, a container without it).
    package var isFamilyMissing: Bool { code == EAFNOSUPPORT || code == EADDRNOTAVAIL }
    package var description: String { "\(operation): \(errorText(code))" }
}

/// A listening TCP socket on one loopback address. Never another interface, never SO_REUSEADDR (RFC 8252 appendix B.5).
package struct LoopbackSocket: ~Copyable, Sendable {
    /// 127.0.0.1 and ::1.
    package enum Family: Sendable, CaseIterable {
        case v4, v6
    }

    package let descriptor: Descriptor
    /// The one that was asked for, or that the kernel chose.
    package let port: Int
    package let family: Family

    /// Binds and listens, non-blocking and closed on exec.
    ///
    /// - Parameter port: 0 lets the kernel choose.
    /// - Throws: `SocketError`; `isAddressInUse` and `isFamilyMissing` tell what is worth trying next.
    package static func bind(_ family: Family, port: Int) throws(SocketError) -> LoopbackSocket {
        let domain = family == .v4 ? AF_INET : AF_INET6
        let raw = socket(domain, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard raw >= 0 else { throw SocketError.last("socket") }
        let descriptor = Descriptor(owning: raw)
        let bound: Int32
        switch family {
        case .v4:
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
            bound = unsafe withUnsafePointer(to: &address) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe Glibc.bind(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        case .v6:
            var only: Int32 = 1
            _ = unsafe setsockopt(raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &only, socklen_t(MemoryLayout<Int32>.size))
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = in_port_t(port).bigEndian
            address.sin6_addr = in6addr_loopback
            bound = unsafe withUnsafePointer(to: &address) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe Glibc.bind(raw, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
        guard bound == 0 else { throw SocketError.last("bind") }
        guard listen(raw, 64) == 0 else { throw SocketError.last("listen") }
        return LoopbackSocket(descriptor: descriptor, port: try localPort(raw), family: family)
    }

    private init(descriptor: consuming Descriptor, port: Int, family: Family) {
        self.descriptor = descriptor
        self.port = port
        self.family = family
    }

    private static func localPort(_ raw: Int32) throws(SocketError) -> Int {
        var storage = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let got = unsafe withUnsafeMutablePointer(to: &storage) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(raw, $0, &length) }
        }
        guard got == 0 else { throw SocketError.last("getsockname") }
        // The port stands at the same place in both families.
        return Int(in_port_t(bigEndian: storage.sin6_port))
    }

    /// The next waiting connection, non-blocking and closed on exec; nil if there is none.
    package borrowing func accept() -> StreamSocket? {
        let raw = clinux_accept(descriptor.raw)
        return raw >= 0 ? StreamSocket(Descriptor(owning: raw)) : nil
    }
}

/// One connected socket. Nothing here blocks longer than it is told to.
package struct StreamSocket: ~Copyable, Sendable {
    package let descriptor: Descriptor

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// What one reading gave.
    package enum Received: Sendable, Equatable {
        case bytes([UInt8])
        case nothingYet
        case ended
    }

    /// What has come, without waiting; a connection that broke counts as ended.
    package borrowing func receive(_ limit: Int = 4096) -> Received {
        var buffer = [UInt8](repeating: 0, count: limit)
        let got = unsafe recv(descriptor.raw, &buffer, limit, 0)
        if got > 0 { return .bytes(Array(buffer.prefix(got))) }
        if got < 0 && (errno == EAGAIN || errno == EINTR) { return .nothingYet }
        return .ended
    }

    /// How many bytes the kernel took now; nil when the peer is gone.
    package borrowing func send(_ bytes: Span<UInt8>) -> Int? {
        let sent = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(descriptor.raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if sent >= 0 { return sent }
        return errno == EAGAIN || errno == EINTR ? 0 : nil
    }

    /// Closes so that the peer sees a reset instead of an orderly end.
    package consuming func reset() { resetWhenClosed() }

    /// From here on a close is a reset. Where we close before the peer does, this leaves no TIME_WAIT that keeps our port
    /// busy for a minute; what the peer has not read by then is lost.
    package borrowing func resetWhenClosed() {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(descriptor.raw, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// Tells the peer that no more follows; what it sends is still received.
    package borrowing func finishSending() { shutdown(descriptor.raw, Int32(SHUT_WR)) }
}

/// poll(2) over descriptors that the caller owns.
package enum Poller {
    /// What to wait for: something to read, or room to write.
    package struct Interest: Sendable {
        package let descriptor: Int32
        package let writing: Bool
        package init(_ descriptor: Int32, writing: Bool = false) {
            self.descriptor = descriptor
            self.writing = writing
        }
    }

    /// Blocks until one of them is ready or the time is over; the positions of those that are.
    package static func wait(_ interests: [Interest], _ patience: Duration?) -> [Int] {
        var polled = interests.map { pollfd(fd: $0.descriptor, events: Int16($0.writing ? POLLOUT : POLLIN), revents: 0) }
        let milliseconds = patience.map {
            max(0, $0.components.seconds * 1000 + ($0.components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        }
        _ = unsafe poll(&polled, nfds_t(polled.count), milliseconds.map { Int32(clamping: $0) } ?? -1)
        return polled.indices.filter { polled[$0].revents != 0 }
    }
}

/// Wakes a thread that waits in `Poller.wait`.
package final class WakeSignal: Sendable {
    private let descriptor: Descriptor

    /// Ends the process where no descriptor is left.
    package init() {
        let raw = clinux_eventfd()
        guard raw >= 0 else { fatalError("eventfd: \(errorText(errno))") }
        descriptor = Descriptor(owning: raw)
    }

    package var interest: Poller.Interest { Poller.Interest(descriptor.raw) }
    /// From any thread.
    package func wake() { clinux_eventfd_signal(descriptor.raw) }
    /// Forgets that it was woken.
    package func drain() { clinux_eventfd_drain(descriptor.raw) }
}
