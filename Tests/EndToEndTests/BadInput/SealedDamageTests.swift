import Platform
import TestSupport
import Testing

/// Something that happened to `secrets.age`; a sample of what LibraryTests sweep bit by bit.
private struct SealedDamage: Sendable {
    let name: String
    let refusal: Refusal
    let happen: @Sendable ([UInt8]) -> [UInt8]

    private static func corrupt(_ name: String, _ happen: @escaping @Sendable ([UInt8]) -> [UInt8]) -> SealedDamage {
        SealedDamage(name: name, refusal: Refusal(65, "vault_corrupt", "secrets.age", "not changed"), happen: happen)
    }

    private static func foreign(_ name: String, _ happen: @escaping @Sendable ([UInt8]) -> [UInt8]) -> SealedDamage {
        SealedDamage(
            name: name, refusal: Refusal(65, "vault_foreign", "secrets.age", "put this vault's own file back", "not changed"),
            happen: happen)
    }

    /// Where the lines of the header begin: version, stanza, its body, seal; last, where the payload begins.
    static func lines(_ file: [UInt8]) -> [Int] {
        let ends = file.indices.filter { file[$0] == UInt8(ascii: "\n") }.prefix(4)
        return [0] + ends.map { $0 + 1 }
    }

    private static func changed(_ file: [UInt8], at place: Int, _ bit: UInt8 = 1) -> [UInt8] {
        var file = file
        file[place] ^= bit
        return file
    }

    static let all = [
        corrupt("emptied") { _ in [] },
        corrupt("overwritten with text") { _ in Array("hello\n".utf8) },
        corrupt("overwritten with zeros") { [UInt8](repeating: 0, count: $0.count) },
        corrupt("cut in the header") { Array($0.prefix(60)) },
        corrupt("cut behind the header") { Array($0.prefix(lines($0)[4])) },
        corrupt("cut in the body") { Array($0.dropLast(40)) },
        corrupt("one byte longer") { $0 + [0] },
        corrupt("a bit of the version") { changed($0, at: 20) },
        corrupt("a bit of the header's seal") { changed($0, at: lines($0)[3] + 20) },
        corrupt("a bit of the nonce") { changed($0, at: lines($0)[4] + 3) },
        corrupt("a bit of the body") { changed($0, at: $0.count - 100) },
        corrupt("the last bit") { changed($0, at: $0.count - 1, 0x80) },
        // The last character of an X25519 share has four bits that mean something and two that must be zero.
        corrupt("the share written in another way") { file in
            let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
            var file = file
            let last = lines(file)[2] - 2
            if let value = alphabet.firstIndex(of: file[last]) { file[last] = alphabet[value | 1] }
            return file
        },
        foreign("a bit of the stanza's type") { changed($0, at: lines($0)[1] + 3) },
    ]
}

@Suite("A damaged or foreign secrets.age")
struct SealedDamageTests {
    /// Every command that needs the file ends so, before a browser is asked for and before anything is sent.
    private func expectRefusal(_ scene: Scene, _ refusal: Refusal, _ name: String, _ bytes: [UInt8]) async throws {
        try scene.home.write(bytes, to: scene.home.sealedFile)
        let before = scene.home.stores()
        for command in [
            ["token", "codex"], ["auth", "refresh", "codex"], ["auth", "logout", "codex"],
            ["auth", "login", "codex", "--no-open", "--timeout", "5"],
        ] {
            let outcome = try await scene.run(command + ["--json"])
            #expect(outcome.json["error"]["remedy"].string?.isEmpty == false, "\(name): \(outcome)")
            #expect(!outcome.errorText.contains("http"), "\(name): refused before there is an address to go to: \(outcome)")
            refusal.check(outcome)
            let isUntouched = scene.home.stores() == before
            #expect(isUntouched, "\(name): \(command) changed something")
        }
        refusal.checkText(try await scene.run("token", "codex"))
    }

    private func expectNothingSent(_ scene: Scene) async throws {
        let statistics = try await scene.provider.statistics()
        #expect(statistics["refreshRequests"] == 0 && statistics["tokenRequests"] == 1, "one login and nothing more: \(statistics)")
    }

    @Test("ends token, refresh, login and logout with its name and the remedy, is not touched, and works again once it is put back")
    func samples() async throws {
        try await Scene.with { scene in
            let token = try await scene.require("token", "codex").text
            let whole = try scene.home.read(scene.home.sealedFile)
            #expect(SealedDamage.lines(whole).count == 5)
            for damage in SealedDamage.all {
                let bytes = damage.happen(whole)
                #expect(bytes != whole, "\(damage.name)")
                try await expectRefusal(scene, damage.refusal, damage.name, bytes)
            }
            try await expectNothingSent(scene)
            try scene.home.write(whole, to: scene.home.sealedFile)
            #expect(try await scene.require("token", "codex").text == token)
            try await scene.require("auth", "refresh", "codex")
            print("damages of secrets.age: \(SealedDamage.all.count), each refused by token, refresh, logout and login")
        }
    }

    @Test(
        "is foreign when a stranger sealed it to our public recipient with age, or when it is another vault's",
        .enabled(if: Program.find("age") != nil, "age is missing: apt-get install age"))
    func strangers() async throws {
        try await Scene.with { scene in
            let home = scene.home
            let age = try #require(Program.find("age"))
            let whole = try home.read(home.sealedFile)
            let recipient = try #require(try JSONValue(parsing: home.text(home.metadataFile))["vault"]["recipient"].string)
            func seal(_ plain: [UInt8]) async throws -> [UInt8] {
                let outcome = await (try Child(age, ["-r", recipient], environment: home.environment, input: .bytes(plain))).finish()
                #expect(outcome.status == 0, "\(outcome)")
                return outcome.output
            }
            // The person's own age opens it; what they seal again with a change in it is not the vault's.
            let opened = await (try Child(age, ["-d", "-i", home.keyFile, home.sealedFile], environment: home.environment)).finish()
            #expect(opened.status == 0 && opened.json["body"]["format"] == "ai-usage-agent/secrets", "\(opened)")
            let plain = opened.text
            let later = plain.replacing("\"generation\":1,\"machine\"", with: "\"generation\":9,\"machine\"")
            #expect(later != plain)

            let other = try Home()
            defer { other.remove() }
            try other.configure(try home.text(home.configurationFile))
            try other.write(try home.read(home.keyFile), to: other.keyFile)
            _ = try await scene.run("vault", "init", "--backend", "file", "--identity", "key-file", environment: other.environment)
            let login = try await HeadlessLogin(try scene.start(["auth", "login", "codex", "--no-open"], environment: other.environment))
            _ = try await login.complete("&demo_user=mallory")

            let files: [(String, [UInt8])] = [
                ("random bytes", try await seal(Random.bytes(5000))),
                ("a store without a seal", try await seal(Array(#"{"body":{"format":"ai-usage-agent/secrets"}}"#.utf8))),
                ("our store, edited", try await seal(Array(later.utf8))),
                ("another vault's, with the same key", try other.read(other.sealedFile)),
            ]
            let refusal = Refusal(65, "vault_foreign", "secrets.age", "put this vault's own file back")
            for (name, bytes) in files { try await expectRefusal(scene, refusal, name, bytes) }
            #expect(try await scene.provider.statistics()["refreshRequests"] == 0)
            try home.write(whole, to: home.sealedFile)
            try await scene.require("token", "codex")
        }
    }
}
