import Platform

/// Where the secrets of a vault are kept.
package enum BackendKind: String, Sendable {
    case keyring, file
}

/// Where the identity that opens sealed files comes from.
package enum IdentitySource: String, Sendable, CaseIterable {
    case keyring
    case systemdCredential = "systemd-credential"
    case keyFile = "key-file"
    case passphrase
}

/// The vault object of auth.json: which backend is pinned, how it is unlocked, and what was written last.
package struct VaultRecord: Sendable, Equatable {
    /// A random UUID.
    package let id: String
    /// Pinned when the vault is made; changed by `vault migrate` alone.
    package var backend: BackendKind
    /// Pinned likewise.
    package var identitySource: IdentitySource
    /// Absolute path, only for `keyFile`.
    package var keyFile: String?
    /// The age recipient that everything is sealed to; always compared with the one derived from the identity.
    package var recipient: String
    /// Of the whole store: one more with every write.
    package var generation: Int
    /// Of `secrets.age` as written last, in hexadecimal.
    package var sealedSha256: String?
    /// HMAC-SHA256 over all of the above, in hexadecimal.
    package var mac: String
    /// Members that a newer version wrote; they survive a rewrite.
    private var unknown = JSONObject()

    /// Without its MAC: whoever makes a record computes it.
    package init(id: String, backend: BackendKind, identitySource: IdentitySource, keyFile: String?, recipient: String) {
        self.id = id
        self.backend = backend
        self.identitySource = identitySource
        self.keyFile = keyFile
        self.recipient = recipient
        generation = 0
        sealedSha256 = nil
        mac = ""
    }

    /// What the MAC covers: every field behind its length, so that no two records give the same bytes.
    var authenticated: [UInt8] {
        var bytes: [UInt8] = []
        let fields = [
            id, backend.rawValue, identitySource.rawValue, keyFile ?? "", recipient, String(generation), sealedSha256 ?? "",
        ]
        for field in ["vault-record-1"] + fields {
            bytes += Array("\(field.utf8.count):\(field)\n".utf8)
        }
        return bytes
    }

    /// What was written last; nil before the first login and in a keyring vault.
    var sealedState: SealedState? { sealedSha256.map { SealedState(generation: generation, sha256: $0) } }

    /// Whether both are opened by the same identity from the same place.
    func isOpened(like other: VaultRecord) -> Bool {
        recipient == other.recipient && identitySource == other.identitySource && keyFile == other.keyFile
    }

    /// Remembers what a write of the sealed file left behind.
    mutating func take(_ state: SealedState?, _ keys: VaultKeys) {
        if let state {
            generation = state.generation
            sealedSha256 = state.sha256
        }
        mac = keys.metadataMAC(self)
    }

    init(_ value: JSONValue) throws(MetadataReader.Problem) {
        var reader = try MetadataReader(value, "vault")
        id = try reader.text("id")
        backend = try reader.choice("backend", BackendKind.init)
        identitySource = try reader.choice("identitySource", IdentitySource.init)
        keyFile = try reader.optionalText("keyFile")
        recipient = try reader.text("recipient")
        generation = try reader.count("generation")
        sealedSha256 = try reader.optionalText("sealedSha256")
        mac = try reader.text("mac")
        unknown = reader.rest
    }

    var json: JSONValue {
        var object: JSONObject = [
            "id": .string(id), "backend": .string(backend.rawValue), "identitySource": .string(identitySource.rawValue),
            "keyFile": .optional(keyFile), "recipient": .string(recipient), "generation": .number(JSONNumber(generation)),
            "sealedSha256": .optional(sealedSha256), "mac": .string(mac),
        ]
        for member in unknown.members { object[member.name] = member.value }
        return .object(object)
    }
}
