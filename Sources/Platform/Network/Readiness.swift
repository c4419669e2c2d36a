import CLinux
import Glibc

/// epoll(7): many descriptors watched by one thread, level-triggered.
package struct Readiness: ~Copyable {
    private let descriptor: Descriptor
    /// Of the last waiting; made once.
    private var ready = [clinux_ready](repeating: clinux_ready(), count: most)

    /// What a descriptor is ready for.
    package struct Event: Sendable {
        package let descriptor: Int32
        package let isReadable: Bool
        package let isWritable: Bool
        /// The other end is gone in both directions.
        package let isGone: Bool
    }

    private static let most = 64

    /// - Throws: `SocketError` where no descriptor is left.
    package init() throws(SocketError) {
        let raw = clinux_epoll()
        guard raw >= 0 else { throw SocketError.last("epoll_create1") }
        descriptor = Descriptor(owning: raw)
    }

    /// Watches a descriptor from now on. It stays its owner's, who takes it off before closing it.
    ///
    /// - Throws: `SocketError` for one that cannot be watched or is watched already.
    package func add(_ watched: Int32, reading: Bool = true, writing: Bool = false) throws(SocketError) {
        guard clinux_epoll_watch(descriptor.raw, watched, reading, writing, true) == 0 else { throw SocketError.last("epoll_ctl") }
    }

    /// Of a descriptor that was added; one that is not watched is a programming error that changes nothing.
    package func change(_ watched: Int32, reading: Bool, writing: Bool) {
        _ = clinux_epoll_watch(descriptor.raw, watched, reading, writing, false)
    }

    /// One that is not watched is no error.
    package func remove(_ watched: Int32) { _ = clinux_epoll_forget(descriptor.raw, watched) }

    /// Waits until something is ready or the time is over.
    ///
    /// - Parameter patience: nil waits for ever; rounded up to milliseconds, so that nobody wakes just before their time.
    /// - Returns: how many events there are; `event` tells them.
    package mutating func wait(_ patience: Duration?) -> Int {
        let milliseconds = patience.map {
            max(0, $0.components.seconds * 1000 + ($0.components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        }
        let count = unsafe clinux_epoll_wait(
            descriptor.raw, &ready, Int32(Readiness.most), milliseconds.map { Int32(clamping: $0) } ?? -1)
        return Int(max(0, count))
    }

    /// One event of the last `wait`.
    package func event(_ index: Int) -> Event {
        let event = ready[index]
        return Event(descriptor: event.descriptor, isReadable: event.reading, isWritable: event.writing, isGone: event.gone)
    }
}
