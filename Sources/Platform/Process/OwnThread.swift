import Glibc

/// Runs blocking work (libcurl, scrypt, a child process, a listener) on a thread of its own, so that no thread of the
/// concurrency pool ever waits.
package func onOwnThread<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
    await withCheckedContinuation { continuation in
        startThread { continuation.resume(returning: body()) }
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

/// Starts a detached thread.
package func startThread(_ body: @escaping @Sendable () -> Void) {
    var thread: pthread_t = 0
    let argument = unsafe Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    let failure = unsafe pthread_create(
        &thread, nil,
        { argument in
            let body = unsafe Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue()
            body.run()
            return nil
        }, argument)
    // Without a thread the caller would wait for ever; the limit on threads is the caller's to raise.
    if failure != 0 { fatalError("no thread could be started: \(errorText(failure))") }
    pthread_detach(thread)
}
