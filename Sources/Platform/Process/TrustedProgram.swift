import Glibc

/// Programs that we start with secrets on their standard input.
package enum TrustedProgram {
    /// Whether there is anything of that name, trusted or not.
    package static func isThere(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// A regular file that is executable, belongs to us or root, and that nobody else may write.
    package static func isTrusted(_ path: String) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o022 == 0 else { return false }
        guard status.st_uid == 0 || status.st_uid == geteuid() else { return false }
        return unsafe access(path, X_OK) == 0
    }
}
