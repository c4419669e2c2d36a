import Glibc

/// A file or directory operation that failed: what, on which path, why.
package struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What a caller can act upon.
    package enum Kind: Sendable, Equatable {
        case notFound
        /// Somebody else owns it, others may write (or read) it, or it is a symbolic link: not to be trusted.
        case unsafe
        case notRegular
        case tooLarge
        /// The kernel's errno.
        case system(Int32)
    }

    package let kind: Kind
    /// As the caller named it.
    package let path: String
    /// One clause for people, without the path.
    package let reason: String
    /// The command that puts it right, where one does.
    package let repair: String?

    package init(_ kind: Kind, _ path: String, _ reason: String, repair: String? = nil) {
        self.repair = repair
        self.kind = kind
        self.path = path
        self.reason = reason
    }

    /// The error of the last libc call.
    static func last(_ operation: String, _ path: String) -> FileError {
        let code = errno
        return FileError(code == ENOENT ? .notFound : .system(code), path, "\(operation): \(errorText(code))")
    }

    /// What is wrong is the file itself, not the way to it.
    package var isOfContent: Bool { kind == .tooLarge || kind == .notRegular }

    package var description: String { "\(path): \(reason)" }
}

/// libc's words for an errno.
package func errorText(_ code: Int32) -> String {
    unsafe String(cString: strerror(code))
}
