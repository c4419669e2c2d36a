import Glibc
import Platform

/// The programs under test, as files.
package enum Program {
    /// The program as people start it, the front door: `AUA_PROGRAM`, else what this build made.
    package static let path = chosen("AUA_PROGRAM", "ai-usage-agent")
    /// The full program behind it.
    package static let full = beside("ai-usage-agent-cli") ?? path + "-cli"
    /// `AUA_DEMO_PROVIDER`, else what this build made.
    package static let demoProvider = chosen("AUA_DEMO_PROVIDER", "demo-provider")

    /// The keyring helper; nil if it was not built.
    package static let keyringHelper = beside("ai-usage-keyring")

    /// Another of our programs, installed or as a build leaves it.
    private static func beside(_ name: String) -> String? {
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return ["/../libexec/ai-usage-agent/", "/"].map { folder + $0 + name }.first { access($0, X_OK) == 0 }
    }

    /// The repository.
    package static let repository: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()

    private static func chosen(_ variable: String, _ name: String) -> String {
        if let path = ProcessEnvironment.current()[variable] { return path }
        // The test bundle stands beside the programs.
        if let directory = ProcessEnvironment.programDirectory, access(directory + "/" + name, X_OK) == 0 { return directory + "/" + name }
        return repository + "/.build/debug/" + name
    }

    /// A program of the system, by its name; nil if it is not installed.
    package static func find(_ name: String) -> String? {
        ["/usr/bin/", "/bin/", "/usr/local/bin/"].map { $0 + name }.first { access($0, X_OK) == 0 }
    }
}
