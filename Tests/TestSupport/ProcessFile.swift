package import Glibc
import Platform

/// What /proc says of a process.
package enum ProcessFile {
    /// The named field of /proc/PID/status; nil once the process is gone.
    package static func status(_ pid: Int32, _ field: String) -> String? {
        line("/proc/\(pid)/status", field + ":")
    }

    /// The line of /proc/PID/limits that begins so.
    package static func limit(_ pid: Int32, _ name: String) -> String? { line("/proc/\(pid)/limits", name) }

    /// Who owns that file of /proc/PID; root where the process cannot be dumped.
    package static func owner(_ pid: Int32, _ file: String) -> uid_t? {
        var status = stat()
        return stat("/proc/\(pid)/\(file)", &status) == 0 ? status.st_uid : nil
    }

    /// Peak resident memory; 0 once the process is gone.
    static func peakKilobytes(_ pid: Int32) -> Int {
        status(pid, "VmHWM").flatMap { Int($0.split(separator: " ").first ?? "") } ?? 0
    }

    private static func line(_ path: String, _ start: String) -> String? {
        guard let text = PublicFile.read(path, limit: 1 << 20) else { return nil }
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(start) }) else { return nil }
        return String(line.dropFirst(start.count).drop { $0 == " " || $0 == "\t" })
    }
}
