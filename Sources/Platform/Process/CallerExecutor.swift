import Glibc
import Synchronization

/// Runs a task on one thread, with every actor that it enters, instead of on the concurrency pool.
///
/// What others resume (a request's thread, a timer) comes back here, too; tasks that are started on the way go to the pool as ever.
@safe package final class CallerExecutor: TaskExecutor, @unchecked Sendable {
    private struct State {
        var jobs: [UnownedJob] = []
        var isOver = false
    }

    private let state = Mutex(State())
    private let ready: UnsafeMutablePointer<sem_t>

    private init() {
        // Never freed: who enqueued a job may still hold the executor when the job is done. It is used again instead.
        unsafe ready = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        unsafe sem_init(ready, 0, 0)
    }

    /// From any thread.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
        unsafe sem_post(ready)
    }

    /// Runs `body`, which ends the process, on the thread that calls.
    ///
    /// A command that is over in a few milliseconds spends a good part of them on starting the pool's threads and changing
    /// between them.
    package static func run(_ body: @escaping @Sendable () async -> Never) -> Never {
        let executor = CallerExecutor()
        Task(executorPreference: executor) { await body() }
        while true { _ = executor.turn() }
    }

    /// Runs `body` on a thread of its own: what may block for ever there, such as a look at a dead mount, holds up nobody else.
    /// Where the system lets us have no more threads it runs on the concurrency pool.
    package static func start(_ body: @escaping @Sendable () async -> Void) {
        let executor = idle.withLock { $0.popLast() } ?? CallerExecutor()
        let work: @Sendable () -> Void = {
            Task(executorPreference: executor) {
                await body()
                executor.finish()
            }
            while !executor.turn() {}
            executor.state.withLock { $0.isOver = false }
            idle.withLock { $0.append(executor) }
        }
        do throws(ThreadError) { try startThread(work) } catch {
            idle.withLock { $0.append(executor) }
            Task { await body() }
        }
    }

    private static let idle = Mutex<[CallerExecutor]>([])

    private func finish() {
        state.withLock { $0.isOver = true }
        unsafe sem_post(ready)
    }

    /// Waits for a job and runs it.
    ///
    /// - Returns: whether it was the last one.
    private func turn() -> Bool {
        while unsafe sem_wait(ready) != 0 {}
        let (job, isOver) = state.withLock { state in
            (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isOver && state.jobs.isEmpty)
        }
        if let job { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
        return isOver
    }
}
