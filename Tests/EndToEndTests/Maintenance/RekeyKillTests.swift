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
                if outcome.ending == .signalled(SIGKILL), calls.cutCall()?.name == point.name { met += 1 }
                let place = "killed at \(point): \(calls.cutCall()?.text ?? "not at all")"
                // The commonest command first: it takes no lock of the vault, and must find its way through what is left.
                let served = try await scene.run("token", "codex")
                #expect(served.status == 0 && served.text == token, "\(place): \(served)")
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

    /// Each opening costs half a second of scrypt: where nothing was renamed since the place before, the outcome is the same.
    @Test("behind a passphrase, it opens with the old one or the new one, time after time", arguments: ["rekey", "change-passphrase"])
    func passphrase(_ command: String) async throws {
        try await VaultKind.passphrase.with(["ada"]) { scene, _ in
            let token = try await scene.require("token", "codex").text
            func line(to passphrase: String) -> ([String], [Int32: [UInt8]]) {
                (["vault", command, "--new-passphrase-fd", "3"], [3: Array(passphrase.utf8)])
            }
            let (first, again) = line(to: VaultKind.firstPassphrase)
            let all = try await points(scene, first, again)
            // The last three renames of a rekeying: auth.json, the store's name, the key's. Of a new passphrase: only the key's.
            let renames = all.filter { $0.name.hasPrefix("rename") }.suffix(command == "rekey" ? 3 : 1)
            let end = all.last { $0.name == "fsync" }
            let points = Soak.isOn ? all : Array(renames) + (command == "rekey" ? [] : [end].compactMap { $0 })
            var current = VaultKind.firstPassphrase
            var met = 0
            var changed = 0
            for (index, point) in points.enumerated() {
                let next = current == Self.second ? VaultKind.firstPassphrase : Self.second
                let calls = SystemCalls(scene.home, "kill-\(index)")
                let (arguments, descriptors) = line(to: next)
                let outcome = await scene.finish(
                    try scene.start(arguments, descriptors: descriptors, through: calls.killing(at: point)))
                if outcome.ending == .signalled(SIGKILL), calls.cutCall()?.name == point.name { met += 1 }
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
            #expect(changed > 0 && changed < points.count, "both sides of the change were met: \(changed)")
            let (arguments, descriptors) = line(to: current)
            let finished = await scene.finish(try scene.start(arguments, descriptors: descriptors))
            #expect(finished.status == 0, "\(finished)")
            #expect(try scene.leftovers() == [])
            try await scene.refreshAll(["ada"])
        }
    }
}
