import Glibc
import Platform
import TestSupport
import Testing

@Suite(
    "The search of a process's own memory",
    .enabled(if: Instrumentation.isOff, "a sanitizer shadows the memory, terabytes of it, and keeps what was freed"))
struct MemoryScanTests {
    @Test("finds every copy, in locked pages, on the heap and across the pieces it reads, and none once they are wiped")
    func finds() throws {
        let canary = Canary("planted")
        let none = try MemoryScan.run([canary])
        #expect(none.counts == ["planted": 0], "the test itself holds no copy: \(none.places)")
        do {
            let locked = canary.secret()
            #expect(try MemoryScan.run([canary]).counts["planted"] == 1)
            var array = copy(of: locked)
            #expect(try MemoryScan.run([canary]).counts["planted"] == 2)
            wipe(&array)

            // Everywhere around the end of the first piece of a mapping.
            let size = 3 << 20
            let pages = try #require(mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
            defer { munmap(pages, size) }
            for offset in [0, 1, (1 << 20) - canary.count, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, size - canary.count] {
                canary.write(to: (pages + offset).assumingMemoryBound(to: UInt8.self))
                #expect(try MemoryScan.run([canary]).counts["planted"] == 2, "offset \(offset)")
                memset(pages + offset, 0, canary.count)
            }
            extendLifetime(locked)
        }
        #expect(try MemoryScan.run([canary]).counts["planted"] == 0)
    }
}
