import Age
import Glibc
import Platform
import TestSupport
import Testing

@testable import Vault

struct SealedFileTests {
    @Test("Our own seal on something that is no store, or a newer one, is corrupt and left alone")
    func ownButWrong() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            let keys = try home.keys()
            let bodies = [
                SealedForgery.body(vault.id, version: 2), SealedForgery.body(vault.id, bundles: "{}"),
                SealedForgery.body(vault.id).replacing("ai-usage-agent/secrets", with: "other"), "{}",
                SealedForgery.body(vault.id).replacing("\"generation\":5", with: "\"generation\":\"5\""),
                SealedForgery.body(vault.id).replacing("\"machine\":\"none\"", with: "\"m\":1"),
                SealedForgery.body(vault.id, bundles: #"[{"accountId":"\#(accountId(1))"}]"#),
            ]
            for body in bodies {
                try home.folder.write(SealedForgery.seal(body, by: keys, to: keys.recipient), VaultHome.sealedFile)
                #expect(await vaultError { _ = try await vault.contents(1) }?.code == .corrupt, "\(body)")
            }
        }
    }

    @Test("What is read back counts only if it opens to exactly what was to be written")
    func readBack() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            let keys = try home.keys()
            func sealed(_ generation: Int) -> SealedStore.Sealed {
                SealedStore(machine: "none", generation: 1)
                    .sealed(leavingOut: [], vaultId: vault.id, machine: "none", generation: generation, keys: keys) { _ in }
            }
            let again = sealed(2)
            let (first, other) = (sealed(2).bytes, sealed(3).bytes)
            func isWhole(_ file: [UInt8]) -> Bool { again.isWhole(in: SecretBytes(copying: file.span), keys.identity) }
            #expect(isWhole(again.bytes) && isWhole(first), "the same text, sealed twice")
            #expect(!isWhole(other) && !isWhole([]) && !isWhole(again.bytes.dropLast()))
            var changed = again.bytes
            changed[changed.count / 2] ^= 1
            #expect(!isWhole(changed))
        }
    }

    @Test("What a newer version wrote into other bundles survives a write, byte for byte")
    func unknownMembers() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            let keys = try home.keys()
            let strange = #"{ "accountId":"\#(accountId(7))", "novel" : [1.50, {"\u0041":"\u00e9\/"}],"accessToken":"t" }"#
            try home.folder.write(
                SealedForgery.seal(SealedForgery.body(vault.id, bundles: "[\(strange)]"), by: keys, to: keys.recipient),
                VaultHome.sealedFile)
            try await vault.add(1)
            try await vault.remove(accountId(2))
            let file = try #require(home.folder.read(VaultHome.sealedFile))
            let plaintext = text(try AgeFile.open(file.span, identity: keys.identity))
            #expect(plaintext.contains(strange))
            #expect(plaintext.contains(#""generation":7"#), "5 and two writes")
            #expect(try home.store.read().vault?.generation == 7)
        }
    }

    @Test("The size of the file tells neither the number of accounts nor the length of their tokens")
    func padding() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            var sizes: Set<Int> = []
            for number in 1...3 {
                try await vault.add(number, access: String(repeating: "a", count: number * 10), refresh: "r")
                sizes.insert(try #require(home.folder.read(VaultHome.sealedFile)).count)
            }
            #expect(sizes.count == 1)
            try await vault.add(4, access: String(repeating: "x", count: 5000), refresh: "r")
            let larger = try #require(home.folder.read(VaultHome.sealedFile)).count
            #expect((larger - sizes.first!) % 4096 == 0 && larger > sizes.first!)
        }
    }

    @Test("A store that was written and is gone is not an empty one, and no new one is begun in its place")
    func gone() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            try await vault.add(1)
            unlink(home.paths.sealedFile)
            #expect(await vaultError { _ = try await vault.contents(1) }?.code == .unavailable)
            #expect(await vaultError { try await vault.add(2) }?.code == .unavailable)
            #expect(home.folder.read(VaultHome.sealedFile) == nil)
        }
    }

    @Test("A file that others may read is not opened until they no longer may")
    func permissions() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            try await vault.add(1)
            let file = try #require(home.folder.read(VaultHome.sealedFile))
            try home.folder.write(file, VaultHome.sealedFile, mode: 0o644)
            #expect(await vaultError { _ = try await vault.contents(1) }?.code == .corrupt)
            try home.folder.write(file, VaultHome.sealedFile, mode: 0o600)
            #expect(try await vault.contents(1)?.refresh == "refresh")
        }
    }
}
