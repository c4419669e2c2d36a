import Glibc

/// Tells one process from every other of the same boot: its number, and when it was started (a number comes again).
package struct ProcessMark: Sendable, Hashable {
    package let pid: Int32
    /// Clock ticks since the boot (proc(5), stat, field 22).
    package let started: UInt64

    package init(pid: Int32, started: UInt64) {
        self.pid = pid
        self.started = started
    }

    /// The running process; nil where /proc is not mounted.
    package static var own: ProcessMark? { of(getpid()) }

    /// Whether that very process is still there.
    package var isAlive: Bool { ProcessMark.of(pid) == self }

    private static func of(_ pid: Int32) -> ProcessMark? {
        // The name, in parentheses, may hold anything: fields are counted behind its end.
        guard let stat = PublicFile.read("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        // A zombie holds nothing any more.
        guard fields.count > 19, fields[0] != "Z", let started = UInt64(fields[19]) else { return nil }
        return ProcessMark(pid: pid, started: started)
    }

    /// Random for each boot of the machine; nil where the kernel does not say.
    package static var boot: String? {
        PublicFile.read("/proc/sys/kernel/random/boot_id")?.split(separator: "\n").first.map(String.init)
    }
}
