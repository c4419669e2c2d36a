import Glibc
import Platform
import TestSupport
import Testing

@Suite("auth doctor on a small disk", .enabled(if: SmallDisk.isPossible, "needs root that may mount a tmpfs"))
struct DiskDoctorTests {
    private func troubles(_ scene: Scene) async throws -> [JSONValue] {
        let outcome = try await scene.run("auth", "doctor", "--json")
        let findings = try #require(outcome.json["findings"].array, "\(outcome)")
        return findings.filter { $0["status"] == "warning" || $0["status"] == "error" }
    }

    @Test("A full disk and a read-only one are found before a refresh finds them")
    func unwritable() async throws {
        try await Scene.with(start: .empty) { scene in
            try await SmallDisk.with(over: scene.home.path + "/data") { disk in
                try await scene.require("vault", "init", "--backend", "file", "--identity", "key-file")
                try await scene.login()
                #expect(try await troubles(scene) == [])
                func expect(_ words: String) async throws {
                    let found = try await troubles(scene)
                    #expect(found.map { $0["id"].string } == ["vault.unwritable"], "\(found)")
                    #expect(found.first?["status"] == "error" && found.first?["evidence"].string?.contains(words) == true, "\(found)")
                }
                try disk.fill()
                try await expect("KiB are free")
                disk.makeRoom()
                #expect(try await troubles(scene) == [])
                try #require(mount("tmpfs", disk.path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
                try await expect("read-only")
            }
        }
    }
}
