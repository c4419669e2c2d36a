import Foundation
import Glibc
import Platform
import TestSupport
import Testing

@Suite(
    "A credential of root, for the user of a unit",
    .enabled(if: geteuid() == 0 && Program.find("setpriv") != nil, "needs root and setpriv"))
struct CredentialOwnerTests {
    /// Nobody in particular.
    private static let user: uid_t = 65534

    /// Owner and mode of directory and file, and whether the credential may be used.
    struct Handover: Sendable, CustomTestStringConvertible {
        let folder: (owner: uid_t, mode: mode_t)
        let file: (owner: uid_t, mode: mode_t)
        let isGood: Bool
        let testDescription: String
    }

    static let handovers = [
        // With an ACL for the unit's user: its mask shows as the group's bits.
        Handover(folder: (0, 0o550), file: (0, 0o440), isGood: true, testDescription: "root's, read-only"),
        Handover(folder: (user, 0o500), file: (user, 0o400), isGood: true, testDescription: "the user's own"),
        Handover(folder: (0, 0o550), file: (0, 0o444), isGood: false, testDescription: "readable by everybody"),
        Handover(folder: (0, 0o550), file: (0, 0o460), isGood: false, testDescription: "writable by a group"),
        Handover(folder: (0, 0o555), file: (0, 0o440), isGood: false, testDescription: "in an open directory"),
        Handover(folder: (0, 0o550), file: (65533, 0o440), isGood: false, testDescription: "somebody else's"),
    ]

    @Test("It is used if it is root's or the user's and closed to everybody else", arguments: handovers)
    func handover(_ handover: Handover) async throws {
        try await Scene.with(start: .vault) { scene in
            // Any age identity will do; this one was made for a vault that never held anything.
            let key = try scene.home.read(scene.home.keyFile)
            for path in [scene.home.configuration, scene.home.data] { try scene.home.delete(path) }
            let folder = scene.home.path + "/credentials"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            let file = folder + "/ai-usage-agent.identity"
            try scene.home.write(key, to: file)
            let program = try await scene.give(to: CredentialOwnerTests.user)
            for (path, wanted) in [(file, handover.file), (folder, handover.folder)] {
                try #require(chown(path, wanted.owner, CredentialOwnerTests.user) == 0 && chmod(path, wanted.mode) == 0)
            }

            let user = CredentialOwnerTests.user
            let outcome = try await Child(
                Program.find("setpriv") ?? "",
                [
                    "--reuid=\(user)", "--regid=\(user)", "--clear-groups", program, "vault", "init", "--backend", "file", "--identity",
                    "systemd-credential", "--json",
                ], environment: scene.home.environment.merging(["CREDENTIALS_DIRECTORY": folder]) { $1 }
            ).finish()
            if handover.isGood {
                #expect(outcome.status == 0 && outcome.json["identitySource"] == "systemd-credential", "\(outcome)")
            } else {
                #expect(outcome.status == 65 && outcome.errorCode == "vault_corrupt", "\(outcome)")
            }
        }
    }
}
