import Age
import Platform
import TestSupport
import Testing

@testable import Vault

/// What somebody can put in the place of `secrets.age`.
enum SealedForgery {
    /// The body of a store, as the vault writes it.
    static func body(_ vaultId: String, version: Int = 1, bundles: String = "[]") -> String {
        #"{"format":"ai-usage-agent/secrets","version":\#(version),"vaultId":"\#(vaultId)","generation":5,"machine":"none","bundles":\#(bundles)}"#
    }

    /// The writer's seal that those keys put on a body.
    static func mac(_ body: String, by keys: VaultKeys, for purpose: String = "secrets-1") -> String {
        Hex.encode(keys.writerMAC(purpose, Array(body.utf8).span).span)
    }

    /// A body with the seal of those keys, as the vault seals it.
    static func seal(_ body: String, by keys: VaultKeys, to recipient: AgeRecipient) -> [UInt8] {
        seal(#"{"mac":"\#(mac(body, by: keys))","body":\#(body)}"#, to: recipient)
    }

    /// Any text, sealed as everybody can who knows the recipient.
    static func seal(_ text: String, to recipient: AgeRecipient) -> [UInt8] { AgeFile.seal(Array(text.utf8).span, to: [recipient]) }
}

/// A vault of three accounts whose `secrets.age` is swapped for something else, again and again.
struct DamagedVault {
    let home: VaultHome
    let vault: OpenVault
    /// The file as the vault wrote it.
    let whole: [UInt8]
    private let others: [String: [UInt8]]

    /// Lends such a vault; afterwards, with its own file back, it must work as before.
    static func with(_ body: (DamagedVault) async throws -> Void) async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            for number in 1...3 { try await vault.add(number, access: "access-\(number)") }
            let damaged = DamagedVault(
                home: home, vault: vault, whole: try #require(home.folder.read(VaultHome.sealedFile)), others: others(home))
            try await body(damaged)
            try home.folder.write(damaged.whole, VaultHome.sealedFile)
            for number in 1...3 { #expect(try await vault.contents(number)?.access == "access-\(number)") }
            try await vault.add(4)
            #expect(try await home.open().contents(4)?.access == "access")
        }
    }

    /// Everything but the sealed file and the locks.
    private static func others(_ home: VaultHome) -> [String: [UInt8]] {
        home.folder.allFiles().filter { $0.key != VaultHome.sealedFile && !$0.key.contains("/locks/") }
    }

    enum Write: CaseIterable {
        case put, delete
    }

    /// By which name reading and writing are refused, both by the same; the file must stay as it is, byte for byte.
    ///
    /// - Throws: at the first that is not refused, so that a sweep ends there.
    func refusal(_ bytes: [UInt8], _ writes: [Write], _ what: @autoclosure () -> String) async throws -> VaultError.Code? {
        try home.folder.write(bytes, VaultHome.sealedFile)
        let read = await vaultError { _ = try await vault.contents(1) }
        try #require(read?.remedy != nil, "\(what()): \(String(describing: read))")
        for write in writes {
            let error = await vaultError {
                switch write {
                case .put: try await vault.add(1, access: "other")
                case .delete: try await vault.remove(accountId(2))
                }
            }
            try #require(error?.code == read?.code, "\(what()), \(write): \(String(describing: error))")
        }
        try expectUntouched(bytes, what())
        return read?.code
    }

    private func expectUntouched(_ bytes: [UInt8], _ what: @autoclosure () -> String) throws {
        // Not the comparison itself: a failure would print both files.
        let isUntouched = home.folder.read(VaultHome.sealedFile) == bytes
        try #require(isUntouched, "\(what())")
    }

    /// The same where a few are tried: also a new account, the list and an adoption are refused, by a process that has just begun.
    func thoroughRefusal(_ bytes: [UInt8], _ what: String) async throws -> VaultError.Code? {
        let code = try await refusal(bytes, Write.allCases, what)
        let fresh = try await home.open()
        let errors = [
            await vaultError { try await fresh.add(9) }, await vaultError { _ = try await fresh.backend.list() },
            await vaultError { _ = try await VaultMaintenance(home.vault()).adopt() },
        ]
        #expect(errors.allSatisfy { $0?.code == code }, "\(what): \(errors)")
        try expectUntouched(bytes, what)
        expectOthersUnchanged(what)
        return code
    }

    func expectOthersUnchanged(_ what: String) {
        let isUnchanged = DamagedVault.others(home) == others
        #expect(isUnchanged, "\(what): nothing else was written")
    }
}
