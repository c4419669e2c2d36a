import CLinux
import Glibc

/// What systemd hands to a service: a listening socket (sd_listen_fds(3)), and where to say that it is ready (sd_notify(3)).
package struct ServiceManager: Sendable {
    /// The first socket that was handed over; nil where there is none.
    package let socket: Int32?
    private let notifications: String?

    /// - Parameter environment: LISTEN_PID, LISTEN_FDS and NOTIFY_SOCKET; meant for this process only.
    package init(_ environment: ProcessEnvironment) {
        let isForUs = environment["LISTEN_PID"].flatMap { Int32($0) } == getpid()
        let count = environment["LISTEN_FDS"].flatMap { Int($0) } ?? 0
        socket = isForUs && count >= 1 ? 3 : nil
        notifications = environment["NOTIFY_SOCKET"]
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET"] { unsafe unsetenv(name) }
    }

    /// One line of sd_notify(3); without a service manager nothing happens.
    package func notify(_ text: String) {
        guard let notifications else { return }
        _ = unsafe clinux_unix_send(notifications, text)
    }
}
