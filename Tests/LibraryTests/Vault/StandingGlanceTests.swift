import Glibc
import Platform
import TestSupport
import Testing

@testable import Vault

@Suite("An older copy of the vault, seen from outside")
struct StandingGlanceTests {
    /// What was put back, or cut off, of two writes.
    enum Past: String, CaseIterable {
        case nothing, secrets, secretsAndMetadata, secretsAndMemory, metadata, memory, both
        /// `secrets.age` is in place, nothing else is written.
        case cutOff
        case cutOffBeforeMemory

        var isOlder: Bool { [.secrets, .secretsAndMetadata, .secretsAndMemory].contains(self) }

        var names: [String] {
            switch self {
            case .nothing, .cutOff: []
            case .secrets: [VaultHome.sealedFile]
            case .secretsAndMetadata: [VaultHome.sealedFile, VaultHome.metadataFile]
            case .secretsAndMemory: [VaultHome.sealedFile, VaultHome.memoryFile]
            case .metadata: [VaultHome.metadataFile]
            case .memory, .cutOffBeforeMemory: [VaultHome.memoryFile]
            case .both: [VaultHome.metadataFile, VaultHome.memoryFile]
            }
        }

        func happen(_ home: VaultHome, _ open: OpenVault) async throws {
            try await open.add(1)
            let old = try names.map { ($0, try #require(home.folder.read($0))) }
            if self == .cutOff { _ = try await open.backend.put(demoBundle(2)) } else { try await open.add(2) }
            for (name, bytes) in old { try home.folder.write(bytes, name) }
        }
    }

    @Test("is told by generation where the key lies open, and nothing that is newer is suspected", arguments: Past.allCases)
    func keyFile(_ past: Past) async throws {
        try await VaultHome.withVault { home in
            try await past.happen(home, try await home.open())
            for thoroughly in [false, true] {
                let suspicion = await StandingGlance(home.vault()).suspicion(thoroughly: thoroughly)
                #expect(suspicion?.code == (past.isOlder ? .rollbackSuspected : nil), "\(suspicion?.description ?? "")")
            }
            let findings = try await VaultInspection.run(home.vault()).findings
            #expect(findings.count == (past.isOlder ? 1 : 0), "\(findings)")
        }
    }

    /// Both memories older than the file, or a file that neither of them knows: from outside the same.
    private static let undecided: [Past] = [.both, .cutOff]

    @Test("is told by its hash where the key is behind a passphrase; a refresh that waits in the journal explains another file")
    func passphrase() async throws {
        // Stretching takes its time: one vault, put back to its beginning.
        try await VaultHome.with { home in
            let reader = try home.passphrase()
            _ = try await home.initialise(.passphrase, reader)
            let begun = home.folder.allFiles()
            for past in Past.allCases {
                for name in home.folder.allFiles().keys where begun[name] == nil { unlink(home.folder.file(name)) }
                for (name, bytes) in begun { try home.folder.write(bytes, name) }
                let open = try await home.vault(reader).open()
                try await past.happen(home, open)
                let glance = StandingGlance(home.vault())
                let suspicion = await glance.suspicion()
                let isUnknown = Self.undecided.contains(past)
                #expect(
                    suspicion?.code == (past.isOlder || isUnknown ? .rollbackSuspected : nil), "\(past): \(suspicion?.description ?? "")")
                if isUnknown { #expect(suspicion?.message.contains("or a change that was cut off") == true) }
                guard past == .cutOff || past == .secrets else { continue }
                let intent = demoIntent()
                try open.journal.begin(intent, accountId(1), tokenSizes: 100)
                try open.journal.write(demoBundle(1, access: "new", generation: 2), for: intent)
                // It may be what that refresh wrote.
                #expect(await glance.suspicion() == nil, "\(past)")
            }
        }
    }

    @Test("of another machine is told only by opening it")
    func cloned() async throws {
        try await VaultHome.withVault { home in
            try await home.open(machineId: "here").add(1)
            #expect(await StandingGlance(home.vault(machineId: "there")).suspicion(thoroughly: true)?.code == .clonedVault)
            #expect(await StandingGlance(home.vault(machineId: "there")).suspicion() == nil)
            #expect(await StandingGlance(home.vault(machineId: "here")).suspicion(thoroughly: true) == nil)
        }
    }

    @Test("is not looked for while somebody writes")
    func busy() async throws {
        try await VaultHome.withVault { home in
            try await Past.secrets.happen(home, try await home.open())
            do {
                let lock = try await VaultLocks(paths: home.paths, time: .system).take(.vault)
                #expect(await StandingGlance(home.vault()).suspicion() == nil)
                extendLifetime(lock)
            }
            #expect(await StandingGlance(home.vault()).suspicion() != nil)
        }
    }
}
