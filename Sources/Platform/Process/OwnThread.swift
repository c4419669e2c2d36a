import Glibc

/// Runs blocking work (libcurl, scrypt, a child process, a listener) on a thread of its own, so that no thread of the
/// concurrency pool ever waits. Where the system lets us have no more threads, the caller's own has to wait.
package func onOwnThread<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
    await withCheckedContinuation { continuation in
        do throws(ThreadError) { try startThread { continuation.resume(returning: body()) } } catch {
            continuation.resume(returning: body())
        }
    }
}

/// Runs work that may never come back (a dead mount) on a thread of its own.
///
/// - Returns: nil where it has not ended within `patience`; the thread is then left to itself.
package func onOwnThread<R: Sendable>(within patience: Duration, _ body: @escaping @Sendable () async -> R) async -> R? {
    let (answers, answer) = AsyncStream.makeStream(of: R.self)
    CallerExecutor.start { answer.yield(await body()) }
    return await withTaskGroup(of: R?.self) { group in
        group.addTask {
            for await value in answers { return value }
            return nil
        }
        group.addTask {
            try? await Task.sleep(for: patience)
            return nil
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        return first
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// The system refused another thread: the user's limit (`RLIMIT_NPROC`), or that of the container or unit.
package struct ThreadError: Error, Sendable, CustomStringConvertible {
    /// As `pthread_create` returned it.
    let code: Int32

    package var description: String { "no thread could be started (\(errorText(code)))" }
    /// A sentence for people.
    package static let remedy = "raise the limit of processes (ulimit -u, or TasksMax of the unit)"
}

/// Starts a detached thread.
///
/// - Throws: `ThreadError`; `body` does not run then.
package func startThread(_ body: @escaping @Sendable () -> Void) throws(ThreadError) {
    var thread: pthread_t = 0
    let argument = unsafe Unmanaged.passRetained(ThreadBody(body))
    let failure = unsafe pthread_create(
        &thread, nil,
        { argument in
            let body = unsafe Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue()
            body.run()
            return nil
        }, argument.toOpaque())
    guard failure == 0 else {
        unsafe argument.release()
        throw ThreadError(code: failure)
    }
    pthread_detach(thread)
}
