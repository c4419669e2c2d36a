import Age
import Platform
import TestSupport
import Testing

@testable import Vault

struct VaultRecordTests {
    /// How the vault object of auth.json is edited, and how opening must then end.
    private static let edits: [(name: String, change: @Sendable (VaultHome, inout JSONObject) -> Void, codes: [VaultError.Code])] = [
        ("recipient", { _, vault in vault["recipient"] = .string(AgeIdentity.generate().recipient.text) }, [.foreign]),
        ("no recipient", { _, vault in vault["recipient"] = .string("age1nobody") }, [.foreign]),
        (
            "generation up", { _, vault in vault["generation"] = .number(JSONNumber((vault["generation"]?.number?.integer ?? 0) + 1)) },
            [.corrupt]
        ),
        ("generation down", { _, vault in vault["generation"] = 0 }, [.corrupt]),
        ("id", { _, vault in vault["id"] = .string(Random.uuid()) }, [.corrupt, .foreign]),
        ("hash", { _, vault in vault["sealedSha256"] = .string(String(repeating: "0", count: 64)) }, [.corrupt]),
        ("no hash", { _, vault in vault["sealedSha256"] = .null }, [.corrupt]),
        ("mac", { _, vault in vault["mac"] = .string(String(repeating: "0", count: 64)) }, [.corrupt]),
        ("short mac", { _, vault in vault["mac"] = .string("0") }, [.corrupt]),
        ("default key file", { _, vault in vault["keyFile"] = .null }, [.corrupt]),
        (
            "key file by another way",
            { home, vault in vault["keyFile"] = .string(home.folder.file("config/./ai-usage-agent/identity.txt")) }, [.corrupt]
        ),
        ("key file elsewhere", { home, vault in vault["keyFile"] = .string(home.folder.file("none.txt")) }, [.unavailable]),
        ("source", { _, vault in vault["identitySource"] = "passphrase" }, [.unavailable]),
        ("other source", { _, vault in vault["identitySource"] = "keyring" }, [.unavailable]),
        ("backend", { _, vault in vault["backend"] = "keyring" }, [.corrupt]),
        ("unknown backend", { _, vault in vault["backend"] = "cloud" }, [.corrupt]),
    ]

    @Test("A vault record that was edited opens nothing, and no file is changed", arguments: edits.indices)
    func edited(_ index: Int) async throws {
        let edit = Self.edits[index]
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            let text = try #require(home.folder.read(VaultHome.metadataFile))
            var file = try #require(try JSONValue(parsing: text.span).object)
            var vault = try #require(file["vault"]?.object)
            edit.change(home, &vault)
            file["vault"] = .object(vault)
            try home.folder.write(JSONValue.object(file).pretty, VaultHome.metadataFile)
            let before = home.folder.allFiles()
            let error = await vaultError { _ = try await home.open() }
            #expect(error.map { edit.codes.contains($0.code) } == true, "\(edit.name): \(String(describing: error))")
            #expect(home.folder.allFiles() == before, "\(edit.name)")
        }
    }

    @Test("A swapped recipient is foreign, whoever sealed the record over it")
    func swappedRecipient() async throws {
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            let stranger = VaultKeys(.generate())
            let ours = try home.keys()
            var record = try #require(try home.store.read().vault)
            let text = try #require(home.folder.read(VaultHome.metadataFile))
            record.recipient = stranger.recipient.text
            // Under the old seal, under the stranger's, and under our own as only the identity can make it.
            for mac in [record.mac, stranger.metadataMAC(record), ours.metadataMAC(record)] {
                record.mac = mac
                var file = try #require(try JSONValue(parsing: text.span).object)
                file["vault"] = record.json
                try home.folder.write(JSONValue.object(file).pretty, VaultHome.metadataFile)
                let before = home.folder.allFiles()
                let error = await vaultError { _ = try await home.open() }
                #expect(error?.code == .foreign)
                #expect(error?.message.contains(stranger.recipient.text) == true)
                #expect(home.folder.allFiles() == before)
            }
            try home.folder.write(text, VaultHome.metadataFile)
            #expect(try await home.open().contents(1)?.access == "access")
        }
    }

    @Test("No field of the record can take over a part of its neighbour under the same seal")
    func framing() {
        func record(_ id: String, _ keyFile: String?, _ recipient: String) -> [UInt8] {
            VaultRecord(id: id, backend: .file, identitySource: .keyFile, keyFile: keyFile, recipient: recipient).authenticated
        }
        let records = [
            record("a", "b", "c"), record("ab", "", "c"), record("a", "", "bc"), record("a", "b\n1:c", ""), record("a\n4:file", "b", "c"),
        ]
        #expect(Set(records).count == records.count)
    }

    @Test("What may be said without the key is said without the key")
    func inspection() async throws {
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            let inspection = try await VaultInspection.run(home.vault())
            let record = try home.store.read().vault
            #expect(inspection.record == record)
            #expect(inspection.accounts == 1)
            #expect(inspection.lockedBecause == nil)
            #expect(inspection.pending == 0)
            #expect(inspection.findings.isEmpty)
            try home.folder.write("x", VaultHome.keyFile, mode: 0o644)
            #expect(try await VaultInspection.run(home.vault()).lockedBecause?.contains("chmod 600") == true)
        }
    }

    @Test("Keys of one identity differ by purpose, and of two identities in everything")
    func keys() {
        let identity = AgeIdentity.generate()
        let one = VaultKeys(identity.duplicate())
        let same = VaultKeys(identity.duplicate())
        let other = VaultKeys(.generate())
        let body = Array("body".utf8)
        let token = SecretBytes("token")
        #expect(one.fingerprint(of: token) == same.fingerprint(of: token))
        #expect(one.fingerprint(of: token) != other.fingerprint(of: token))
        #expect(one.fingerprint(of: token).wholeMatch(of: /[0-9a-f]{16}/) != nil)
        #expect(one.writerMAC("p", body.span) == same.writerMAC("p", body.span))
        #expect(one.writerMAC("p", body.span) != one.writerMAC("q", body.span))
        #expect(one.writerMAC("p", body.span) != other.writerMAC("p", body.span))
        #expect(one.machineBinding("m") == same.machineBinding("m"))
        #expect(one.machineBinding("m") != one.machineBinding("n"))
        #expect(one.machineBinding("m") != other.machineBinding("m"))
        #expect(one.machineBinding(nil) == "none")
    }

    @Test("Each purpose has a key of its own, derived under the label that SECURITY.md names")
    func labels() throws {
        let identity = AgeIdentity.generate()
        let keys = VaultKeys(identity.duplicate())
        let message = Array("1:p\nbody".utf8)
        var expected: [String: String] = [:]
        for purpose in ["writer", "metadata", "fingerprint", "machine"] {
            let key = identity.deriveKey(info: "ai-usage-agent/1/" + purpose)
            expected[purpose] = Hex.encode(HMACSHA256.authenticate(message.span, key: key).span)
        }
        #expect(Set(expected.values).count == 4)
        #expect(Hex.encode(keys.writerMAC("p", Array("body".utf8).span).span) == expected["writer"])
        #expect(keys.machineBinding("1:p\nbody") == expected["machine"])
        #expect(keys.fingerprint(of: SecretBytes("1:p\nbody")) == String(try #require(expected["fingerprint"]).prefix(16)))
    }
}
