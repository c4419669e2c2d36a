import Platform
import Testing

@testable import Age
@testable import Vault

/// The long sweeps over damaged files, for processes of their own (`OwnProcess`).
enum SealedSweep {
    /// Chosen anew at each run and printed; `AUA_SEED` repeats one.
    private static let seed = ProcessEnvironment.current()["AUA_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64(UInt32.max))

    private static func flipped(_ file: [UInt8], _ bit: Int) -> [UInt8] {
        var changed = file
        changed[bit / 8] ^= 1 << UInt8(bit % 8)
        return changed
    }

    /// One attempt to write in each round of a sweep, of one kind and then of the other.
    private static func alternating(_ round: Int) -> [DamagedVault.Write] { [round % 2 == 0 ? .put : .delete] }

    static func headerBits() async throws {
        try await DamagedVault.with { damaged in
            let header = try AgeHeader(parsing: damaged.whole.span)
            let lines = damaged.whole.prefix(header.count).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            #expect(lines.count == 5 && header.stanzas.map(\.type) == ["X25519"], "version, stanza, its body, seal, nothing")
            let stanzaStart = lines[1].startIndex
            let sealStart = lines[3].startIndex
            var counts: [VaultError.Code: Int] = [:]
            for bit in 0..<header.count * 8 {
                let code = try await damaged.refusal(flipped(damaged.whole, bit), alternating(bit), "bit \(bit)")
                // Another share or another wrapped key is what a file for somebody else has; the rest can only be damage.
                let mayBeForeign = (stanzaStart..<sealStart).contains(bit / 8)
                try #require(code == .corrupt || mayBeForeign && code == .foreign, "bit \(bit): \(String(describing: code))")
                if let code { counts[code, default: 0] += 1 }
            }
            damaged.expectOthersUnchanged("header")
            #expect((counts[.foreign] ?? 0) > 0 && (counts[.corrupt] ?? 0) > 0)
            print(
                "sweep: header bits flipped: \(header.count * 8), all refused (\(counts[.corrupt] ?? 0) corrupt, \(counts[.foreign] ?? 0) foreign)"
            )
        }
    }

    static func bodyBits() async throws {
        try await DamagedVault.with { damaged in
            let start = try AgeHeader(parsing: damaged.whole.span).count * 8
            var generator = SplitMix(seed: seed)
            var bits: Set<Int> = []
            while bits.count < 1000 { bits.insert(Int.random(in: start..<damaged.whole.count * 8, using: &generator)) }
            for bit in bits {
                let code = try await damaged.refusal(
                    flipped(damaged.whole, bit), alternating(bit), "bit \(bit), AUA_SEED=\(seed)")
                try #require(code == .corrupt, "bit \(bit), AUA_SEED=\(seed)")
            }
            damaged.expectOthersUnchanged("body")
            print("sweep: body bits flipped: \(bits.count), all refused (AUA_SEED=\(seed))")
        }
    }

    static func truncations() async throws {
        try await DamagedVault.with { damaged in
            let count = damaged.whole.count
            try #require(count > 4096)
            let lengths = Array(0...4096) + Array(stride(from: 4097, to: count - 17, by: 16)) + Array(count - 17..<count)
            for length in lengths {
                let code = try await damaged.refusal(
                    Array(damaged.whole.prefix(length)), alternating(length), "\(length) of \(count) bytes")
                try #require(code == .corrupt, "\(length) of \(count) bytes")
            }
            damaged.expectOthersUnchanged("truncation")
            print("sweep: truncations: 4097 (lengths 0 to 4096) and \(lengths.count - 4097) behind them, all refused")
        }
    }
}
