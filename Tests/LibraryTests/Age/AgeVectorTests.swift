import Foundation
import Platform
import Testing

@testable import Age

@Suite(.enabled(if: AgeVector.isAvailable, "the public age vectors (../shared/vectors/age) are not here"))
struct AgeVectorTests {
    @Test("A public vector opens to its payload, or is refused for its reason", arguments: AgeVector.names)
    func vector(_ name: String) throws {
        let vector = try AgeVector(name)
        switch try vector.verdict() {
        case .passed: break
        case .unimplemented(let type):
            // No other vector may hide behind the missing feature.
            #expect(name.contains("hybrid") && type == AgeVector.hybrid)
            for identity in vector.identities { #expect(refusal(ofIdentity: identity) == .identity) }
        case .wrong(let reason): Issue.record("\(name): \(reason)")
        }
    }

    @Test("All 143 vectors are accounted for: passed, or unimplemented and known as such")
    func census() throws {
        let verdicts = try AgeVector.names.map { (name: $0, verdict: try AgeVector($0).verdict()) }
        let passed = verdicts.filter { $0.verdict == .passed }
        let unimplemented = verdicts.filter { $0.verdict == .unimplemented(AgeVector.hybrid) }.map(\.name)
        print(
            "age vectors: \(verdicts.count) seen, \(passed.count) passed, \(unimplemented.count) not implemented",
            "(\(AgeVector.hybrid): \(unimplemented.joined(separator: " ")))")
        #expect(verdicts.count == 143)
        #expect(passed.count + unimplemented.count == 143)
        #expect(passed.count >= 127, "what once passed must go on passing")
    }

    @Test("A header that is accepted is written back byte for byte", arguments: AgeVector.names)
    func roundTrip(_ name: String) throws {
        let vector = try AgeVector(name)
        let file = Armor.isPresent(in: vector.file.span) ? try? Armor.decode(vector.file.span) : vector.file
        guard let file, let header = try? AgeHeader(parsing: file.span) else {
            // Refused headers are the other test's; but no vector that opens may be among them.
            #expect(["header failure", "armor failure"].contains(vector.expectation))
            return
        }
        #expect(header.encoded() == Array(file[..<header.count]))
    }
}
