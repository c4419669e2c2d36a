import Glibc
import Platform

/// A secret that a test looks for in its own memory, kept so that the test itself does not hold it: two halves that give
/// the secret only when they are put together.
struct Canary: Sendable {
    let name: String
    private let mask: [UInt8]
    private let masked: [UInt8]

    /// A new secret of characters that tokens are made of.
    init(_ name: String, count: Int = 48) {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        let choices = Random.bytes(count)
        self.init(name, count: count) { alphabet[Int(choices[$0] & 63) ^ 21] }
    }

    /// The last bytes of a secret that exists already, at most 32 of them: a copy that lost its beginning is one, too.
    init(_ name: String, endOf secret: borrowing SecretBytes) {
        let length = min(secret.count, 32)
        self = secret.withBytes { bytes in Canary(name, count: length) { bytes[bytes.count - length + $0] } }
    }

    private init(_ name: String, count: Int, _ byte: (Int) -> UInt8) {
        self.name = name
        mask = Random.bytes(count)
        var masked = [UInt8](repeating: 0, count: count)
        for index in 0..<count { masked[index] = byte(index) ^ mask[index] }
        self.masked = masked
    }

    var count: Int { masked.count }

    func append(to buffer: inout SecretBuffer) {
        for index in masked.indices { buffer.append(masked[index] ^ mask[index]) }
    }

    /// The secret itself, in protected memory.
    func secret() -> SecretBytes {
        var buffer = SecretBuffer(capacity: count)
        append(to: &buffer)
        return buffer.finish()
    }

    func write(to target: UnsafeMutablePointer<UInt8>) {
        for index in masked.indices { target[index] = masked[index] ^ mask[index] }
    }
}

/// Every readable byte of this process, searched for canaries.
struct MemoryScan: Sendable, CustomStringConvertible {
    struct Failed: Error {
        let what: String
    }

    /// How often each canary was found, by its name.
    let counts: [String: Int]
    /// Where each was found: the addresses and what the kernel calls the mapping there.
    let places: [String]
    let bytes: Int

    private static let step = 1 << 20

    /// Reads the memory through /proc/self/mem, in pieces, into pages of its own that are left out of the search.
    static func run(_ canaries: [Canary]) throws -> MemoryScan {
        let file = open("/proc/self/mem", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Failed(what: "/proc/self/mem: \(errorText(errno))") }
        defer { close(file) }

        // The needles stand in the first page, in the clear for the time of the scan; behind them the piece that is searched.
        let room = 4096 + step + 4096
        guard let space = mmap(nil, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), space != MAP_FAILED else {
            throw Failed(what: "mmap")
        }
        defer {
            memset(space, 0, room)
            munmap(space, room)
        }
        var needles: [(name: String, start: UnsafeMutablePointer<UInt8>, count: Int)] = []
        var free = space.assumingMemoryBound(to: UInt8.self)
        for canary in canaries {
            canary.write(to: free)
            needles.append((canary.name, free, canary.count))
            free += canary.count
        }
        precondition(free <= space + 4096)
        let piece = space + 4096
        let own = UInt(bitPattern: space)..<UInt(bitPattern: space) + UInt(room)

        var counts = Dictionary(uniqueKeysWithValues: canaries.map { ($0.name, 0) })
        var places: [String] = []
        var bytes = 0
        let longest = canaries.map(\.count).max() ?? 0
        for region in try regions(leavingOut: own) {
            var at = region.range.lowerBound
            while at < region.range.upperBound {
                // A little more than a step, so that what lies across its end is found; matches are counted where they begin.
                let wanted = min(step + longest - 1, Int(region.range.upperBound - at))
                let got = pread(file, piece, wanted, off_t(at))
                if got > 0 {
                    for needle in needles {
                        for place in find(needle.start, needle.count, in: piece, got) where place < step {
                            counts[needle.name, default: 0] += 1
                            places.append("\(needle.name) at \(String(at + UInt(place), radix: 16)) \(region.name)")
                        }
                    }
                    bytes += min(step, got)
                }
                at += UInt(step)
            }
        }
        return MemoryScan(counts: counts, places: places, bytes: bytes)
    }

    private static func find(_ needle: UnsafeMutablePointer<UInt8>, _ length: Int, in piece: UnsafeMutableRawPointer, _ count: Int) -> [Int]
    {
        // memchr for the largest byte of the needle: zeros, of which memory is full, then cost nothing.
        let anchor = (0..<length).max { needle[$0] < needle[$1] } ?? 0
        var places: [Int] = []
        var from = anchor
        while from + length - anchor <= count, let hit = memchr(piece + from, Int32(needle[anchor]), count - from - (length - anchor - 1)) {
            let start = hit - piece - anchor
            if memcmp(piece + start, needle, length) == 0 { places.append(start) }
            from = start + anchor + 1
        }
        return places
    }

    private static func regions(leavingOut own: Range<UInt>) throws -> [(range: Range<UInt>, name: String)] {
        guard let maps = PublicFile.read("/proc/self/maps", limit: 8 << 20) else { throw Failed(what: "/proc/self/maps") }
        var regions: [(range: Range<UInt>, name: String)] = []
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            let name = words.count > 5 ? words[5].drop { $0 == " " } : "anonymous"
            // The kernel's own pages; they hold clocks and cannot be read this way.
            guard words[1].hasPrefix("r"), ends.count == 2, !["[vvar]", "[vvar_vclock]", "[vsyscall]"].contains(name) else { continue }
            // The kernel joins neighbouring mappings: ours is cut out of whatever it was joined to.
            for part in [ends[0]..<min(ends[1], max(ends[0], own.lowerBound)), max(ends[0], min(ends[1], own.upperBound))..<ends[1]]
            where !part.isEmpty {
                regions.append((part, String(name)))
            }
        }
        return regions
    }

    var description: String {
        let found = counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        return "\(found) in \(bytes) bytes"
    }
}
