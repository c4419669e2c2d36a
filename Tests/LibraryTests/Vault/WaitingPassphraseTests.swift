import Age
import Glibc
import Platform
import TestSupport
import Testing

@testable import Vault

/// Two passphrase files side by side, as a rekeying that was cut leaves them, or one that goes on while the passphrase is
/// asked for: half a second is a long time.
@Suite("A passphrase file that waits for its name")
struct WaitingPassphraseTests {
    private static let waitingFile = VaultHome.identityFile + ".next"
    private static let passphrase = VaultHome.passphrase

    /// An identity file under a passphrase, with the least work factor that is taken.
    private func sealed(_ identity: borrowing AgeIdentity, _ passphrase: String) throws -> [UInt8] {
        let content = identity.identityFile(created: "now")
        return try content.withBytes { (bytes) throws(AgeError) in
            try AgeFile.seal(bytes, passphrase: SecretBytes(passphrase), workFactor: 14)
        }
    }

    /// A home whose auth.json names `current`.
    private func withVault(_ current: borrowing AgeIdentity, _ body: (VaultHome) async throws -> Void) async throws {
        let keys = VaultKeys(current.duplicate())
        let recipient = current.recipient.text
        try await VaultHome.with { home in
            try await home.store.update { metadata in
                var record = VaultRecord(
                    id: Random.uuid(), backend: .file, identitySource: .passphrase, keyFile: nil, recipient: recipient)
                record.mac = keys.metadataMAC(record)
                metadata.vault = record
            }
            try await body(home)
        }
    }

    /// Prints the passphrase after something has happened to the files.
    private func reader(_ home: VaultHome, after script: String) -> PassphraseReader {
        let line = "cd \"$1\" && { \(script); } && echo '\(Self.passphrase)'"
        return PassphraseReader(
            source: .command(["/bin/sh", "-c", line, "sh", home.folder.file(VaultHome.data)]), environment: ["PATH": "/usr/bin:/bin"])
    }

    @Test(
        "opens the vault while it waits, and also when it gets its name while the passphrase is typed",
        arguments: [":", "mv identity.age.next identity.age"])
    func found(_ meanwhile: String) async throws {
        let old = AgeIdentity.generate()
        let current = AgeIdentity.generate()
        let files = [try sealed(old, Self.passphrase), try sealed(current, Self.passphrase)]
        try await withVault(current) { home in
            try home.folder.write(files[0], VaultHome.identityFile)
            try home.folder.write(files[1], Self.waitingFile)
            _ = try await home.vault(reader(home, after: meanwhile)).open()
            #expect(home.folder.read(VaultHome.identityFile) == files[1])
            #expect(home.folder.read(Self.waitingFile) == nil)
        }
    }

    @Test("is left alone where another rekeying has put its own there meanwhile: that one is in force for nobody yet")
    func another() async throws {
        let old = AgeIdentity.generate()
        let current = AgeIdentity.generate()
        let next = AgeIdentity.generate()
        let files = [try sealed(old, Self.passphrase), try sealed(current, Self.passphrase), try sealed(next, Self.passphrase)]
        try await withVault(current) { home in
            try home.folder.write(files[0], VaultHome.identityFile)
            try home.folder.write(files[1], Self.waitingFile)
            try home.folder.write(files[2], VaultHome.data + "/staged")
            let script = "mv identity.age.next identity.age && mv staged identity.age.next"
            _ = try await home.vault(reader(home, after: script)).open()
            #expect(home.folder.read(VaultHome.identityFile) == files[1], "the only key to the vault")
            _ = try await home.vault(reader(home, after: ":")).open()
        }
    }

    @Test("is not opened by the passphrase of before, which is a wrong one and no foreign vault")
    func oldPassphrase() async throws {
        let old = AgeIdentity.generate()
        let current = AgeIdentity.generate()
        let files = [try sealed(old, Self.passphrase), try sealed(current, "another horse and battery")]
        try await withVault(current) { home in
            try home.folder.write(files[0], VaultHome.identityFile)
            try home.folder.write(files[1], Self.waitingFile)
            let error = await vaultError { _ = try await home.vault(reader(home, after: ":")).open() }
            #expect(
                error?.code == .wrongPassphrase && error?.message.contains("before its last rekey") == true, "\(String(describing: error))")
            #expect(home.folder.read(VaultHome.identityFile) == files[0] && home.folder.read(Self.waitingFile) == files[1])
        }
    }

    @Test("that nobody put in force opens nothing, and the one in force stays")
    func unused() async throws {
        let current = AgeIdentity.generate()
        let next = AgeIdentity.generate()
        let files = [try sealed(current, Self.passphrase), try sealed(next, "another horse and battery")]
        try await withVault(current) { home in
            try home.folder.write(files[0], VaultHome.identityFile)
            try home.folder.write(files[1], Self.waitingFile)
            _ = try await home.vault(reader(home, after: ":")).open()
            let other = PassphraseReader(source: .command(["/bin/echo", "another horse and battery"]), environment: [:])
            #expect(await vaultError { _ = try await home.vault(other).open() }?.code == .wrongPassphrase)
            #expect(home.folder.read(VaultHome.identityFile) == files[0])
        }
    }

    @Test("A descriptor's passphrase is kept for a vault that has to be opened again")
    func descriptor() async throws {
        let current = AgeIdentity.generate()
        let file = try sealed(current, Self.passphrase)
        try await withVault(current) { home in
            try home.folder.write(file, VaultHome.identityFile)
            try home.folder.write(Self.passphrase, "given")
            let raw = open(home.folder.file("given"), O_RDONLY | O_CLOEXEC)
            defer { close(raw) }
            let vault = home.vault(PassphraseReader(source: .descriptor(raw), environment: [:]))
            let id = try await vault.open().id
            await vault.lock()
            #expect(try await vault.open().id == id)
        }
    }
}
