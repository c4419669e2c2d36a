import Foundation
import Platform

@testable import Age

/// One public conformance vector: what is expected, the keys, and the file. Format: ../shared/vectors/age/README.md.
struct AgeVector {
    let name: String
    let expectation: String
    let payloadHash: String?
    let identities: [String]
    let passphrases: [String]
    let file: [UInt8]

    static let isAvailable = FileManager.default.fileExists(atPath: AgeTestFiles.vectors.path)
    static let names: [String] =
        ((try? FileManager.default.contentsOfDirectory(atPath: AgeTestFiles.vectors.path)) ?? [])
        .filter { !$0.hasPrefix(".") }.sorted()

    struct Malformed: Error {
        let name: String
        let line: String
    }

    init(_ name: String) throws {
        let url = AgeTestFiles.vectors.appending(path: name)
        let bytes = try AgeTestFiles.bytes(url)
        var values: [String: [String]] = [:]
        var lines = LineReader()
        while let range = lines.next(in: bytes.span), !range.isEmpty {
            let line = String(decoding: bytes[range], as: UTF8.self)
            guard let colon = line.firstRange(of: ": ") else { throw Malformed(name: name, line: line) }
            values[String(line[..<colon.lowerBound]), default: []].append(String(line[colon.upperBound...]))
        }
        self.name = name
        guard let expectation = values["expect"]?.first else { throw Malformed(name: name, line: "no expect") }
        self.expectation = expectation
        payloadHash = values["payload"]?.first
        identities = values["identity"] ?? []
        passphrases = values["passphrase"] ?? []
        switch values["compressed"]?.first {
        case nil: file = Array(bytes[lines.position...])
        case "zlib":
            let script = """
                import sys, zlib
                file = open(sys.argv[1], "rb").read()[int(sys.argv[2]):]
                sys.stdout.buffer.write(zlib.decompress(file))
                """
            file = try Command.run(["python3", "-c", script, url.path, String(lines.position)])
        case let other?: throw Malformed(name: name, line: "compressed: \(other)")
        }
    }

    enum Verdict: Equatable {
        case passed
        /// The file can be opened only through a stanza type that `Age` does not have, and it said which.
        case unimplemented(String)
        case wrong(String)
    }

    /// The post-quantum recipient type: the only feature of the vectors that is not implemented.
    static let hybrid = "mlkem768x25519"

    func verdict() throws -> Verdict {
        let opened = try open()
        // Told apart by what `open` reports, not by the vector's name: a hybrid vector that the parser refuses anyway,
        // or that asks for a type to be ignored, is checked like any other.
        if let error = opened.failure, error.failureClass == .noMatch, error.unsupportedStanzas.contains(Self.hybrid) {
            return .unimplemented(Self.hybrid)
        }
        switch opened {
        case .plaintext(let bytes):
            guard expectation == "success" else { return .wrong("opened, but expected: \(expectation)") }
            return Hex.encode(SHA256.hash(bytes.span).span) == payloadHash ? .passed : .wrong("another payload")
        case .failure(let error):
            // With a payload failure the vector's hash is that of the chunks a streaming reader may release before it
            // fails. Ours releases nothing of a file that fails, so there is nothing to compare but the class.
            return error.failureClass.rawValue == expectation
                ? .passed : .wrong("gave \(error), but expected: \(expectation)")
        }
    }

    /// Tries each key in turn, as age does: the first that is not "no match" decides.
    private func open() throws -> Opened {
        var last: Opened?
        for line in identities where !line.hasPrefix("AGE-SECRET-KEY-PQ-1") {
            let line = Array(line.utf8)
            last = Opened(file, try AgeIdentity(parsing: line.span))
            if last?.failureClass != .noMatch { break }
        }
        if let last, last.failureClass != .noMatch { return last }
        for passphrase in passphrases {
            last = Opened(file, passphrase: SecretBytes(passphrase))
            if last?.failureClass != .noMatch { break }
        }
        // Without a key that we can use: one that opens nothing still sees the header.
        return last ?? Opened(file, .generate())
    }
}
