import Foundation
import Platform

/// A secret that must be nowhere: as it is, and in Base64 at each of the three places where it can begin in a group.
package struct Needle: Sendable, CustomStringConvertible {
    private let text: String
    private let forms: [Data]

    package init(_ text: String) {
        self.text = text
        var forms = [Data(text.utf8)]
        for alphabet in [Base64.Alphabet.standard, .urlSafe] {
            for offset in 0..<3 {
                let bytes = [UInt8](repeating: 0, count: offset) + Array(text.utf8)
                // The first and last group also depend on what stands beside the secret.
                let encoded = Base64.encode(bytes.span, alphabet)
                forms.append(Data(encoded.utf8.dropFirst(offset == 0 ? 0 : 4).dropLast(4)))
            }
        }
        self.forms = forms
    }

    package func isFound(in bytes: [UInt8]) -> Bool {
        let data = Data(bytes)
        return forms.contains { data.range(of: $0) != nil }
    }

    package var description: String { "\(text.prefix(12))… (\(text.utf8.count) bytes)" }
}
