import Glibc

/// The clocks a component may read, so that tests bring their own.
package struct TimeSource: Sendable {
    /// The wall clock.
    package let now: @Sendable () -> Timestamp
    /// Time that never jumps and goes on while the machine sleeps (CLOCK_BOOTTIME); only differences mean anything.
    package let elapsed: @Sendable () -> Duration
    /// Returns early where the task is cancelled.
    package let sleep: @Sendable (Duration) async -> Void

    package init(
        now: @escaping @Sendable () -> Timestamp, elapsed: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async -> Void
    ) {
        self.now = now
        self.elapsed = elapsed
        self.sleep = sleep
    }

    /// The clocks of the machine.
    package static let system = TimeSource(
        now: {
            var time = timespec()
            _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
            return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
        },
        elapsed: {
            var time = timespec()
            _ = unsafe clock_gettime(CLOCK_BOOTTIME, &time)
            return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        },
        // A cancelled sleep returns early; every caller looks at its own deadline.
        sleep: { try? await Task.sleep(for: $0) })
}
