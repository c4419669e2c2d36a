import Foundation
import Platform
import Providers
import TestSupport
import Testing

@testable import Agent
@testable import Vault

/// One answer of a usage endpoint and the snapshot that it becomes, in a file of Tests/LibraryTests/Providers/Golden.
struct GoldenAnswer: Sendable, CustomTestStringConvertible {
    static let folder = Program.repository + "/Tests/LibraryTests/Providers/Golden/"
    let name: String
    let json: JSONValue

    var testDescription: String { "\(name): \(json["about"].string ?? "")" }
    var provider: String { json["provider"].string ?? "" }
    var status: Int { json["status"].number?.integer ?? 0 }
    var text: String { json["text"].string ?? json["body"].compact }
    var headers: [String: String] {
        Dictionary(uniqueKeysWithValues: (json["headers"].object?.members ?? []).map { ($0.name, $0.value.string ?? "") })
    }

    static let all: [GoldenAnswer] = {
        let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".json") }.sorted()
        return files.compactMap { file in
            guard let data = try? Data(contentsOf: URL(fileURLWithPath: folder + file)),
                let json = try? JSONValue(parsing: String(decoding: data, as: UTF8.self))
            else { return nil }
            return GoldenAnswer(name: String(file.dropLast(5)), json: json)
        }
    }()
}

@Suite("Each answer of a usage endpoint becomes one snapshot")
struct GoldenUsageTests {
    @Test("At least forty answers stand in files, of all three kinds of provider")
    func count() {
        #expect(GoldenAnswer.all.count >= 60)
        for provider in ["codex", "claude", "acme"] { #expect(GoldenAnswer.all.contains { $0.provider == provider }) }
    }

    /// `AUA_WRITE_GOLDEN=1` writes what comes out, to be looked at before it is believed.
    @Test(
        "Every answer that was seen, and every one that may come, becomes the snapshot that stands beside it", arguments: GoldenAnswer.all)
    func golden(_ answer: GoldenAnswer) async throws {
        let house = try await PollHouse([answer.provider], .reply(answer.status, answer.text, headers: answer.headers))
        let snapshot = try await house.look(answer.provider).json
        // The account's own id is another one in each run.
        let id = try house.account(answer.provider).id
        let text = snapshot.compact.replacingOccurrences(of: id, with: "00000000-0000-4000-8000-000000000000")
        let found = try JSONValue(parsing: text)
        if ProcessEnvironment.current()["AUA_WRITE_GOLDEN"] != nil {
            guard var object = answer.json.object else { return }
            object["snapshot"] = found
            try Data((JSONValue.object(object).pretty + "\n").utf8).write(
                to: URL(fileURLWithPath: GoldenAnswer.folder + answer.name + ".json"))
            return
        }
        #expect(found == answer.json["snapshot"], "\(found.pretty)")
    }

    @Test("Whatever is changed in an answer, it is read without an end of the program, and what comes out can be shown", arguments: seeds)
    func mutations(_ seed: Int) throws {
        var numbers = SeededNumbers(UInt64(seed) * 7919 + 1)
        let catalog = ProviderCatalog(["acme": ProviderSettings()])
        let now = Timestamp(seconds: 1_790_000_000)
        var readings = 0
        for answer in GoldenAnswer.all {
            let provider = try catalog.provider(answer.provider)
            for _ in 0..<20 {
                let bytes = Self.mutated(Array(answer.text.utf8), &numbers)
                let status = [200, 200, 200, 401, 403, 429, 500, answer.status][numbers.next(below: 8)]
                let reading = provider.readUsage(
                    status: status, isHTML: numbers.next(below: 9) == 0, retryAfter: nil, body: SecretBytes(copying: bytes.span), now: now)
                guard case .reading(let content) = reading else { continue }
                readings += 1
                #expect(content.windows.count <= 64)
                #expect(Set(content.windows.map(\.id)).count == content.windows.count)
                let json = JSONValue.object(content.json)
                // What is written can be read again, and is the same then.
                let again = UsageReading.Content(try JSONValue(parsing: json.compact), now: now)
                #expect(again.windows == content.windows, "\(json.compact)")
                #expect(again.bucket == content.bucket && again.credits == content.credits, "\(json.compact)")
                for text in content.windows.flatMap({ [$0.id, $0.title] }) + [content.reason ?? "", content.message ?? ""] {
                    #expect(!text.unicodeScalars.contains(where: TerminalText.isHazardous))
                }
            }
        }
        #expect(readings > 50, "most mutations still are JSON")
    }

    /// Each changes every answer twenty times.
    static let seeds = 0..<(Soak.isOn ? 4000 : 40)

    private static let words = [
        "null", "0", "-1", "1e999", "-1e308", "9007199254740993", "\"\"", "\"NaN\"", "\"inf\"", "[]", "{}", "true", "\"\\u001b[2J\"",
        "99999999999999999999", "\"0x10\"", "1e-400", "[[[[]]]]", "{\"utilization\":1}", "\"2026-13-45T99:99:99Z\"",
    ]

    /// A value becomes another one, a stretch goes, comes twice or becomes noise.
    private static func mutated(_ original: [UInt8], _ numbers: inout SeededNumbers) -> [UInt8] {
        guard !original.isEmpty else { return original }
        var bytes = original
        for _ in 0...numbers.next(below: 3) {
            let start = numbers.next(below: bytes.count)
            switch numbers.next(below: 6) {
            case 0..<4:
                // Between a colon and the comma behind it.
                guard let colon = bytes[start...].firstIndex(of: UInt8(ascii: ":")) else { continue }
                var end = colon + 1
                while end < bytes.count, !",}]".utf8.contains(bytes[end]), !"{[".utf8.contains(bytes[end]) { end += 1 }
                bytes.replaceSubrange(colon + 1..<end, with: words[numbers.next(below: words.count)].utf8)
            case 4: bytes.removeSubrange(start..<min(bytes.count, start + 1 + numbers.next(below: 20)))
            default: bytes[start] = UInt8(numbers.next(below: 256))
            }
            if bytes.isEmpty { return original }
        }
        return bytes
    }
}
