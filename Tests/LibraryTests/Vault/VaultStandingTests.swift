import Platform
import TestSupport
import Testing

@testable import Vault

@Suite("An older copy of the vault, or one of another machine")
struct VaultStandingTests {
    private static let vaultId = "a-vault"

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let sealed: SealedState
        var sealedOn = "here"
        var machine = "here"
        /// What auth.json says; nil before the first write.
        var record: SealedState?
        var memory: SealedState?
        var expected: VaultError.Code?
    }

    private static func state(_ generation: Int, _ sha256: String = "hash") -> SealedState {
        SealedState(generation: generation, sha256: sha256)
    }

    private static func memory(_ generation: Int, _ sha256: String = "hash") -> SealedState { state(generation, sha256) }

    private static let cases: [Case] = [
        Case(testDescription: "the file of both memories", sealed: state(5), record: state(5), memory: memory(5)),
        Case(testDescription: "nothing remembered at all", sealed: state(5)),
        Case(testDescription: "only auth.json remembers", sealed: state(5), record: state(5)),
        Case(testDescription: "only the state memory remembers", sealed: state(5), memory: memory(5)),
        Case(testDescription: "newer than both", sealed: state(6, "new"), record: state(5), memory: memory(5)),
        Case(testDescription: "newer than auth.json", sealed: state(6, "new"), record: state(5), memory: memory(6, "new")),
        Case(testDescription: "newer than the state memory", sealed: state(6, "new"), record: state(6, "new"), memory: memory(5)),
        Case(testDescription: "older than both", sealed: state(4), record: state(5), memory: memory(5), expected: .rollbackSuspected),
        Case(testDescription: "older than auth.json", sealed: state(4), record: state(5), memory: memory(4), expected: .rollbackSuspected),
        Case(
            testDescription: "older than the state memory, auth.json as old", sealed: state(4), record: state(4), memory: memory(5),
            expected: .rollbackSuspected),
        Case(testDescription: "older, before auth.json knows a file", sealed: state(4), memory: memory(5), expected: .rollbackSuspected),
        Case(
            testDescription: "another file of the generation in auth.json", sealed: state(5, "other"), record: state(5),
            expected: .rollbackSuspected),
        Case(
            testDescription: "another file of the remembered generation", sealed: state(5, "other"), record: state(5, "other"),
            memory: memory(5), expected: .rollbackSuspected),
        Case(testDescription: "of another machine", sealed: state(5), sealedOn: "there", record: state(5), expected: .clonedVault),
        Case(testDescription: "of another machine, newer", sealed: state(9), sealedOn: "there", record: state(5), expected: .clonedVault),
        Case(
            testDescription: "of another machine and older", sealed: state(4), sealedOn: "there", record: state(5),
            expected: .rollbackSuspected),
        Case(testDescription: "sealed in a container", sealed: state(5), sealedOn: "none", record: state(5)),
        Case(testDescription: "in a container, sealed in one", sealed: state(5), sealedOn: "none", machine: "none", record: state(5)),
        Case(
            testDescription: "in a container, sealed on a machine", sealed: state(5), sealedOn: "there", machine: "none",
            record: state(5), expected: .clonedVault),
        Case(
            testDescription: "sealed in a container, older", sealed: state(4), sealedOn: "none", record: state(5),
            expected: .rollbackSuspected),
    ]

    @Test("is told from the newest one of this machine by generation, hash and binding", arguments: cases)
    func judgement(_ test: Case) {
        var record = VaultRecord(id: Self.vaultId, backend: .file, identitySource: .keyFile, keyFile: nil, recipient: "age1")
        record.generation = test.record?.generation ?? 0
        record.sealedSha256 = test.record?.sha256
        let suspicion = VaultStanding.suspicion(
            sealed: test.sealed, sealedMachine: test.sealedOn, machine: test.machine, record: record, memory: test.memory, path: "/the/file"
        )
        #expect(suspicion?.code == test.expected)
        if let suspicion {
            #expect(suspicion.message.contains("/the/file"))
            #expect(suspicion.remedy?.contains("ai-usage-agent vault adopt") == true)
        }
    }

    /// The vault is read, and no write of any kind changes a byte of it.
    private func expectReadOnly(_ home: VaultHome, _ vault: OpenVault, _ code: VaultError.Code) async throws {
        let before = home.folder.allFiles()
        #expect(try await vault.contents(1)?.access == "access")
        #expect(try vault.suspicion(nil)?.code == code)
        #expect(await vaultError { try await vault.add(1) }?.code == code)
        #expect(await vaultError { try await vault.add(9) }?.code == code)
        #expect(await vaultError { try await vault.remove(accountId(1)) }?.code == code)
        #expect(home.folder.allFiles() == before)
    }

    @Test("is read and never written, with either memory alone as with both; adopting it is the way on")
    func older() async throws {
        for restored in [[], [VaultHome.metadataFile], [VaultHome.memoryFile]] {
            try await VaultHome.withVault { home in
                try await home.open().add(1)
                let old = try ([VaultHome.sealedFile] + restored).map { ($0, try #require(home.folder.read($0))) }
                try await home.open().add(2)
                for (name, bytes) in old { try home.folder.write(bytes, name) }
                try await expectReadOnly(home, try await home.open(), .rollbackSuspected)
                _ = try await VaultMaintenance(home.vault()).adopt()
                let vault = try await home.open()
                #expect(try vault.suspicion(nil) == nil)
                try await vault.add(3)
                #expect(try home.store.read().vault?.generation == 4, "above the two that were written")
            }
        }
    }

    @Test("is not suspected in a file that is newer than both memories: its seal vouches for it")
    func newer() async throws {
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            let old = try [VaultHome.metadataFile, VaultHome.memoryFile].map { ($0, try #require(home.folder.read($0))) }
            try await home.open().add(2)
            for (name, bytes) in old { try home.folder.write(bytes, name) }
            let vault = try await home.open()
            #expect(try vault.suspicion(nil) == nil)
            #expect(try await vault.contents(2)?.access == "access")
            try await vault.add(3)
            #expect(try home.store.read().vault?.generation == 3)
            #expect(StateMemory(paths: home.paths, vaultId: vault.id).read()?.state?.generation == 3)
        }
    }

    @Test("of another machine is read and never written; a container that has no machine id neither writes a binding nor minds one")
    func cloned() async throws {
        try await VaultHome.withVault { home in
            try await home.open(machineId: "here").add(1)
            try await expectReadOnly(home, try await home.open(machineId: "there"), .clonedVault)
            try await home.open(machineId: "here").add(2)
            _ = try await VaultMaintenance(home.vault(machineId: "there")).adopt()
            try await home.open(machineId: "there").add(3)
            try await expectReadOnly(home, try await home.open(machineId: "here"), .clonedVault)
        }
        try await VaultHome.withVault { home in
            try await home.open(machineId: nil).add(1)
            try await home.open(machineId: nil).add(2)
            let vault = try await home.open(machineId: "here")
            #expect(try vault.suspicion(nil) == nil)
            // The next write binds it.
            try await vault.add(3)
            try await expectReadOnly(home, try await home.open(machineId: "there"), .clonedVault)
        }
    }
}
