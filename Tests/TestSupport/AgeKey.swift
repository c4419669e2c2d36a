import Platform

/// A key pair of the real age, made by age-keygen, and what age does with it.
package struct AgeKey: Sendable {
    /// Of the identity file.
    package let path: String
    package let recipient: String

    /// Whether this machine has the programs.
    package static var isPossible: Bool { Program.find("age") != nil && Program.find("age-keygen") != nil }

    package struct Failed: Error, CustomStringConvertible {
        package let description: String
    }

    /// Makes a new one at that path.
    package init(at path: String) async throws {
        self.path = path
        let made = try await AgeKey.run("age-keygen", ["-o", path])
        guard made.status == 0 else { throw Failed(description: "\(made)") }
        recipient = try await AgeKey.run("age-keygen", ["-y", path]).text
    }

    /// Of a key file that is there already.
    package init(of path: String) async throws {
        self.path = path
        let shown = try await AgeKey.run("age-keygen", ["-y", path])
        guard shown.status == 0 else { throw Failed(description: "\(shown)") }
        recipient = shown.text
    }

    /// `age -d`, with the plaintext as its output.
    package func open(_ file: String) async throws -> Outcome { try await AgeKey.run("age", ["-d", "-i", path, file]) }

    /// `age -r`: seals a text to this key.
    package func seal(_ text: String, to file: String, options: [String] = []) async throws {
        // Through a file, because a pipe of the tests holds no more than 64 KiB.
        let home = try Home()
        defer { home.remove() }
        try home.write(Array(text.utf8), to: home.path + "/plain")
        let sealed = try await AgeKey.run("age", ["-r", recipient, "-o", file] + options + [home.path + "/plain"])
        guard sealed.status == 0 else { throw Failed(description: "\(sealed)") }
    }

    /// The 32 bytes that an identity's Bech32 text stands for (age v1; BIP 173).
    package static func privateKey(_ identity: String) -> [UInt8] {
        let alphabet = Array("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L")
        // Behind the prefix; the last six characters are the checksum.
        let digits = identity.dropFirst("AGE-SECRET-KEY-1".count).dropLast(6).compactMap { alphabet.firstIndex(of: $0) }
        var (bytes, pending, bits) = ([UInt8](), 0, 0)
        for digit in digits {
            pending = (pending << 5 | digit) & 0xFFF
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: pending >> bits))
            }
        }
        return bytes
    }

    package static func run(_ program: String, _ arguments: [String]) async throws -> Outcome {
        guard let path = Program.find(program) else { throw Failed(description: "\(program) is not installed") }
        return try await Child(path, arguments, environment: ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent"]).finish()
    }
}
