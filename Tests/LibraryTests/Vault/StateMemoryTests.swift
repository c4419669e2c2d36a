import Glibc
import Platform
import TestSupport
import Testing

@testable import Vault

@Suite("What this machine remembers of the newest sealed file")
struct StateMemoryTests {
    private static let vaultId = "00000000-0000-4000-8000-000000000000"
    private static let content = StateMemory.Content(state: SealedState(generation: 41, sha256: String(repeating: "ab", count: 32)))

    @Test("is one record of 4 KiB, private, overwritten in place, and read back as it was written")
    func roundTrip() async throws {
        try await VaultHome.with { home in
            let memory = StateMemory(paths: home.paths, vaultId: Self.vaultId)
            #expect(memory.read() == nil)
            try memory.write(Self.content)
            #expect(memory.read() == Self.content)
            #expect(home.folder.read(VaultHome.memoryFile)?.count == 4096)
            #expect(home.folder.mode(of: VaultHome.memoryFile) == 0o600)
            let inode = home.folder.inode(of: VaultHome.memoryFile)
            let shorter = StateMemory.Content(state: SealedState(generation: 9_999_999, sha256: "a"))
            try memory.write(shorter)
            #expect(memory.read() == shorter)
            try memory.write(Self.content)
            #expect(memory.read() == Self.content)
            #expect(home.folder.inode(of: VaultHome.memoryFile) == inode)
        }
    }

    @Test("counts as nothing when any bit of it is another or any part of it is missing")
    func torn() async throws { try await OwnProcess.tornMemory.run(showing: "sweep: ") }

    static func tornRecords() async throws {
        try await VaultHome.with { home in
            let memory = StateMemory(paths: home.paths, vaultId: Self.vaultId)
            try memory.write(Self.content)
            let record = try #require(home.folder.read(VaultHome.memoryFile))
            let used = try #require(record.firstIndex(of: 0))
            // Every bit of the text and of the checksum, and one of each byte between them.
            let bits = Array(0..<used * 8) + (used..<4064).map { $0 * 8 + $0 % 8 } + Array(4064 * 8..<4096 * 8)
            for bit in bits {
                var changed = record
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                try home.folder.write(changed, VaultHome.memoryFile)
                try #require(memory.read() == nil, "bit \(bit)")
            }
            for length in Array(0..<used + 8) + Array(stride(from: used + 8, to: 4096, by: 61)) + [4063, 4064, 4065, 4095] {
                try home.folder.write(Array(record.prefix(length)), VaultHome.memoryFile)
                try #require(memory.read() == nil, "\(length) bytes")
            }
            // What is longer has its checksum elsewhere.
            try home.folder.write(record + record, VaultHome.memoryFile)
            #expect(memory.read() == nil)
            #expect(StateMemory(paths: home.paths, vaultId: "another").read() == nil)
            print("sweep: state memory: \(bits.count) bits flipped, none of them read as a record")
        }
    }

    /// What can stand in the place of the record. The vault that it is about is whole.
    private static let disturbances: [(name: String, happen: @Sendable (VaultHome, [UInt8]) throws -> Void)] = [
        (
            "a bit of the generation, which makes it 3",
            { home, record in try home.folder.write(flipped(record, 66 * 8 + 1), VaultHome.memoryFile) }
        ),
        ("a bit of the name", { home, record in try home.folder.write(flipped(record, 3), VaultHome.memoryFile) }),
        ("a bit of the checksum", { home, record in try home.folder.write(flipped(record, 4095 * 8), VaultHome.memoryFile) }),
        ("half of it", { home, record in try home.folder.write(Array(record.prefix(2048)), VaultHome.memoryFile) }),
        ("nothing in it", { home, _ in try home.folder.write([UInt8](), VaultHome.memoryFile) }),
        ("zeros", { home, record in try home.folder.write([UInt8](repeating: 0, count: record.count), VaultHome.memoryFile) }),
        ("no file", { home, _ in unlink(home.folder.file(VaultHome.memoryFile)) }),
        ("text", { home, _ in try home.folder.write("generation 900\n", VaultHome.memoryFile) }),
        ("a file that others may read", { home, record in try home.folder.write(record, VaultHome.memoryFile, mode: 0o644) }),
        (
            "another vault's",
            { home, _ in
                try StateMemory(paths: home.paths, vaultId: "another").write(.init(state: .init(generation: 900, sha256: "x")))
            }
        ),
    ]

    private static func flipped(_ record: [UInt8], _ bit: Int) -> [UInt8] {
        var changed = record
        changed[bit / 8] ^= 1 << UInt8(bit % 8)
        return changed
    }

    @Test(
        "never keeps a good vault from working when it is torn, gone or another vault's; the next write repairs it",
        arguments: disturbances.indices)
    func disturbed(_ index: Int) async throws {
        let disturbance = Self.disturbances[index]
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            let record = try #require(home.folder.read(VaultHome.memoryFile))
            try disturbance.happen(home, record)
            let vault = try await home.open()
            #expect(try await vault.contents(1)?.access == "access", "\(disturbance.name)")
            #expect(try vault.suspicion(nil) == nil, "\(disturbance.name)")
            try await vault.add(2)
            let hash = try #require(try home.store.read().vault?.sealedSha256)
            if disturbance.name != "a file that others may read" {
                let expected = StateMemory.Content(state: SealedState(generation: 2, sha256: hash))
                #expect(StateMemory(paths: home.paths, vaultId: vault.id).read() == expected, "\(disturbance.name)")
            }
        }
    }

    @Test("A keyring vault's accounts are each remembered, in more blocks where there are many, and forgotten one by one")
    func accounts() async throws {
        try await VaultHome.with { home in
            let memory = StateMemory(paths: home.paths, vaultId: Self.vaultId)
            for number in 1...300 { try memory.note(nil, account: accountId(number), generation: number) }
            #expect((home.folder.read(VaultHome.memoryFile)?.count ?? 0) > 4096)
            #expect(memory.read()?.generations.count == 300 && memory.read()?.generations[accountId(299)] == 299)
            for number in 2...300 { try memory.note(nil, account: accountId(number), generation: nil) }
            #expect(memory.read() == StateMemory.Content(generations: [accountId(1): 1]))
        }
    }

    @Test("A whole record is still obeyed when auth.json has forgotten")
    func obeyed() async throws {
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            try StateMemory(paths: home.paths, vaultId: try await home.open().id).write(
                .init(state: SealedState(generation: 2, sha256: "another")))
            #expect(try await home.open().suspicion(nil)?.code == .rollbackSuspected)
        }
    }
}
