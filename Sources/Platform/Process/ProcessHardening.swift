import CLinux
import COpenSSL
import Glibc
import Synchronization

/// What every program of ours does before the first secret is in memory.
package enum ProcessHardening {
    /// No core files, no reading of our memory by processes of the same user, private files by default, no crash
    /// report that prints memory, no environment variable that makes a library write keys to a file.
    ///
    /// - Returns: what could not be done. Nothing of it stops a program, and both pass over it: doctor looks at the agent's
    ///   /proc/PID/limits and VmLck itself.
    @discardableResult
    package static func apply() -> [String] {
        clinux_fill_standard_streams()
        var problems: [String] = []
        if clinux_set_nondumpable() != 0 { problems.append("PR_SET_DUMPABLE was refused: \(errorText(errno))") }
        // The hard limit stays: `exec` gives its program back what it was started with.
        var limit = rlimit()
        let core = __rlimit_resource_t(RLIMIT_CORE.rawValue)
        if unsafe getrlimit(core, &limit) == 0 {
            coreLimit.store(UInt(limit.rlim_cur), ordering: .relaxed)
            limit.rlim_cur = 0
        }
        if unsafe setrlimit(core, &limit) != 0 { problems.append("RLIMIT_CORE was refused: \(errorText(errno))") }
        userMask.store(UInt32(umask(0o077)), ordering: .relaxed)
        // Swift's own crash report prints the bytes behind registers: back to the kernel's plain end.
        for signal in [SIGSEGV, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGQUIT] { Glibc.signal(signal, SIG_DFL) }
        Glibc.signal(SIGPIPE, SIG_IGN)
        // Ignored by whoever started us, it would hide how every child of ours ends.
        Glibc.signal(SIGCHLD, SIG_DFL)
        // A file that would grow beyond the limit is an error of that write, not the end of a rotation.
        Glibc.signal(SIGXFSZ, SIG_IGN)
        // SSLKEYLOGFILE makes libcurl write TLS keys; the others make OpenSSL load foreign code.
        for name in ["SSLKEYLOGFILE", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES"] { unsafe unsetenv(name) }
        // What came over TLS stands in OpenSSL's buffers, which are wiped when they are freed; refused once one has been made.
        let isWiping = unsafe CRYPTO_set_mem_functions(
            { size, _, _ in unsafe malloc(size) }, { memory, size, _, _ in unsafe clinux_wiping_realloc(memory, size) },
            { memory, _, _ in unsafe clinux_wiping_free(memory) })
        if isWiping != 1 { problems.append("OpenSSL's memory is not wiped when it is freed") }
        // No openssl.cnf either: it can load modules, and reading it costs a millisecond.
        _ = OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_LOAD_CONFIG), nil)
        return problems
    }

    /// What was in force before `apply`, for a program that this one becomes.
    private static let coreLimit = Atomic<UInt>(0)
    private static let userMask = Atomic<UInt32>(0o077)

    /// Puts core limit and umask back as they were: right before an exec, and never otherwise.
    static func undoForAnother() {
        var limit = rlimit()
        let core = __rlimit_resource_t(RLIMIT_CORE.rawValue)
        if unsafe getrlimit(core, &limit) == 0 {
            limit.rlim_cur = min(rlim_t(coreLimit.load(ordering: .relaxed)), limit.rlim_max)
            _ = unsafe setrlimit(core, &limit)
        }
        umask(mode_t(userMask.load(ordering: .relaxed)))
    }

    /// Ends this process when the one that started it ends: no helper outlives its question.
    package static func dieWithParent() { _ = clinux_die_with_parent(SIGKILL) }
}

/// Signals that must not cut a rotation in half.
package enum Interrupts {
    /// SIGINT, SIGTERM, SIGHUP and SIGQUIT end the process with 128 + signal and the terminal's echo restored, but wait for the
    /// end of the sections that `begin` opened first.
    package static func install() {
        // The text is read by the handler for the whole life of the process, so it is never freed.
        let notice = unsafe strdup("\nfinishing the token rotation first (at most 30 s)\n")!
        _ = unsafe clinux_install_interrupts(notice)
    }

    /// From now on SIGINT, SIGTERM and SIGHUP wake that signal and end nothing: a service ends in its own order.
    package static func forward(to signal: WakeSignal) {
        // For the rest of the process: its number must not become another descriptor's.
        forwarded.withLock { $0 = signal }
        _ = clinux_interrupts_to(signal.interest.descriptor)
    }

    private static let forwarded = Guarded<WakeSignal?>(nil)

    /// Opens a section that a signal does not cut short; it acts when the last open section ends.
    package static func begin() { clinux_defer_interrupts() }
    /// Closes a section; what came meanwhile acts when it was the last.
    package static func end() { clinux_allow_interrupts() }
}
