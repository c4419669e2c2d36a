// Faults that scripts/sanitize must find before it believes that there are none in the programs; and a lock that many wait for,
// which must be recognised as one (options.c).
import Dispatch
import Glibc
import Synchronization

nonisolated(unsafe) var planted = 0
let guarded = Mutex(0)

@main
enum Planted {
    static func main() {
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<10_000 { guarded.withLock { $0 += 1 } }
        }
        var threads: [pthread_t] = [0, 0]
        for index in threads.indices { pthread_create(&threads[index], nil, { _ in Planted.race() }, nil) }
        for thread in threads { pthread_join(thread, nil) }
        behindTheEnd(UnsafeMutablePointer<UInt8>.allocate(capacity: 8))
    }

    @inline(never) static func race() -> UnsafeMutableRawPointer? {
        planted += 1
        return nil
    }

    @inline(never) static func behindTheEnd(_ bytes: UnsafeMutablePointer<UInt8>) { bytes[8] = 1 }
}
