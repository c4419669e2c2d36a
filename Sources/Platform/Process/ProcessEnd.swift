import Glibc

/// Leaves the process.
package enum ProcessEnd {
    /// At once: everything was written with write(2), secrets are wiped where they end, and the kernel takes the rest back. The
    /// clean-up that libraries would do at exit(3), OpenSSL's above all, serves nobody.
    package static func exit(_ code: Int32) -> Never { _exit(code) }
}
