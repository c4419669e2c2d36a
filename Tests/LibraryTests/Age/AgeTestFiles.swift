import Foundation
import Platform

@testable import Age

/// Where the tests of `Age` find what they read and run.
enum AgeTestFiles {
    private static let here = URL(filePath: #filePath).deletingLastPathComponent()
    /// The project's own files, made by the real age; see Files/README.md.
    static let folder = here.appending(path: "Files")
    /// The public conformance vectors: not part of the project, so they may be missing.
    static let vectors: URL = {
        if let path = ProcessInfo.processInfo.environment["AGE_VECTORS"] { return URL(filePath: path) }
        let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return root.deletingLastPathComponent().appending(path: "shared/vectors/age/testdata")
    }()

    static func bytes(_ name: String) throws -> [UInt8] { try bytes(folder.appending(path: name)) }

    static func bytes(_ file: URL) throws -> [UInt8] { [UInt8](try Data(contentsOf: file)) }

    static func identity(_ name: String = "identity.txt") throws -> AgeIdentity {
        let file = try bytes(name)
        return try AgeIdentity(identityFile: file.span)
    }

    static func passphrase() throws -> SecretBytes {
        SecretBytes(String(decoding: try bytes("passphrase.txt"), as: UTF8.self).trimmingCharacters(in: .newlines))
    }

    /// The same bytes every time, no two blocks alike.
    static func plaintext(_ count: Int) -> [UInt8] {
        var random = SplitMix(seed: 1)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
}

/// A command that the tests run, found on the search path.
enum Command {
    struct Failure: Error {
        let command: [String]
        let status: Int32
    }

    static func exists(_ name: String) -> Bool { path(name) != nil }

    static func path(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").map { "\($0)/\(name)" }.first(where: FileManager.default.isExecutableFile)
    }

    /// Runs the command without input and gives what it wrote to standard output.
    @discardableResult
    static func run(_ command: [String]) throws -> [UInt8] {
        guard let path = path(command[0]) else { throw Failure(command: command, status: 127) }
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: path)
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        try process.run()
        let bytes = [UInt8](try output.fileHandleForReading.readToEnd() ?? Data())
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(command: command, status: process.terminationStatus)
        }
        return bytes
    }

    /// Runs the command on a pseudo-terminal and types the passphrase of the test files whenever it asks for one.
    static func runTyping(_ command: [String]) throws {
        let script = "import sys; sys.path.insert(0, sys.argv[1]); import make; make.with_passphrase(sys.argv[2:])"
        try run(["python3", "-B", "-c", script, AgeTestFiles.folder.path] + command)
    }
}

/// A folder for one test, removed with the last reference to it.
final class ScratchFolder {
    private let url = FileManager.default.temporaryDirectory.appending(path: "age-tests-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appending(path: name).path }

    func write(_ bytes: [UInt8], _ name: String) throws -> String {
        try Data(bytes).write(to: url.appending(path: name))
        return path(name)
    }
}

/// SplitMix64: random enough for tests, and the same in every run.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

/// What opening a file came to, in a copyable form that `#expect` can show.
enum Opened: Equatable, CustomStringConvertible {
    case plaintext([UInt8])
    case failure(AgeError)

    init(_ file: [UInt8], _ identity: borrowing AgeIdentity) {
        do throws(AgeError) {
            let secret = try AgeFile.open(file.span, identity: identity)
            self = .plaintext(copy(secret))
        } catch {
            self = .failure(error)
        }
    }

    init(_ file: [UInt8], passphrase: borrowing SecretBytes, workFactors: ClosedRange<Int> = 1...22) {
        do throws(AgeError) {
            let secret = try AgeFile.open(file.span, passphrase: passphrase, workFactors: workFactors)
            self = .plaintext(copy(secret))
        } catch {
            self = .failure(error)
        }
    }

    var failure: AgeError? {
        if case .failure(let error) = self { return error }
        return nil
    }

    var failureClass: AgeError.Class? { failure?.failureClass }

    var description: String {
        switch self {
        case .plaintext(let bytes): "plaintext of \(bytes.count) bytes"
        case .failure(let error): "\(error)"
        }
    }
}

/// A test's secrets are no secrets.
func copy(_ secret: consuming SecretBytes) -> [UInt8] { secret.withBytes { $0.withUnsafeBytes { [UInt8]($0) } } }

func text(_ secret: consuming SecretBytes) -> String { String(decoding: copy(secret), as: UTF8.self) }

/// The class with which the text is refused as an identity; nil if it is one.
func refusal(ofIdentity text: String) -> AgeError.Class? {
    let line = Array(text.utf8)
    do throws(AgeError) {
        _ = try AgeIdentity(parsing: line.span)
        return nil
    } catch {
        return error.failureClass
    }
}
