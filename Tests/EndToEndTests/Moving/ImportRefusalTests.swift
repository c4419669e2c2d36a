import Platform
import TestSupport
import Testing

/// Something else than an export that this vault can take.
enum BadParcel: String, CaseIterable, CustomTestStringConvertible {
    case garbage, empty, cut, changed, stranger, wrongIdentityFile, plainVault, notJSON, otherFormat, newerVersion, sameIdTwice, noToken,
        noIdentifier, hugeGeneration
    case wrongPassphrase, missing, folder

    var testDescription: String { rawValue }

    var refusal: Refusal {
        switch self {
        case .garbage, .empty: Refusal(65, "vault_foreign", "no age file")
        case .cut, .changed: Refusal(65, "vault_corrupt", "damaged", "another copy")
        case .stranger: Refusal(65, "vault_foreign", "another identity", "--identity-file")
        case .wrongIdentityFile: Refusal(65, "vault_foreign", "does not open the export")
        case .plainVault, .notJSON, .otherFormat: Refusal(65, "vault_foreign", "no export of ai-usage-agent", "vault export")
        case .newerVersion: Refusal(65, "vault_corrupt", "version 2", "newer ai-usage-agent")
        case .sameIdTwice: Refusal(65, "vault_corrupt", "twice")
        case .noToken: Refusal(65, "vault_corrupt", "access token")
        case .noIdentifier: Refusal(65, "vault_corrupt", "an id that is none")
        case .hugeGeneration: Refusal(65, "vault_corrupt", "a generation that no vault reaches")
        case .wrongPassphrase: Refusal(4, "wrong_passphrase", "the export")
        case .missing, .folder: Refusal(64, "usage_error")
        }
    }

    /// Makes the file; what `vault import` gets.
    func line(_ scene: Scene, _ key: AgeKey) async throws -> [String] {
        let own = try await AgeKey(of: scene.home.keyFile)
        let path = scene.home.path + "/parcel.age"
        var export = SyntheticExport(["eve", "fay"])
        func seal(_ text: String, to recipient: AgeKey? = nil) async throws -> [String] {
            try await (recipient ?? own).seal(text, to: path)
            return [path]
        }
        switch self {
        case .garbage: try scene.home.write(Array("not an age file at all".utf8), to: path)
        case .empty: try scene.home.write([], to: path)
        case .cut, .changed:
            _ = try await seal(export.text)
            var bytes = try scene.home.read(path)
            if self == .cut { bytes.removeLast(10) } else { bytes[bytes.count - 20] ^= 1 }
            try scene.home.write(bytes, to: path)
        case .stranger: return try await seal(export.text, to: key)
        case .wrongIdentityFile:
            let third = try await AgeKey(at: scene.home.path + "/third.txt")
            return try await seal(export.text, to: key) + ["--identity-file", third.path]
        case .plainVault: return [scene.home.sealedFile]
        case .notJSON: return try await seal("just a text")
        case .otherFormat:
            export.document["format"] = "something/else"
            return try await seal(export.text)
        case .newerVersion:
            export.document["version"] = 2
            return try await seal(export.text)
        case .sameIdTwice:
            export.document["bundles"] = .array(SyntheticExport(["eve", "eve"]).document["bundles"]?.array ?? [])
            return try await seal(export.text)
        case .hugeGeneration: return try await seal(SyntheticExport(["eve"], generation: (1 << 53) - 1).text)
        case .noToken, .noIdentifier:
            var bundles = export.document["bundles"]?.array ?? []
            var last = bundles.removeLast().object ?? [:]
            if self == .noToken { last["accessToken"] = nil } else { last["accountId"] = "../../etc/passwd" }
            export.document["bundles"] = .array(bundles + [.object(last)])
            return try await seal(export.text)
        case .wrongPassphrase:
            try await scene.require("vault", "export", "--recipient", key.recipient, "--output", scene.home.path + "/unused.age")
            let made = await scene.finish(
                try scene.start(
                    ["vault", "export", "--export-passphrase-fd", "3", "--output", path],
                    descriptors: [3: Array("the right passphrase".utf8)]))
            try #require(made.status == 0, "\(made)")
            return [path, "--export-passphrase-fd", "3"]
        case .missing: return [scene.home.path + "/nowhere.age"]
        case .folder: return [scene.home.path]
        }
        return [path]
    }
}

@Suite("vault import of something else", .enabled(if: AgeKey.isPossible, "age is missing: apt-get install age"))
struct ImportRefusalTests {
    @Test("is refused with a reason, and changes nothing", arguments: BadParcel.allCases)
    func refused(_ bad: BadParcel) async throws {
        try await Scene.with { scene in
            let key = try await AgeKey(at: scene.home.path + "/key.txt")
            let line = try await bad.line(scene, key)
            let stores = scene.home.stores()
            let outcome = await scene.finish(
                try scene.start(["vault", "import"] + line + ["--json"], descriptors: [3: Array("the wrong passphrase".utf8)]))
            bad.refusal.check(outcome)
            #expect(scene.home.stores() == stores)
            try await scene.require("auth", "refresh", "codex")
        }
    }
}
