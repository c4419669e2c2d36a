import Platform

/// Columns aligned by their widest cell.
struct Table {
    private var rows: [[String]] = []
    private let header: [String]

    init(_ header: [String]) { self.header = header }

    /// Cells are text from anywhere; they are made safe here.
    mutating func add(_ cells: [String]) { rows.append(cells.map { TerminalText.escape($0, limit: 120) }) }

    func render(_ style: Style) -> String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.enumerated().map { index, row in
            let line = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }.joined(separator: "  ")
            return index == 0 ? style.dim(line) : line
        }.joined(separator: "\n")
    }
}
