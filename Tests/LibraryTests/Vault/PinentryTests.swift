import Platform
import TestSupport
import Testing

@testable import Vault

@Suite("A passphrase through pinentry")
struct PinentryTests {
    private func reader(_ answer: ScriptedPinentry.Answer, _ folder: TemporaryFolder, mode: Int = 0o755) async throws -> (
        PassphraseReader, ScriptedPinentry
    ) {
        let pinentry = try await ScriptedPinentry(answer, at: folder.file("pinentry"), mode: mode)
        let environment = ["PATH": "/usr/bin:/bin", "GPG_TTY": "/dev/pts/7", "TERM": "xterm"]
        return (PassphraseReader(source: .pinentry(pinentry.path), environment: environment), pinentry)
    }

    @Test(
        "is decoded from the protocol's encoding, byte for byte",
        arguments: [
            ("correct horse battery", "correct horse battery"), ("100%25 of %25 it", "100% of % it"), ("two%0Alines%0d", "two\nlines\r"),
            (" blanks around ", " blanks around "), ("pass%C3%A9 caf\u{e9}", "pass\u{e9} caf\u{e9}"), ("%2525", "%25"),
            ("50% off", "50% off"),
            ("%zz%", "%zz%"), ("OK ERR D", "OK ERR D"),
        ])
    func decoded(_ sent: String, _ expected: String) async throws {
        try await TemporaryFolder.with { folder in
            let (reader, pinentry) = try await reader(.passphrase(sent), folder)
            let given = text(try await reader.read("100% of\nwhat?"))
            #expect(given == expected)
            let log = pinentry.log
            #expect(log.contains("OPTION ttyname=/dev/pts/7") && log.contains("OPTION ttytype=xterm"))
            #expect(log.contains("SETDESC 100%25 of%0Awhat?"), "our own text is encoded, too: \(log)")
            #expect(log.last == "BYE" && !log.contains { $0.hasPrefix("SETREPEAT") })
        }
    }

    @Test("that is not given is a locked vault, a program that cannot be used an unavailable one")
    func refused() async throws {
        for (answer, code, word) in [
            (.cancel, .locked, "no passphrase was given"), (.hangUp, .locked, "no passphrase was given"),
            (.empty, .locked, "no passphrase was given"), (.mute, .unavailable, "no pinentry"), (.nonsense, .unavailable, "no pinentry"),
            (.failure, .unavailable, "Inappropriate ioctl"),
        ] as [(ScriptedPinentry.Answer, VaultError.Code, String)] {
            try await TemporaryFolder.with { folder in
                let (reader, _) = try await reader(answer, folder)
                let error = await vaultError { _ = try await reader.read() }
                #expect(error?.code == code && error?.message.contains(word) == true, "\(answer): \(String(describing: error))")
            }
        }
    }

    @Test("from a program that may not be started, or is not there, is none")
    func notExecutable() async throws {
        try await TemporaryFolder.with { folder in
            let (reader, pinentry) = try await reader(.passphrase("correct horse battery"), folder, mode: 0o644)
            #expect(await vaultError { _ = try await reader.read() }?.code == .unavailable)
            #expect(pinentry.log.isEmpty)
            let nowhere = PassphraseReader(source: .pinentry(folder.file("nowhere")), environment: [:])
            #expect(await vaultError { _ = try await nowhere.read() }?.code == .unavailable)
        }
    }

    @Test("that is new is typed twice: in one dialog that says so, else in two")
    func new() async throws {
        let passphrase = "correct horse battery"
        for (answer, questions, code) in [
            (.repeated(passphrase), 1, nil), (.passphrase(passphrase), 2, nil), (.sequence(passphrase, "correct horse batterz"), 2, .usage),
            (.repeated("short one"), 1, .usage), (.passphrase("short one"), 1, .usage),
        ] as [(ScriptedPinentry.Answer, Int, VaultError.Code?)] {
            try await TemporaryFolder.with { folder in
                let (reader, pinentry) = try await reader(answer, folder)
                let error = await vaultError {
                    let given = text(try await reader.readNew())
                    #expect(given == passphrase)
                }
                #expect(error?.code == code, "\(answer): \(String(describing: error))")
                #expect(pinentry.log.contains("SETREPEAT Repeat:"))
                #expect(pinentry.log.count { $0 == "GETPIN" } == questions, "\(answer): \(pinentry.log)")
            }
        }
    }
}
