import Foundation
import Platform
import Testing

@testable import Age

struct AgeIdentityTests {
    /// The example of the specification, section "The X25519 recipient type".
    private static let key = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    private static let publicKey = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

    @Test("The identity of the specification has the recipient of the specification, and both texts come back")
    func specification() throws {
        let identity = try AgeIdentity(parsing: Array(Self.key.utf8).span)
        #expect(identity.recipient.text == Self.publicKey)
        #expect(text(identity.encoded()) == Self.key)
        #expect(AgeRecipient(Self.publicKey) == identity.recipient)
    }

    @Test("A generated identity survives its text, its file and duplication")
    func roundTrip() throws {
        let identity = AgeIdentity.generate()
        let line = text(identity.encoded())
        #expect(line.utf8.count == 74)
        let parsed = try AgeIdentity(parsing: Array(line.utf8).span)
        #expect(parsed.recipient == identity.recipient)
        #expect(text(parsed.encoded()) == line)

        let file = text(identity.identityFile(created: "2026-11-21T09:25:55Z"))
        #expect(
            file == "# created: 2026-11-21T09:25:55Z\n# public key: \(identity.recipient.text)\n\(line)\n")
        let read = try AgeIdentity(identityFile: Array(file.utf8).span)
        #expect(text(read.encoded()) == line)

        let duplicate = identity.duplicate()
        #expect(text(duplicate.encoded()) == line)
        #expect(duplicate.recipient == identity.recipient)
        let other = AgeIdentity.generate()
        #expect(text(other.encoded()) != line)
    }

    @Test("An identity line may end with a line end")
    func lineEnds() {
        for end in ["", "\n", "\r\n"] { #expect(refusal(ofIdentity: Self.key + end) == nil) }
    }

    @Test("Anything but one upper-case X25519 identity is refused", arguments: malformed)
    func malformedIdentity(_ text: String) { #expect(refusal(ofIdentity: text) == .identity) }

    /// As the reference implementation has it: `age-keygen -y` refuses the all-lower-case form too.
    private static let malformed: [String] = [
        "", "\n", "1", "AGE-SECRET-KEY-1", "AGE-SECRET-KEY-", key.lowercased(), String(key.dropLast()), key + "Q",
        key.replacingOccurrences(of: "GFP", with: "gfp"),  // mixed case
        String(key.dropLast()) + "Y",  // wrong checksum
        key.replacingOccurrences(of: "KEY-1G", with: "KEY-1P"),  // one character changed
        key.replacingOccurrences(of: "KEY-1GF", with: "KEY-1FG"),  // two swapped
        key.replacingOccurrences(of: "GAEX", with: "GAEB"),  // B is not in the alphabet
        publicKey, " " + key, key + " ", key + "\n" + key, key + "\n\n", "\n" + key,
        bech32(32, "AGE-SECRET-KEZ-"), bech32(32, "AGE-SECRET-KEY-PQ-"), bech32(32, "age"), bech32(32, ""),
        bech32(31, "AGE-SECRET-KEY-"), bech32(33, "AGE-SECRET-KEY-"), bech32(0, "AGE-SECRET-KEY-"),
        key.replacingOccurrences(of: "KEY-1G", with: "KEY-1\u{00C7}"),
    ]

    /// A valid Bech32 text of zeroes.
    private static func bech32(_ count: Int, _ prefix: String) -> String {
        var text: [UInt8] = []
        let zeroes = [UInt8](repeating: 0, count: count)
        Bech32.encode(zeroes.span, prefix: prefix) { text.append($0) }
        return String(decoding: text, as: UTF8.self)
    }

    @Test("Bits behind the last byte of a Bech32 text must be zero, and too few to fill a character")
    func padding() {
        // Made by the reference code of BIP 173; the checksum is right in all three.
        let good = "age1pppppppppppppppppppppppppppppppppppppppppppppppppppsrcxpmy"
        let spareBit = "age1ppppppppppppppppppppppppppppppppppppppppppppppppppp37wj5xk"
        let spareCharacter = Array("age1qqqyst3gn".utf8)
        #expect(AgeRecipient(good)?.text == good)
        #expect(AgeRecipient(spareBit) == nil)
        // Three characters are 15 bits: one byte would have been two characters.
        #expect(!Bech32.decode(spareCharacter.span, prefix: "age") { _ in })
    }

    @Test("An identity file holds comments, empty lines and exactly one key line")
    func identityFile() throws {
        func refusal(_ text: String) -> AgeError.Class? {
            let file = Array(text.utf8)
            do throws(AgeError) {
                _ = try AgeIdentity(identityFile: file.span)
                return nil
            } catch {
                return error.failureClass
            }
        }
        let key = Self.key
        for good in ["\(key)", "\(key)\n", "# a\n\n\(key)\n\n# b", "# a\r\n\(key)\r\n", "#\n#\(key)\n\(key)\n"] {
            #expect(refusal(good) == nil, "\(good.debugDescription)")
        }
        for bad in ["", "\n", "# only\n", "\(key)\n\(key)\n", "\(key) # mine\n", "x\n\(key)\n", " \(key)", "#\(key)"] {
            #expect(refusal(bad) == .identity, "\(bad.debugDescription)")
        }
    }

    @Test("A recipient is a lower-case age1 text of 32 bytes that is no low-order point")
    func recipients() {
        let text = Self.publicKey
        #expect(AgeRecipient(text)?.text == text)
        #expect(AgeRecipient(text)?.description == text)
        let bad = [
            "", "age1", text.uppercased(), String(text.dropLast()), text + "q", text.replacing("zvk", with: "ZVK"),
            text.replacing("age1", with: "agf1"), text.replacing("zvk", with: "zkv"), " " + text, text + "\n",
            Self.key, Self.bech32(31, "age"), Self.bech32(33, "age"),
            // Thirty-two zeroes, a point of low order: sealing to it would be sealing to everybody.
            Self.bech32(32, "age"),
        ]
        for text in bad { #expect(AgeRecipient(text) == nil, "\(text)") }
    }

    @Test("A derived key depends on the identity and on its purpose, and is not the private key")
    func derivedKeys() throws {
        let identity = try AgeIdentity(parsing: Array(Self.key.utf8).span)
        let other = AgeIdentity.generate()
        let key = copy(identity.deriveKey(info: "a"))
        #expect(key.count == 32)
        #expect(key == copy(identity.duplicate().deriveKey(info: "a")))
        #expect(key != copy(identity.deriveKey(info: "b")))
        #expect(key != copy(other.deriveKey(info: "a")))
        // The specification's key is 32 times 0x42; RFC 5869 computed by Python's hmac module.
        #expect(Hex.encode(key.span) == "5e988854ab8e6cd36ebbb9fd341fa25f66f23f868b9cb498621b2db78022bcca")
    }

    @Test("age-keygen derives the same recipient", .enabled(if: Command.exists("age-keygen"), "no age-keygen here"))
    func keygen() throws {
        let folder = try ScratchFolder()
        for _ in 0..<5 {
            let identity = AgeIdentity.generate()
            let file = try folder.write(copy(identity.identityFile(created: "2026-11-21T09:25:55Z")), "identity.txt")
            let answer = String(decoding: try Command.run(["age-keygen", "-y", file]), as: UTF8.self)
            #expect(answer == identity.recipient.text + "\n")

            let made = String(decoding: try Command.run(["age-keygen"]), as: UTF8.self)
            let theirs = try AgeIdentity(identityFile: Array(made.utf8).span)
            #expect(made.contains("# public key: \(theirs.recipient.text)\n"))
            let created = String(try #require(made.split(separator: "\n").first).dropFirst("# created: ".count))
            #expect(text(theirs.identityFile(created: created)) == made)
        }
    }
}
