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
    /// Arguments and variables are handed on byte by byte: names of files need be no text.
    ///
    /// - Parameters:
    ///   - count: so many of this process's last arguments are the program, found in PATH where it has no slash, and what it is given.
    ///   - keeping: whether a variable of this process is handed on.
    /// - Returns: only where it failed.
    package static func run(
        lastArguments count: Int, keeping: (String) -> Bool, variable: String, secret: borrowing SecretBytes
    ) -> Failure {
        let all = Int(CommandLine.argc)
        guard (1..<all).contains(count), let program = unsafe CommandLine.unsafeArgv[all - count] else {
            return Failure(reason: "no program is named", isMissing: true)
        }
        var entry = SecretBuffer(capacity: secret.count + variable.utf8.count + 2)
        entry.append(variable + "=")
        entry.append(secret)
        entry.append(0)
        var code: Int32 = 0
        entry.withBytes { entry in
            unsafe entry.withUnsafeBufferPointer { entry in
                let text = unsafe UnsafeMutableRawPointer(mutating: entry.baseAddress!).assumingMemoryBound(to: CChar.self)
                var argv = unsafe (all - count..<all).map { unsafe CommandLine.unsafeArgv[$0] } + [nil]
                var variables: [UnsafeMutablePointer<CChar>?] = unsafe []
                var next = unsafe environ
                while let kept = unsafe next.pointee {
                    let name = unsafe String(
                        decoding: UnsafeBufferPointer(start: kept, count: strlen(kept)).prefix { $0 != 0x3D }.map { UInt8(bitPattern: $0) },
                        as: UTF8.self)
                    if name != variable, keeping(name) { unsafe variables.append(kept) }
                    unsafe next += 1
                }
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
