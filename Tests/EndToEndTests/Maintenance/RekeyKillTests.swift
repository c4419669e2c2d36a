import Glibc
import Platform
import TestSupport
import Testing

@Suite(
    "vault rekey, killed",
    .enabled(if: SystemCalls.isPossible && AgeKey.isPossible, "strace or age is missing: apt-get install strace age"))
struct RekeyKillTests {
    /// The places at which the command can be met once it holds the vault's lock: every change of a file, every look at one.
    private func points(_ scene: Scene, _ command: [String], _ descriptors: [Int32: [UInt8]] = [:]) async throws -> [SystemCalls.Point] {
        var points: [SystemCalls.Point] = []
        for names in [SystemCalls.changes, SystemCalls.looks] {
            let calls = SystemCalls(scene.home, "plain")
            let outcome = await scene.finish(try scene.start(command, descriptors: descriptors, through: calls.watching(names)))
            try #require(outcome.status == 0, "\(outcome)")
            // What changes is changed under the lock only; the looks say where it was taken.
            points += calls.points(from: names == SystemCalls.looks ? "\"vault\"" : "(")
        }
        return points
    }

    @Test("at any call, it leaves a vault that opens with every token, and the next one finishes")
    func keyFile() async throws {
        try await VaultKind.keyFile.with(["ada", "bob"]) { scene, _ in
            let token = try await scene.require("token", "codex").text
            let before = try await scene.contents()
            let points = try await points(scene, ["vault", "rekey"])
            #expect(points.count > 40, "\(points)")
            var met = 0
            for (index, point) in points.enumerated() {
                let calls = SystemCalls(scene.home, "kill-\(index)")
                let outcome = try await scene.run("vault", "rekey", through: calls.killing(at: point))
                if outcome.ending == .signalled(SIGKILL), point.isMet(by: calls.cutCall()) { met += 1 }
                let place = "killed at \(point): \(calls.cutCall()?.text ?? "not at all")"
                // The commonest command first: it takes no lock of the vault, and must find its way through what is left.
                let served = try await scene.run("token", "codex")
                #expect(served.status == 0 && served.text == token, "\(place): \(served)")
                // A look changes nothing: what is there is what was there at the change before it.
                guard Soak.isOn || !point.isLook else { continue }
                #expect(try await scene.contents() == before, "\(place)")
                let again = try await scene.run("vault", "rekey")
                #expect(again.status == 0, "\(place): \(again)")
                #expect(try scene.leftovers() == [], "\(place)")
            }
            #expect(met * 10 >= points.count * 9, "\(met) of \(points.count) met a running rekey")
            Soak.report("kills in vault rekey (key file): \(met) of \(points.count) places")
            #expect(try await scene.contents() == before)
            try await scene.refreshAll(["ada", "bob"])
        }
    }

    private static let second = "another horse and battery"

    /// Each opening costs half a second of scrypt, so that only `make soak` has the time for every place.
    @Test("behind a passphrase, it opens with the old one or the new one, time after time", arguments: ["rekey", "change-passphrase"])
    func passphrase(_ command: String) async throws {
        try await VaultKind.passphrase.with(["ada"]) { scene, _ in
            let token = try #require(try await scene.provider.tokens().first)
            func line(to passphrase: String) -> ([String], [Int32: [UInt8]]) {
                (["vault", command, "--new-passphrase-fd", "3"], [3: Array(passphrase.utf8)])
            }
            // Of a rekeying: before auth.json, and between it and the names. Of a new passphrase: before the only name.
            var points: [SystemCalls.Point] =
                command == "rekey" ? [.rename(to: "auth.json"), .rename(to: "secrets.age")] : [.rename(to: "identity.age")]
            if Soak.isOn {
                let (arguments, descriptors) = line(to: VaultKind.firstPassphrase)
                points = try await self.points(scene, arguments, descriptors)
            }
            var current = VaultKind.firstPassphrase
            var met = 0
            var changed = 0
            for (index, point) in points.enumerated() {
                let next = current == Self.second ? VaultKind.firstPassphrase : Self.second
                let calls = SystemCalls(scene.home, "kill-\(index)")
                let (arguments, descriptors) = line(to: next)
                let outcome = await scene.finish(
                    try scene.start(arguments, descriptors: descriptors, through: calls.killing(at: point)))
                if outcome.ending == .signalled(SIGKILL), point.isMet(by: calls.cutCall()) { met += 1 }
                var opened: String?
                for passphrase in [next, current] where opened == nil {
                    try VaultKind.setPassphrase(passphrase, scene)
                    let served = try await scene.run("token", "codex", "--json")
                    if served.status == 0 {
                        #expect(served.json["accessToken"].string == token, "killed at \(point)")
                        opened = passphrase
                    } else {
                        #expect(served.errorCode == "wrong_passphrase", "killed at \(point): \(served)")
                    }
                }
                #expect(opened != nil, "neither opens it, killed at \(point)")
                if opened == next { changed += 1 }
                current = opened ?? current
            }
            #expect(met * 10 >= points.count * 9, "\(met) of \(points.count) met a running \(command)")
            Soak.report("kills in vault \(command) (passphrase): \(met) of \(points.count) places, \(changed) after the change")
            #expect(changed > 0 && (changed < points.count || command != "rekey"), "both sides of the change were met: \(changed)")
            guard Soak.isOn else { return }
            let (arguments, descriptors) = line(to: current)
            let finished = await scene.finish(try scene.start(arguments, descriptors: descriptors))
            #expect(finished.status == 0, "\(finished)")
            #expect(try scene.leftovers() == [])
            try await scene.refreshAll(["ada"])
        }
    }
}
