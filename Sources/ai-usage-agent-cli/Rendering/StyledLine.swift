import Platform

/// A line that knows how wide it is although colours are in it.
struct StyledLine {
    private(set) var text = ""
    private(set) var width = 0

    init(_ plain: String = "") { add(plain) }

    mutating func add(_ plain: String, _ paint: (String) -> String = { $0 }) {
        text += paint(plain)
        width += StyledLine.columns(of: plain)
    }

    /// The line filled with blanks to a width.
    func padded(to columns: Int) -> String { text + String(repeating: " ", count: max(0, columns - width)) }

    /// The columns that a terminal gives the text: two for what East Asian scripts and most pictures take.
    static func columns(of text: String) -> Int {
        text.reduce(0) { sum, character in
            guard let first = character.unicodeScalars.first else { return sum }
            switch first.value {
            case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE4F, 0xFF00...0xFF60,
                0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
                return sum + 2
            default: return sum + (first.properties.generalCategory == .nonspacingMark ? 0 : 1)
            }
        }
    }

    /// The beginning of a text that fits, with "…" where something is left out.
    static func fit(_ text: String, _ columns: Int, ellipsis: String = "…") -> String {
        guard columns > 0 else { return "" }
        guard self.columns(of: text) > columns else { return text }
        var kept = ""
        for character in text {
            guard self.columns(of: kept + String(character)) <= columns - 1 else { break }
            kept.append(character)
        }
        return kept + ellipsis
    }

    /// The text in lines of that width, broken between words where it can be.
    static func wrap(_ text: String, _ columns: Int) -> [String] {
        let columns = max(columns, 10)
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            var word = String(word)
            if !line.isEmpty, self.columns(of: line) + 1 + self.columns(of: word) <= columns {
                line += " " + word
                continue
            }
            if !line.isEmpty { lines.append(line) }
            while self.columns(of: word) > columns {
                lines.append(String(word.prefix(columns)))
                word = String(word.dropFirst(columns))
            }
            line = word
        }
        return line.isEmpty ? lines : lines + [line]
    }
}
