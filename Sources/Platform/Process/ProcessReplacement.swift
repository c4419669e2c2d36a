import CLinux
import Glibc

/// This process's end as another program, with a secret in its environment.
package enum ProcessReplacement {
    /// Why this process goes on.
    package struct Failure: Error, Sendable {
        package let reason: String
        /// Not found at all, or found and not to be started.
        package let isMissing: Bool
    }

    /// Becomes the program: same process, same terminal, its exit code and its signals are the caller's to see.
    ///
    /// Umask and core limit are what this program was started with, descriptors above 2 are closed, and the secret stands in
    /// protected memory until the kernel has copied it.
    ///
    /// - Parameters:
    ///   - arguments: the program, found in PATH where it has no slash, and what it is given.
    ///   - environment: the other variables.
    /// - Returns: only where it failed.
    package static func run(
        _ arguments: [String], environment: [String: String], variable: String, secret: borrowing SecretBytes
    ) -> Failure {
        guard let program = arguments.first else { return Failure(reason: "no program is named", isMissing: true) }
        var entry = SecretBuffer(capacity: secret.count + variable.utf8.count + 2)
        entry.append(variable + "=")
        entry.append(secret)
        entry.append(0)
        var code: Int32 = 0
        entry.withBytes { entry in
            unsafe entry.withUnsafeBufferPointer { entry in
                let text = unsafe UnsafeMutableRawPointer(mutating: entry.baseAddress!).assumingMemoryBound(to: CChar.self)
                var argv = unsafe arguments.map { unsafe strdup($0) } + [nil]
                var variables = unsafe environment.filter { $0.key != variable }.map { unsafe strdup("\($0.key)=\($0.value)") }
                unsafe variables += [text, nil]
                ProcessHardening.undoForAnother()
                unsafe clinux_exec(program, &argv, &variables)
                // Whatever was copied for it is given back by the end of this process, which is next.
                code = errno
            }
        }
        umask(0o077)
        return Failure(reason: errorText(code), isMissing: code == ENOENT || code == ENOTDIR)
    }
}
