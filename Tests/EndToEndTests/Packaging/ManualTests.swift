import Platform
import TestSupport
import Testing

@Suite("The man pages")
struct ManualTests {
    /// What `--help` says of one command, read as a person reads it.
    private struct Help {
        var commands: [String] = []
        var options: [String] = []

        init(_ text: String) {
            var section = ""
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                if line.hasSuffix(":"), !line.hasPrefix(" ") { section = String(line) }
                guard line.hasPrefix("  "), !line.hasPrefix("   "), !line.hasPrefix("  See ") else { continue }
                let words = line.split(separator: " ")
                if section == "SUBCOMMANDS:" { commands += words.prefix(1).map(String.init) }
                if section == "OPTIONS:" {
                    options += words.prefix { $0.hasPrefix("-") }.map { String($0.prefix { $0 != "," && $0 != "/" }) }
                }
            }
        }
    }

    private static func generate(_ scene: Scene, _ folder: String) async throws -> Outcome {
        try await Child(
            Program.repository + "/scripts/generate-manual", [Program.path, folder],
            environment: scene.home.environment.merging(["SOURCE_DATE_EPOCH": "1795302723"]) { $1 }
        ).finish()
    }

    @Test("Every command that the help names has a page with all its options, and every page is a command's")
    func complete() async throws {
        try await Scene.with(start: .empty) { scene in
            let folder = scene.home.path + "/man"
            let made = try await ManualTests.generate(scene, folder)
            try #require(made.status == 0, "\(made)")
            var expected: Set<String> = ["ai-usage-agent-config.json.5"]
            var waiting: [[String]] = [[]]
            while let words = waiting.popLast() {
                let shown = try await scene.run(words + ["--help"])
                try #require(shown.status == 0, "\(shown)")
                let help = Help(shown.text)
                let page = (["ai-usage-agent"] + words).joined(separator: "-") + ".1"
                expected.insert(page)
                waiting += help.commands.map { words + [$0] }
                #expect(help.options.contains("--help"), "\(words)")
                guard let text = try? scene.home.text(folder + "/" + page) else {
                    Issue.record("there is no page \(page)")
                    continue
                }
                for option in help.options {
                    #expect(text.contains(option.split(separator: "-").joined(separator: "\\-")), "\(page) has no \(option)")
                }
            }
            #expect(expected.count > 35)
            let pages = try scene.home.entries().map(\.path).filter { $0.contains("/man/") }.map {
                String($0.split(separator: "/").last ?? "")
            }
            #expect(Set(pages).symmetricDifference(expected) == [])
        }
    }

    @Test(
        "Their roff is without a fault",
        .enabled(if: Program.find("mandoc") != nil || Program.find("groff") != nil, "needs mandoc or groff"))
    func roff() async throws {
        try await Scene.with(start: .empty) { scene in
            let folder = scene.home.path + "/man"
            let made = try await ManualTests.generate(scene, folder)
            try #require(made.status == 0, "\(made)")
            let pages = try scene.home.entries().map(\.path).filter { $0.contains("/man/") }
            if let mandoc = Program.find("mandoc") {
                let judged = try await Child(mandoc, ["-Tlint", "-Wwarning"] + pages, environment: scene.home.environment).finish()
                #expect(judged.status == 0 && judged.text.isEmpty, "\(judged)")
            }
            if let groff = Program.find("groff") {
                for page in pages {
                    let judged = try await Child(
                        groff, ["-man", "-ww", "-z", "-Tutf8", "-K", "utf8", page], environment: scene.home.environment
                    ).finish()
                    #expect(judged.status == 0 && judged.errorText.isEmpty, "\(judged)")
                }
            }
        }
    }
}
