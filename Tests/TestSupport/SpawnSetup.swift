import Glibc
import Synchronization

/// Why a process could not be started.
package struct SpawnFailure: Error, CustomStringConvertible {
    package let description: String
}

/// One posix_spawn: which descriptor becomes which.
struct SpawnSetup {
    /// A pipe is marked close-on-exec after it was made: nobody may start a process in between.
    private static let turn = Mutex(())

    static func alone<R>(_ body: () throws -> R) throws -> R {
        // A write to a process that has ended must fail, not end the tests.
        signal(SIGPIPE, SIG_IGN)
        return try turn.withLock { _ in try body() }
    }

    private var attached: [(descriptor: Int32, number: Int32)] = []
    private var nullNumbers: [Int32] = []

    mutating func attach(_ descriptor: Int32, as number: Int32) { attached.append((descriptor, number)) }

    mutating func openNull(as number: Int32) { nullNumbers.append(number) }

    /// Starts the program and closes our copies of its descriptors.
    func spawn(_ path: String, _ arguments: [String], _ environment: [String: String]) throws -> pid_t {
        defer { for pair in attached { close(pair.descriptor) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for number in nullNumbers { posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDONLY, 0) }
        for pair in attached { posix_spawn_file_actions_adddup2(&actions, pair.descriptor, pair.number) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let ownSession: Int16 = 0x80  // POSIX_SPAWN_SETSID, which needs _GNU_SOURCE
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF) | ownSession)

        var argv = ([path] + arguments).map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + variables { free(text) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, path, &actions, &attributes, &argv, &variables)
        guard failure == 0 else { throw SpawnFailure(description: "\(path): \(String(cString: strerror(failure)))") }
        return pid
    }
}

/// Two ends that no other process inherits.
struct Pipe {
    let reading: Int32
    let writing: Int32

    /// Call it inside `SpawnSetup.alone` only.
    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw SpawnFailure(description: "pipe: \(String(cString: strerror(errno)))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reading, writing) = (ends[0], ends[1])
    }

    /// The reading end of a pipe that holds these bytes and then ends; at most a pipe full.
    static func filled(with bytes: [UInt8]) throws -> Int32 {
        precondition(bytes.count <= 65536)
        let pipe = try Pipe()
        write(bytes, to: pipe.writing)
        close(pipe.writing)
        return pipe.reading
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            done += count
        }
    }

    /// Empty at the end.
    static func read(_ descriptor: Int32) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            return Array(buffer.prefix(max(0, count)))
        }
    }
}
