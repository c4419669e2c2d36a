import Glibc
import Synchronization

/// Runs a task on the thread that waits for it, with every actor that it enters, instead of on the concurrency pool.
///
/// A command that is over in a few milliseconds spends a good part of them on starting the pool's threads and changing between
/// them. What others resume (a request's thread, a timer) comes back here, too; tasks that are started on the way go to the
/// pool as ever.
@safe package final class CallerExecutor: TaskExecutor, @unchecked Sendable {
    private let jobs = Mutex<[UnownedJob]>([])
    private let ready: UnsafeMutablePointer<sem_t>

    private init() {
        // Never freed: it lives as long as the process.
        unsafe ready = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        unsafe sem_init(ready, 0, 0)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        unsafe sem_post(ready)
    }

    /// Runs `body`, which ends the process.
    package static func run(_ body: @escaping @Sendable () async -> Never) -> Never {
        let executor = CallerExecutor()
        Task(executorPreference: executor) { await body() }
        while true {
            while unsafe sem_wait(executor.ready) != 0 {}
            let job = executor.jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            if let job { unsafe job.runSynchronously(on: executor.asUnownedTaskExecutor()) }
        }
    }
}
