/// Makes files that can be started at once.
///
/// Another process does the writing: a descriptor of ours that is open for writing could be inherited by whatever another
/// test starts at this moment, and until that has ended the file is busy (ETXTBSY).
package enum Executable {
    package static func copy(_ source: String, to target: String, mode: Int = 0o755) async throws {
        try await run(#"cat "$1" > "$2""#, source, target, mode)
    }

    /// A copy in which a name is replaced by another of the same length.
    package static func copy(_ source: String, to target: String, replacing name: String, with other: String) async throws {
        try await run(#"LC_ALL=C sed "s/$4/$5/g" "$1" > "$2""#, source, target, 0o755, name, other)
    }

    package static func write(_ script: String, to target: String, mode: Int = 0o755) async throws {
        try await run(#"printf "%s" "$1" > "$2""#, script, target, mode)
    }

    private static func run(_ command: String, _ source: String, _ target: String, _ mode: Int, _ more: String...) async throws {
        let script = command + #" && chmod "$3" "$2""#
        let outcome = await
            (try Child(
                "/bin/sh", ["-c", script, "sh", source, target, String(mode, radix: 8)] + more, environment: ["PATH": "/usr/bin:/bin"]))
            .finish()
        guard outcome.status == 0 else { throw SpawnFailure(description: "\(outcome)") }
    }
}
