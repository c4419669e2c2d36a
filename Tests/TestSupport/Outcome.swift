package import Platform

/// What became of a process.
package struct Outcome: Sendable, CustomStringConvertible {
    package enum Ending: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)
        /// Killed by us at its deadline.
        case outOfTime
    }

    package let arguments: [String]
    package let output: [UInt8]
    package let error: [UInt8]
    package let ending: Ending
    /// The highest resident memory seen (VmHWM).
    package let peakKilobytes: Int

    /// The exit code; nil after a signal.
    package var status: Int32? { if case .exited(let code) = ending { code } else { nil } }

    /// Standard output without the last line end.
    package var text: String {
        let text = String(decoding: output, as: UTF8.self)
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    package var errorText: String { String(decoding: error, as: UTF8.self) }

    /// The one JSON document on standard output; null if it is none.
    package var json: JSONValue { (try? JSONValue(parsing: output.span)) ?? .null }

    /// `error.code` of a JSON document.
    package var errorCode: String? { json["error"]["code"].string }

    /// Message and remedy of a failure, however it was reported.
    package var complaint: String {
        let error = json["error"]
        return [error["message"].string, error["remedy"].string].compactMap { $0 }.joined(separator: "\n") + errorText
    }

    package var description: String {
        "\(arguments.joined(separator: " ")) -> \(ending)\nstderr: \(errorText)\nstdout: \(text)"
    }
}
