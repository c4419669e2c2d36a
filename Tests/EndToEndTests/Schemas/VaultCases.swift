import Platform
import TestSupport

extension SchemaCase {
    /// The vault in a file, and its accounts on their way to another one.
    static let vault: [SchemaCase] =
        [
            .command("vault-status", "vault status", "without a vault", start: .empty),
            .command("vault-status", "vault status"),
            .command("vault-status", "vault status", "with a finding") { scene in try scene.home.delete(scene.home.sealedFile) },
            .command("vault-status", "vault init --backend file --identity key-file", start: .empty),
            .command("vault-status", "vault status", "with a passphrase", start: .empty, after: passphraseVault),
            .command("vault-unlock", "vault unlock", "without a vault", start: .empty),
            .command("vault-unlock", "vault unlock", "without a keyring"),
            .command("vault-lock", "vault lock", "without a vault", start: .empty),
            .command("vault-lock", "vault lock"),
            .command("vault-migrate", "vault migrate --to file"),
            .command("vault-rekey", "vault rekey"),
            SchemaCase("vault-rekey", "vault rekey, to another key file") { scene in
                try output(try await scene.run("vault", "rekey", "--key-file", scene.home.path + "/config/new.txt", "--json"))
            },
            SchemaCase("vault-rekey", "vault rekey, with a passphrase", start: .empty) { scene in
                try await passphraseVault(scene)
                return try output(
                    try await scene.run("vault", "rekey", "--passphrase-fd", "3", "--json", descriptors: [3: passphrase]))
            },
            SchemaCase("vault-migrate", "vault migrate, from the passphrase to a key file", start: .empty) { scene in
                try await passphraseVault(scene)
                return try output(
                    try await scene.run(
                        "vault", "migrate", "--to", "file", "--identity", "key-file", "--passphrase-fd", "3", "--json",
                        descriptors: [3: passphrase]))
            },
            SchemaCase("vault-change-passphrase", "vault change-passphrase", start: .empty) { scene in
                try await passphraseVault(scene)
                return try output(
                    try await scene.run(
                        "vault", "change-passphrase", "--passphrase-fd", "3", "--new-passphrase-fd", "4", "--json",
                        descriptors: [3: passphrase, 4: Array("another passphrase".utf8)]))
            },
            SchemaCase("error", "wrong_passphrase of vault rekey", start: .empty) { scene in
                try await passphraseVault(scene)
                return try output(
                    try await scene.run(
                        "vault", "rekey", "--passphrase-fd", "3", "--json", descriptors: [3: Array("not the passphrase".utf8)]), 4)
            },
            SchemaCase("vault-export", "vault export, to a recipient") { scene in try output(try await export(scene)) },
            SchemaCase("vault-export", "vault export, under a passphrase") { scene in
                try output(
                    try await scene.run(
                        "vault", "export", "--export-passphrase-fd", "3", "--output", exported(scene), "--json",
                        descriptors: [3: passphrase]
                    ))
            },
            SchemaCase("error", "storage of vault export onto a file that is there") { scene in
                _ = try await export(scene)
                return try output(try await export(scene), 1)
            },
            SchemaCase("vault-import", "vault import, nothing new") { scene in
                _ = try await export(scene)
                return try output(try await scene.run("vault", "import", exported(scene), "--json"))
            },
            SchemaCase("vault-import", "vault import, after a logout") { scene in
                _ = try await export(scene)
                try await scene.require("auth", "logout", "codex")
                return try output(try await scene.run("vault", "import", exported(scene), "--json"))
            },
            SchemaCase("vault-import", "vault import, beside a login of its own") { scene in
                _ = try await export(scene)
                try await scene.require("auth", "logout", "codex")
                try await scene.login()
                return try output(try await scene.run("vault", "import", exported(scene), "--json"))
            },
            .command("vault-adopt", "vault adopt"),
        ] + (Program.find("age") == nil ? [] : elsewhere)

    /// An export whose machine is not this one.
    private static let elsewhere: [SchemaCase] = [
        SchemaCase("vault-import", "vault import, from another machine") { scene in try output(try await importFromElsewhere(scene)) },
        .command("auth-list", "auth list", "an account from another machine") { scene in _ = try await importFromElsewhere(scene) },
        .failure("auth refresh codex", "cloned_vault", 65) { scene in _ = try await importFromElsewhere(scene) },
    ]

    /// In a desktop keyring; each needs a scene with a session.
    static let keyring: [SchemaCase] = [
        .command("vault-status", "vault status", "keyring", after: { _ in }),
        .command("vault-unlock", "vault unlock", "keyring"),
        .command("vault-rekey", "vault rekey", "keyring"),
        .command("vault-migrate", "vault migrate --to file --identity key-file", "from the keyring"),
        .command("vault-migrate", "vault migrate --to keyring --identity key-file", "within the keyring"),
        SchemaCase("auth-store", "auth.json of a keyring vault", open: ["/", "/accounts/*", "/vault"]) { scene in
            try scene.home.read(scene.home.metadataFile)
        },
    ]

    private static let passphrase = Array("correct horse battery".utf8)

    private static func passphraseVault(_ scene: Scene) async throws {
        let made = try await scene.run(
            "vault", "init", "--backend", "file", "--identity", "passphrase", "--passphrase-fd", "3", descriptors: [3: passphrase])
        guard made.status == 0 else { throw Schema.Failure(description: "\(made)") }
    }

    private static func exported(_ scene: Scene) -> String { scene.home.path + "/accounts.age" }

    /// To the vault's own key, which opens it again.
    private static func export(_ scene: Scene) async throws -> Outcome {
        try await scene.run("vault", "export", "--recipient", try recipient(scene), "--output", exported(scene), "--json")
    }

    private static func recipient(_ scene: Scene) throws -> String {
        let file = try scene.home.read(scene.home.metadataFile)
        let metadata = try JSONValue(parsing: file.span)
        return metadata["vault"]["recipient"].string ?? ""
    }

    /// Opens the export with age, gives it another machine's mark, and takes it in again after a logout.
    private static func importFromElsewhere(_ scene: Scene) async throws -> Outcome {
        func age(_ arguments: [String], _ input: [UInt8]) async throws -> Outcome {
            try await Child(Program.find("age") ?? "", arguments, environment: scene.home.environment, input: .bytes(input)).finish()
        }
        _ = try await export(scene)
        let opened = try await age(["-d", "-i", scene.home.keyFile], try scene.home.read(exported(scene)))
        guard var text = opened.json.object, let salt = text["machineSalt"]?.string else {
            throw Schema.Failure(description: "no export: \(opened)")
        }
        text["machineSalt"] = .string(String(salt.reversed()) + "0")
        let sealed = try await age(["-r", try recipient(scene)], Array(JSONValue.object(text).compact.utf8))
        let path = scene.home.path + "/elsewhere.age"
        try scene.home.write(sealed.output, to: path)
        try await scene.require("auth", "logout", "codex")
        return try await scene.run("vault", "import", path, "--json")
    }
}
