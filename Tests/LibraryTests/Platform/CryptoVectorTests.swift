import Platform
import Testing

private func bytes(_ hex: String) throws -> [UInt8] { try #require(Hex.decode(hex.filter { !$0.isWhitespace })) }

private func hex(_ secret: consuming SecretBytes) -> String { secret.withBytes { Hex.encode($0) } }

/// What two sides share, in hexadecimal; nil if they cannot.
private func shared(_ privateKey: [UInt8], _ publicKey: [UInt8]) -> String? {
    guard let secret = X25519.agree(privateKey: privateKey.span, publicKey: publicKey.span) else { return nil }
    return hex(secret)
}

struct CryptoVectorTests {
    @Test(
        "SHA-256 gives the digests of FIPS 180-4's examples",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ])
    func sha256(_ message: String, _ digest: String) {
        let message = Array(message.utf8)
        #expect(Hex.encode(SHA256.hash(message.span).span) == digest)
    }

    /// RFC 4231, cases 1, 2, 3, 4, 6 and 7 (case 5 is a truncated tag).
    private static let tags: [(String, String, String)] = [
        (
            String(repeating: "0b", count: 20), "4869205468657265", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            String(repeating: "aa", count: 20), String(repeating: "dd", count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            "0102030405060708090a0b0c0d0e0f10111213141516171819", String(repeating: "cd", count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            String(repeating: "aa", count: 131),
            "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            String(repeating: "aa", count: 131),
            "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e642061206c61"
                + "72676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f20626520686173686564206265666f"
                + "7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ]

    @Test("HMAC-SHA256 gives the tags of RFC 4231", arguments: tags)
    func hmac(_ key: String, _ message: String, _ tag: String) throws {
        let key = try bytes(key)
        let message = try bytes(message)
        #expect(Hex.encode(HMACSHA256.authenticate(message.span, key: key.span).span) == tag)
        #expect(Hex.encode(HMACSHA256.authenticate(message.span, key: SecretBytes(copying: key.span)).span) == tag)
        #expect(hex(HMACSHA256.derive(message.span, key: key.span)) == tag)
    }

    @Test("An empty key is an empty key, not the one of the call before")
    func emptyKey() {
        let none: [UInt8] = []
        let key: [UInt8] = [1, 2, 3]
        _ = HMACSHA256.authenticate(none.span, key: key.span)
        let tag = HMACSHA256.authenticate(none.span, key: none.span)
        #expect(Hex.encode(tag.span) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    @Test("HKDF-SHA256 gives the first 32 bytes of RFC 5869, case 3")
    func hkdf() throws {
        let material = try bytes(String(repeating: "0b", count: 22))
        let none: [UInt8] = []
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
        #expect(hex(HKDFSHA256.derive(secret: material.span, salt: none.span, info: "")) == expected)
        #expect(hex(HKDFSHA256.derive(secret: SecretBytes(copying: material.span), salt: none.span, info: "")) == expected)
    }

    /// The info of case 1 is no text, which the function asks for: its two steps are checked one by one.
    @Test("HKDF-SHA256 uses the salt as RFC 5869, case 1, does")
    func hkdfWithSalt() throws {
        let material = try bytes(String(repeating: "0b", count: 22))
        let salt = try bytes("000102030405060708090a0b0c")
        let block = try bytes("f0f1f2f3f4f5f6f7f8f9" + "01")
        let pseudorandom = try bytes("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
        let extracted = HMACSHA256.derive(material.span, key: salt.span)
        #expect(hex(extracted) == Hex.encode(pseudorandom.span))
        #expect(
            hex(HMACSHA256.derive(block.span, key: pseudorandom.span))
                == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf")
        let label = Array("label\u{1}".utf8)
        let expected = hex(HMACSHA256.derive(label.span, key: pseudorandom.span))
        #expect(hex(HKDFSHA256.derive(secret: material.span, salt: salt.span, info: "label")) == expected)
    }

    @Test("X25519 agrees as in RFC 7748, sections 5.2 and 6.1")
    func x25519() throws {
        let pairs = [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"
            ),
        ]
        for (scalar, point, expected) in pairs { #expect(try shared(bytes(scalar), bytes(point)) == expected) }
        let alice = try bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
        let bob = try bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
        let alicePublic = X25519.publicKey(of: alice.span)
        let bobPublic = X25519.publicKey(of: bob.span)
        #expect(Hex.encode(alicePublic.span) == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
        #expect(Hex.encode(bobPublic.span) == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
        let expected = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
        #expect(shared(alice, bobPublic) == expected)
        #expect(shared(bob, alicePublic) == expected)
    }

    @Test(
        "X25519 has no shared secret with a point of low order or a key of another size",
        arguments: [
            String(repeating: "00", count: 32), "01" + String(repeating: "00", count: 31),
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "0900", String(repeating: "09", count: 33), "",
        ])
    func unusablePoints(_ point: String) throws {
        let own = [UInt8](repeating: 0x42, count: 32)
        #expect(try shared(own, bytes(point)) == nil)
    }

    /// Section 2.8.2. Its associated data enters the tag alone, so the ciphertext is the same without it.
    @Test("ChaCha20-Poly1305 gives the ciphertext of RFC 8439")
    func chacha() throws {
        let plaintext = Array(
            ("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.").utf8)
        let keyBytes = try bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")
        let key = SecretBytes(copying: keyBytes.span)
        let nonce = try bytes("070000004041424344454647")
        var sealed: [UInt8] = [1, 2]
        ChaCha20Poly1305.seal(plaintext.span, key: key, nonce: nonce, into: &sealed)
        #expect(sealed.prefix(2) == [1, 2], "appended")
        sealed.removeFirst(2)
        #expect(
            Hex.encode(sealed.span.extracting(first: plaintext.count)) == "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                + "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                + "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116")
        #expect(sealed.count == plaintext.count + ChaCha20Poly1305.tagSize)
    }

    @Test("What ChaCha20-Poly1305 sealed opens, and nothing that was changed, cut or meant for another key", arguments: [0, 1, 16, 200])
    func tamper(_ count: Int) {
        let key = Random.secret(32)
        let nonce = Random.bytes(12)
        let plaintext = Random.bytes(count)
        var sealed: [UInt8] = []
        ChaCha20Poly1305.seal(plaintext.span, key: key, nonce: nonce, into: &sealed)

        func open(_ sealed: [UInt8], _ key: borrowing SecretBytes, _ nonce: [UInt8]) -> (ok: Bool, content: [UInt8]) {
            var target = [UInt8](repeating: 0xEE, count: max(0, sealed.count - 16))
            var span = target.mutableSpan
            let ok = ChaCha20Poly1305.open(sealed.span, key: key, nonce: nonce, into: &span)
            return (ok, target)
        }
        #expect(open(sealed, key, nonce) == (true, plaintext))
        let other = Random.secret(32)
        #expect(!open(sealed, other, nonce).ok)
        #expect(!open(sealed, key, Random.bytes(12)).ok)
        #expect(!open(Array(sealed.dropLast()), key, nonce).ok)
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(open(changed, key, nonce) == (false, [UInt8](repeating: 0, count: count)), "byte \(index)")
        }
    }

    @Test("scrypt gives the first 32 bytes of RFC 7914, section 12 (N = 16384, r = 8, p = 1)")
    func scrypt() throws {
        let salt = Array("SodiumChloride".utf8)
        let key = try unwrap(Scrypt.derive(passphrase: SecretBytes("pleaseletmein"), salt: salt.span, workFactor: 14))
        #expect(hex(key) == "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")
    }
}
