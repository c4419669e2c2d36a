import Glibc
import Platform

/// One kind of text that comes from outside, and what its readers are held to.
///
/// A target asserts more than that nothing crashes: what is read, written and read again is the same; what comes out is bounded
/// and cannot drive a terminal; what must never be accepted is not.
struct FuzzTarget: Sendable {
    let name: String
    /// Longer inputs cost time and find nothing that shorter ones do not.
    let longest: Int
    let run: @Sendable ([UInt8]) -> Void

    static let all: [FuzzTarget] = [
        .json, .ageFile, .ageKey, .authJSON, .configJSON, .journalRecord, .jwt, .callbackRequest, .tokenResponse, .usageResponse,
        .varlinkFrame, .importFile, .keyringLine, .plainText,
    ]

    static func say(_ text: String) { Terminal.write("fuzz: \(text)\n", to: .error) }
}

/// Ends the run with a finding, in words that stand above libFuzzer's stack.
func violated(_ property: String) -> Never {
    FuzzTarget.say("PROPERTY BROKEN: \(property)")
    abort()
}

func hold(_ condition: Bool, _ property: @autoclosure () -> String) {
    if !condition { violated(property()) }
}

/// Text that somebody is shown: nothing in it drives a terminal, and it has an end.
///
/// - Parameter limit: of scalars.
func holdShowable(_ text: String?, limit: Int, _ what: @autoclosure () -> String) {
    guard let text else { return }
    if let scalar = text.unicodeScalars.first(where: TerminalText.isHazardous) {
        violated("\(what()) holds U+\(String(scalar.value, radix: 16))")
    }
    hold(text.unicodeScalars.count <= limit, "\(what()) has \(text.unicodeScalars.count) characters, \(limit) are allowed")
}

extension SecretBytes {
    init(_ bytes: [UInt8]) { self.init(copying: bytes.span) }

    /// A copy outside of protected memory: what is fuzzed is no secret.
    borrowing func bytes() -> [UInt8] { withBytes { span in span.indices.map { span[$0] } } }
}

extension Span<UInt8> {
    var array: [UInt8] { indices.map { self[$0] } }
}

/// A key that is the same in every run, so that a finding can be replayed.
func fixedKey(_ count: Int, _ seed: UInt8) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) &+ seed } }
