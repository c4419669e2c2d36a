import CLinux
import Glibc

/// What this process is and takes.
package enum OwnProcess {
    /// The number of this process.
    package static var pid: Int { Int(getpid()) }

    /// The absolute path of the running program, from /proc/self/exe and never from PATH.
    package static var program: String? {
        guard let directory = ProcessEnvironment.programDirectory, let name = ProcessEnvironment.programName else { return nil }
        return directory + "/" + name
    }

    /// Gives back the pages of programs and libraries that have only been read: most of them were needed to start, or for one
    /// request (libcurl's). What is needed again comes from the kernel's cache.
    package static func releaseCode() { clinux_release_code() }

    /// Bytes of memory in RAM (/proc/self/statm); 0 where the kernel does not say.
    package static var resident: Int {
        guard let pages = PublicFile.read("/proc/self/statm")?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            return 0
        }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}

/// What this process may take of the machine.
package enum ProcessLimits {
    /// Allows so many open descriptors, as far as the hard limit goes.
    ///
    /// - Returns: how many there may be now.
    package static func raiseOpenFiles(to wanted: Int) -> Int {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(files, &limit) == 0 else { return 1024 }
        if limit.rlim_cur < rlim_t(wanted) {
            limit.rlim_cur = min(rlim_t(wanted), limit.rlim_max)
            _ = unsafe setrlimit(files, &limit)
            _ = unsafe getrlimit(files, &limit)
        }
        return Int(clamping: limit.rlim_cur)
    }
}
