import Foundation
import Glibc
import Platform
import TestSupport
import Testing

@Suite("A disk that is really full", .enabled(if: SmallDisk.isPossible && Scene.canStrike, "needs root that may mount a tmpfs"))
struct FullDiskTests {
    /// A login whose stores lie on a small disk.
    private func onSmallDisk(refreshed: Bool = true, _ body: (Scene, SmallDisk) async throws -> Void) async throws {
        try await Scene.with(start: .empty) { scene in
            try await SmallDisk.with(over: scene.home.path + "/data") { disk in
                try await scene.require("vault", "init", "--backend", "file", "--identity", "key-file")
                try await scene.login()
                if refreshed { try await scene.require("auth", "refresh", "codex") }
                try await body(scene, disk)
            }
        }
    }

    private func journal(_ scene: Scene) throws -> String {
        // An enumeration of the home stops where another file system begins.
        let folder = scene.home.data + "/journal"
        return folder + "/" + (try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first))
    }

    @Test(
        "The new token survives a disk that is full before the refresh, or fills up during it: served from the journal, committed later",
        arguments: ["before", "during"])
    func survives(_ moment: String) async throws {
        try await onSmallDisk { scene, disk in
            let old = try await scene.require("token", "codex").text
            let before = try await scene.provider.statistics()["refreshRequests"] ?? -1
            let outcome: Outcome
            if moment == "before" {
                try disk.fill()
                outcome = try await scene.run("auth", "refresh", "codex", "--json")
            } else {
                let child = try await scene.whileProviderWaits(["auth", "refresh", "codex", "--json"]) { child in
                    try disk.fill()
                    return child
                }
                outcome = await scene.finish(child)
            }
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.json["results"].array?.first?["warning"].string?.contains("safe in the journal") == true, "\(outcome)")
            for _ in 0..<2 {
                let token = try await scene.run("token", "codex")
                #expect(token.status == 0 && token.text != old, "\(token)")
                #expect(try await scene.provider.tokens().contains(token.text))
                #expect(token.errorText.contains("journal"), "\(token)")
            }
            #expect(try await scene.require("vault", "status", "--json").json["pending"] == 1)
            #expect(try await scene.provider.statistics()["refreshRequests"] == before + 1)

            disk.makeRoom()
            let token = try await scene.run("token", "codex")
            #expect(token.status == 0 && token.text != old && !token.errorText.contains("journal"), "\(token)")
            #expect(try await scene.require("vault", "status", "--json").json["pending"] == 0)
            #expect(try await scene.provider.statistics()["refreshRequests"] == before + 1, "committed without a request")
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.provider.statistics()["bodiesSeenTwice"] == 0)
        }
    }

    @Test("Where the journal finds no room, nothing is sent and nothing is changed")
    func noPreallocation() async throws {
        try await onSmallDisk(refreshed: false) { scene, disk in
            try disk.fill()
            let stores = scene.home.stores()
            let outcome = try await scene.run("auth", "refresh", "codex", "--json")
            #expect(outcome.status == 1 && outcome.errorCode == "storage", "\(outcome)")
            #expect(try await scene.provider.statistics()["refreshRequests"] == 0)
            #expect(scene.home.stores() == stores)
            #expect(try FileManager.default.contentsOfDirectory(atPath: scene.home.data + "/journal") == [], "no half-made record is left")
            #expect(try await scene.run("token", "codex").status == 0, "the old one still lives")
            disk.makeRoom()
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.provider.statistics()["refreshRequests"] == 1)
        }
    }

    @Test("A login that could not be stored is refused before anybody does their part: a full disk, and one that is read-only")
    func login() async throws {
        try await onSmallDisk { scene, disk in
            func refused(_ reason: String) async throws {
                let before = try await scene.provider.statistics()["tokenRequests"]
                let outcome = try await scene.run("auth", "login", "codex", "--no-open")
                #expect(outcome.status == 1 && outcome.errorText.contains(reason), "\(outcome)")
                #expect(!outcome.errorText.contains("/oauth/authorize"), "no address is shown: \(outcome)")
                #expect(try await scene.provider.statistics()["tokenRequests"] == before)
            }
            try disk.fill()
            try await refused("No space left")
            disk.makeRoom()
            try #require(mount("tmpfs", disk.path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
            try await refused("Read-only")
            try #require(mount("tmpfs", disk.path, "tmpfs", UInt(MS_REMOUNT), nil) == 0)
            try await scene.login()
        }
    }

    @Test("A rotated token that finds room nowhere is kept in memory, said loudly, and stored as soon as there is room")
    func held() async throws {
        try await onSmallDisk { scene, disk in
            let old = try await scene.require("token", "codex").text
            let child = try await scene.whileProviderWaits(["auth", "refresh", "codex", "--json"]) { child in
                // Somebody makes holes into the space that was taken, and fills the disk.
                #expect(truncate(try journal(scene), 4096) == 0)
                try disk.fill()
                return child
            }
            try await until("it says so") { child.hasEnded || child.errorSoFar.contains("make room on the disk") }
            #expect(!child.hasEnded)
            disk.makeRoom()
            let outcome = await scene.finish(child)
            #expect(outcome.status == 0, "\(outcome)")
            #expect(try await scene.require("token", "codex").text != old)
            try await scene.require("auth", "refresh", "codex")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["bodiesSeenTwice"] == 0 && statistics["reused"] == 0, "\(statistics)")
        }
    }
}
