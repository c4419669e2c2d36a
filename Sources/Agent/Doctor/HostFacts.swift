import Platform
package import Vault

/// What the audit asks of the machine; tests plant what they cannot really do.
package struct HostFacts: Sendable {
    /// What a name leads to.
    package var look: VaultAudit.Look = { FileFacts.at($0) }
    /// Whose the files should be.
    package var user = Peer.ownUser
    /// proc(5), as the three that follow; tests point them at files of theirs.
    package var swaps = "/proc/swaps"
    package var ptraceScope = "/proc/sys/kernel/yama/ptrace_scope"
    package var corePattern = "/proc/sys/kernel/core_pattern"
    package var processes = "/proc"
    /// The f_type of the file system that holds a directory (statfs(2)).
    package var filesystem: @Sendable (String) -> Int64? = { try? PrivateDirectory.open($0).filesystemMagic }
    /// The running program, and where its front door may stand.
    package var program = OwnProcess.program
    package var frontDoors = HostFacts.frontDoors
    /// Why libcurl, or SQLite, cannot be opened; nil where it can.
    package var httpProblem: @Sendable () -> String? = { HTTPTransport.problem }
    package var databaseProblem: @Sendable () -> String? = { Database.problem }
    /// Where the keyring helper may stand.
    package var helpers = KeyringHelper.candidates
    /// Whether the program at that path is ours or root's and nobody else may write it.
    package var isTrusted: @Sendable (String) -> Bool = { TrustedProgram.isTrusted($0) }
    /// OpenSSL's major version.
    package var cryptoVersion = CryptoLibrary.majorVersion
    /// Where shared libraries are.
    package var libraries = ["/usr/lib", "/usr/lib64", "/lib", "/usr/local/lib"]
    /// Who holds a port of this machine itself; nil where it is free.
    package var portHolder: @Sendable (Int) -> String? = { PortHolder.find(port: $0) }
    /// Of this program.
    package var version: String

    /// As `make install` puts it, and as a build leaves it.
    private static var frontDoors: [String] {
        guard let directory = ProcessEnvironment.programDirectory else { return [] }
        return [directory + "/../../bin/" + HostFacts.name, directory + "/" + HostFacts.name]
    }

    /// What people call.
    static let name = "ai-usage-agent"

    package init(version: String) { self.version = version }
}
