import Platform
import TestSupport
import Testing

@testable import Vault

@Suite("What a crash left beside the stores")
struct LeftoverTests {
    private static let ours = [".tmp-secrets.age.0123456789ab", ".tmp-secrets.age.ffffffffffff", ".tmp-auth.json.0123456789ab"]
    private static let foreign = [
        ".tmp-other.0123456789ab", ".tmp-secrets.agenda", ".tmp-secrets.age", "secrets.age.bak", "auth.json~", ".auth.json.swp", "notes",
    ]

    @Test("is removed by the next write where it is an unfinished replacement of ours, and left where it is not")
    func swept() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            try await vault.add(1)
            for name in Self.ours + Self.foreign { try home.folder.write("old secrets", VaultHome.data + "/" + name) }
            // Reading removes nothing: the file may be somebody's who is writing now.
            #expect(try await vault.contents(1)?.access == "access")
            #expect(Set(home.folder.names(in: VaultHome.data)).isSuperset(of: Self.ours))

            try await vault.add(2)
            let left = Set(home.folder.names(in: VaultHome.data))
            #expect(left.isDisjoint(with: Self.ours))
            #expect(left == Set(Self.foreign + ["auth.json", "secrets.age", "journal", "locks"]))
            for name in Self.foreign { #expect(home.folder.read(VaultHome.data + "/" + name) == Array("old secrets".utf8), "\(name)") }
        }
    }

    @Test("is kept by a write that was refused: nothing is touched")
    func refused() async throws {
        try await DamagedVault.with { damaged in
            let name = VaultHome.data + "/" + Self.ours[0]
            try damaged.home.folder.write("unfinished", name)
            #expect(try await damaged.refusal(Array(damaged.whole.dropLast()), [.put, .delete], "cut") == .corrupt)
            #expect(damaged.home.folder.read(name) == Array("unfinished".utf8))
        }
    }
}
