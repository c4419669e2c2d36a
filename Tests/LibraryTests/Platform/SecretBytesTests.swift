import Platform
import TestSupport
import Testing

struct SecretBytesTests {
    @Test("A secret lends exactly the bytes it was made of", arguments: [0, 1, 31, 4095, 4096, 4097, 100_000])
    func bytes(_ count: Int) {
        let bytes = Random.bytes(count)
        let secret = SecretBytes(copying: bytes.span)
        #expect(secret.count == count)
        #expect(secret.isEmpty == bytes.isEmpty)
        #expect(copy(of: secret) == bytes)
        #expect(copy(SecretBytes(zeroes: count)) == [UInt8](repeating: 0, count: count))
    }

    @Test("What is written into a secret stays in it, and its duplicate goes its own way")
    func duplicates() {
        var secret = SecretBytes(count: 3) { span in
            for index in 0..<3 { span[index] = UInt8(index + 1) }
        }
        let duplicate = secret.duplicate()
        let same = SecretBytes.equal(secret, duplicate)
        #expect(same)
        secret.withMutableBytes { $0[1] = 9 }
        secret.withMutableBytes(in: 2..<3) { part in part[0] = 8 }
        let sameStill = SecretBytes.equal(secret, duplicate)
        #expect(!sameStill)
        #expect(copy(secret) == [1, 9, 8])
        #expect(copy(duplicate) == [1, 2, 3])
    }

    @Test(
        "Two secrets are equal when every byte is",
        arguments: [
            ("", "", true), ("a", "a", true), ("a", "b", false), ("a", "", false), ("token", "token2", false), ("xoken", "token", false),
        ])
    func equality(_ a: String, _ b: String, _ expected: Bool) {
        let equal = SecretBytes.equal(SecretBytes(a), SecretBytes(b))
        #expect(equal == expected)
        #expect(constantTimeEqual(Array(a.utf8).span, Array(b.utf8).span) == expected)
    }

    @Test("One changed bit anywhere makes two secrets different")
    func oneBit() {
        let bytes = Random.bytes(64)
        for bit in 0..<bytes.count * 8 {
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(constantTimeEqual(bytes.span, changed.span) == false, "bit \(bit)")
        }
    }

    @Test("A page that was given back is empty for whoever gets it next, also when many come and go at once")
    func reuse() async {
        await withTaskGroup(of: Bool.self) { group in
            for number in 1...8 {
                group.addTask {
                    for round in 0..<200 {
                        let size = [1, 32, 4000, 4096, 4097, 9000][(number + round) % 6]
                        let fresh = SecretBytes(zeroes: size)
                        let isEmpty = fresh.withBytes { bytes in bytes.indices.allSatisfy { bytes[$0] == 0 } }
                        let mine = SecretBytes(count: size) { span in
                            for index in 0..<size { span[index] = UInt8(number) }
                        }
                        await Task.yield()
                        let isMine = mine.withBytes { bytes in bytes.indices.allSatisfy { bytes[$0] == UInt8(number) } }
                        guard isEmpty, isMine else { return false }
                    }
                    return true
                }
            }
            for await isClean in group { #expect(isClean) }
        }
    }

    @Test("A buffer keeps every byte through its growth", arguments: [0, 1, 64, 65, 5000])
    func growth(_ capacity: Int) {
        var generator = SplitMix(seed: UInt64(capacity))
        var buffer = SecretBuffer(capacity: capacity)
        var expected: [UInt8] = []
        for _ in 0..<300 {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                let byte = UInt8.random(in: 0...255, using: &generator)
                buffer.append(byte)
                expected.append(byte)
            case 1:
                let more = (0..<Int.random(in: 0..<200, using: &generator)).map { UInt8(truncatingIfNeeded: $0) }
                buffer.append(more.span)
                expected += more
            case 2:
                let more = Random.bytes(Int.random(in: 0..<5000, using: &generator))
                buffer.append(SecretBytes(copying: more.span))
                expected += more
            default:
                buffer.append("é😀")
                expected += Array("é😀".utf8)
            }
            #expect(buffer.count == expected.count)
        }
        let lent = buffer.withBytes { span in span.indices.map { span[$0] } }
        #expect(lent == expected)
        #expect(copy(buffer.finish()) == expected)
    }

    @Test("Padding fills up to the next multiple and adds nothing to a full block")
    func padding() {
        var buffer = SecretBuffer(capacity: 1)
        buffer.pad(to: 16, with: 0x20)
        #expect(buffer.count == 0)
        buffer.append("abc")
        buffer.pad(to: 16, with: 0x20)
        #expect(buffer.count == 16)
        buffer.pad(to: 16, with: 0x20)
        #expect(text(buffer.finish()) == "abc             ")
    }

    @Test("A boxed secret is taken out once")
    func box() {
        let box = SecretBox(SecretBytes("once"))
        let first = copy(optional: box.take())
        let isGone = box.take() == nil
        #expect(first == Array("once".utf8))
        #expect(isGone)
    }

    @Test("Wiping an array leaves it empty")
    func wiping() {
        var bytes: [UInt8] = [1, 2, 3]
        wipe(&bytes)
        #expect(bytes.isEmpty)
    }

    @Test(
        "Its pages are locked, left out of core files and wiped in a forked child, by the kernel's own marks",
        .enabled(if: Instrumentation.isOff, "a sanitizer makes mlock do nothing"))
    func marks() throws {
        let secret = SecretBytes("a secret of this test")
        let address = secret.withBytes { bytes in bytes.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) } }
        let maps = try #require(PublicFile.read("/proc/self/smaps", limit: 64 << 20))
        var isIts = false
        var marks: Set<Substring> = []
        for line in maps.split(separator: "\n") {
            let ends = line.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
            if ends.count == 2 { isIts = (ends[0]..<ends[1]).contains(address) }
            if isIts, line.hasPrefix("VmFlags:") { marks = Set(line.split(separator: " ").dropFirst()) }
        }
        // proc(5): locked (where RLIMIT_MEMLOCK lets it be), not in core files, wiped on fork.
        #expect(marks.isSuperset(of: ["lo", "dd", "wf"]), "\(marks)")
        extendLifetime(secret)
    }
}
