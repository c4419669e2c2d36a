import Glibc
import Platform
import TestSupport
import Testing

@Suite("The process")
struct ProcessTests {
    /// ArgumentParser brings FoundationEssentials, which has no ICU and loads in a moment; all of Foundation has both against it.
    private static let unwanted = [
        "libFoundation.so", "libFoundationNetworking", "libFoundationInternationalization", "FoundationICU", "libicu", "libcurl",
        "libsecret", "libsqlite3",
    ]

    @Test("runs without core files and with umask 0077, whatever it was started with")
    func limits() async throws {
        try await Scene.with(start: .vault) { scene in
            let shell = ["/bin/sh", "-c", "ulimit -c unlimited 2>/dev/null || ulimit -S -c 0; umask 0; exec \"$@\"", "sh"]
            let login = try await HeadlessLogin(try scene.start(["auth", "login", "codex", "--no-open"], through: shell))
            let pid = login.child.pid
            #expect(ProcessFile.limit(pid, "Max core file size")?.split(separator: " ").first == "0")
            #expect(ProcessFile.status(pid, "Umask") == "0077")
            #expect(ProcessFile.status(getpid(), "Umask") != nil, "the kernel tells umasks")
            await login.child.stop()
        }
    }

    @Test(
        "cannot be dumped, before it has looked at a file of the vault",
        .enabled(if: Program.find("strace") != nil, "strace is missing: apt-get install strace"))
    func dumpable() async throws {
        try await Scene.with { scene in
            let strace = try #require(Program.find("strace"))
            let trace = scene.home.path + "/trace"
            let outcome = try await scene.run(
                "token", "codex", through: [strace, "-f", "-o", trace, "-e", "trace=prctl,openat,setrlimit,prlimit64"])
            #expect(outcome.status == 0, "\(outcome)")
            let calls = try scene.home.text(trace).split(separator: "\n")
            let hardened = try #require(calls.firstIndex { $0.contains("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE") && $0.hasSuffix("= 0") })
            let limited = try #require(calls.firstIndex { $0.contains("RLIMIT_CORE, {rlim_cur=0, rlim_max=") && $0.hasSuffix("= 0") })
            let first = try #require(calls.firstIndex { $0.contains(scene.home.path) })
            #expect(hardened < first && limited < first, "the trace shows what is opened, and in which order")
            #expect(!calls.contains { $0.contains("SUID_DUMP_USER") }, "and it is never undone")

            // The kernel gives what /proc tells of such a process to root.
            let login = try await scene.startLogin()
            if geteuid() != 0 {
                #expect(ProcessFile.owner(login.child.pid, "environ") == 0)
                #expect(ProcessFile.owner(getpid(), "environ") == geteuid(), "the tests' own process can be dumped")
            }
            await login.child.stop()
        }
    }

    @Test(
        "ends by a fatal signal at once and prints nothing, though Swift was told to print its crash report",
        arguments: [SIGSEGV, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE])
    func fatalSignals(_ signal: Int32) async throws {
        try await Scene.with(start: .vault) { scene in
            let report = ["SWIFT_BACKTRACE": "enable=yes,swift-backtrace=/bin/cat"]
            let login = try await HeadlessLogin(try scene.start(["auth", "login", "codex", "--no-open"], environment: report))
            let caught = try #require(UInt64(ProcessFile.status(login.child.pid, "SigCgt") ?? "", radix: 16))
            let ignored = try #require(UInt64(ProcessFile.status(login.child.pid, "SigIgn") ?? "", radix: 16))
            let bit = UInt64(1) << UInt64(signal - 1)
            #expect(caught & bit == 0 && ignored & bit == 0)
            #expect(caught & (1 << UInt64(SIGTERM - 1)) != 0, "the field tells handlers")
            login.child.signal(signal)
            let outcome = await login.child.finish()
            #expect(outcome.ending == .signalled(signal), "\(outcome)")
            #expect(outcome.output.isEmpty && !outcome.errorText.lowercased().contains("crash"), "\(outcome)")
        }
    }

    @Test(
        "keeps working where no memory may be locked", .enabled(if: Instrumentation.isOff, "a sanitizer makes mlock do nothing"),
        .enabled(if: Program.find("strace") != nil, "strace is missing: apt-get install strace"))
    func unlockedMemory() async throws {
        try await Scene.with { scene in
            let strace = try #require(Program.find("strace"))
            let trace = scene.home.path + "/trace"
            let token = try await scene.require("token", "codex").text
            // The limit alone does not bind a superuser.
            let wrapper = [
                "/bin/sh", "-c", "ulimit -l 0; exec \"$@\"", "sh", strace, "-f", "-o", trace, "-e", "trace=mlock", "-e",
                "inject=mlock:error=ENOMEM",
            ]
            let outcome = try await scene.run("token", "codex", through: wrapper)
            #expect(outcome.status == 0 && outcome.text == token && outcome.errorText.isEmpty, "\(outcome)")
            #expect(try await scene.run("auth", "refresh", "codex", through: wrapper).status == 0)
            let calls = try scene.home.text(trace).split(separator: "\n").filter { $0.contains("mlock(") }
            #expect(calls.count > 1 && calls.allSatisfy { $0.contains("ENOMEM") }, "every lock was refused: \(calls.count)")
        }
    }

    @Test(
        "gives everything to a reader who has made the pipe non-blocking and takes his time",
        .enabled(if: Program.find("python3") != nil, "python3 is missing"))
    func nonBlockingOutput() async throws {
        try await Scene.with { scene in
            // A pipe of one page (F_SETPIPE_SZ), which is full before anybody reads.
            let script = "import fcntl, os, sys; fcntl.fcntl(1, 1031, 4096); os.set_blocking(1, False); os.execv(sys.argv[1], sys.argv[1:])"
            let wrapper = [try #require(Program.find("python3")), "-c", script]
            let outcome = try await scene.run("auth", "doctor", "--json", through: wrapper)
            #expect(outcome.status == 0 && outcome.output.count > 16384, "\(outcome)")
            #expect(outcome.json["findings"].array?.isEmpty == false)
        }
    }

    @Test(
        "says so when its output is lost, whatever it was",
        arguments: ["--version", "--help", "--generate-completion-script=bash", "config path"])
    func lostOutput(_ line: String) async throws {
        try await Scene.with(start: .empty) { scene in
            let words = line.split(whereSeparator: { $0 == " " || $0 == "=" }).map(String.init)
            let outcome = await scene.finish(
                try scene.start(words, through: ["/bin/sh", "-c", "exec \"$@\" >/dev/full", "sh"]))
            #expect(outcome.status == 1 && outcome.errorText.contains("standard output could not be written"), "\(outcome)")
        }
    }

    @Test("takes no width of a terminal for more than it is", arguments: ["9223372036854775807", "-1", "0", "x"])
    func width(_ columns: String) async throws {
        try await Scene.with { scene in
            try await scene.require("usage")
            for command in ["usage", "status"] {
                let outcome = try await scene.run(command, environment: ["COLUMNS": columns])
                #expect(outcome.status == 0, "\(outcome)")
            }
        }
    }

    @Test(
        "lets no variable make OpenSSL or libcurl load foreign code or write keys",
        .enabled(if: Program.find("strace") != nil, "strace is missing: apt-get install strace"))
    func libraryVariables() async throws {
        try await Scene.with { scene in
            let strace = try #require(Program.find("strace"))
            let trap = scene.home.path + "/trap"
            try scene.home.write(
                Array("openssl_conf = init\n[init]\nengines = none\n.include \(trap).more\n".utf8), to: trap)
            let variables = ["SSLKEYLOGFILE", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES"]
            let trace = scene.home.path + "/trace"
            let outcome = try await scene.run(
                "auth", "refresh", "codex", environment: Dictionary(uniqueKeysWithValues: variables.map { ($0, trap) }),
                through: [strace, "-f", "-o", trace, "-e", "trace=%file"])
            #expect(outcome.status == 0, "\(outcome)")
            let calls = try scene.home.text(trace)
            #expect(calls.contains("libcurl.so") && calls.contains("secrets.age"), "the trace shows what is opened")
            #expect(!calls.contains(trap), "\(calls.split(separator: "\n").filter { $0.contains(trap) })")
            #expect(!calls.contains("openssl.cnf"), "nor the system's own")
        }
    }

    @Test(
        "starts its keyring helper as hard as itself, and to die with it",
        .enabled(
            if: KeyringSession.isPossible && Program.find("strace") != nil,
            "needs strace, dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool (make test installs them)"))
    func helper() async throws {
        try await Scene.with(start: .empty) { scene in
            let strace = try #require(Program.find("strace"))
            let session = try await KeyringSession(scene.home)
            scene.variables.withLock { $0["DBUS_SESSION_BUS_ADDRESS"] = session.address }
            try await scene.login()
            let trace = scene.home.path + "/trace"
            let outcome = try await scene.run(
                "token", "codex", environment: ["LD_LIBRARY_PATH": scene.home.path, "SECRET_BACKEND": "file", "G_DEBUG": "all"],
                through: [strace, "-f", "-v", "-s", "4096", "-o", trace, "-e", "trace=execve,prctl,setrlimit,prlimit64,connect"])
            await session.stop()
            #expect(outcome.status == 0, "\(outcome)")
            let calls = try scene.home.text(trace).split(separator: "\n")
            let start = try #require(calls.first { $0.contains("execve(") && $0.contains("/ai-usage-keyring\"") })
            for name in ["LD_LIBRARY_PATH", "SECRET_BACKEND", "G_DEBUG"] { #expect(!start.contains(name), "\(start)") }
            let helper = calls.filter { $0.hasPrefix(String(start.prefix { $0 != " " })) }
            let connected = try #require(helper.firstIndex { $0.contains("connect(") }, "it speaks to the bus")
            for call in ["PR_SET_DUMPABLE, SUID_DUMP_DISABLE", "PR_SET_PDEATHSIG, SIGKILL", "RLIMIT_CORE, {rlim_cur=0, rlim_max="] {
                let place = try #require(helper.firstIndex { $0.contains(call) }, "\(call)")
                #expect(place < connected)
            }
        }
    }

    @Test(
        "token with a fresh token opens neither libcurl nor ICU nor all of Foundation, and makes no socket and no thread",
        .enabled(if: Instrumentation.chosen != .thread, "that sanitizer has a thread of its own"),
        .enabled(if: Program.find("strace") != nil, "strace is missing: apt-get install strace"))
    func freshToken() async throws {
        try await Scene.with { scene in
            let strace = try #require(Program.find("strace"))
            let trace = scene.home.path + "/trace"
            scene.program.withLock { $0 = Program.full }
            let traced = "trace=open,openat,openat2,socket,execve,connect,clone,clone3,write"
            let outcome = try await scene.run("token", "codex", through: [strace, "-f", "-o", trace, "-e", traced])
            #expect(outcome.status == 0, "\(outcome)")
            let calls = try scene.home.text(trace)
            #expect(calls.contains("auth.json") && calls.contains("secrets.age"), "the trace shows what is opened")
            for name in Self.unwanted + ["socket(", "connect(", "clone(", "clone3("] { #expect(!calls.contains(name), "\(name)") }
            #expect(calls.split(separator: "\n").count { $0.contains("execve(") } == 1, "no other program is started")
        }
    }

    @Test("is linked with neither all of Foundation nor libcurl nor libsecret")
    func libraries() async throws {
        let ldd = try #require(Program.find("ldd"))
        let child = try Child(ldd, [Program.full], environment: ["PATH": "/usr/bin:/bin"])
        let outcome = await child.finish()
        #expect(outcome.status == 0 && outcome.text.contains("libc.so"), "\(outcome)")
        for name in Self.unwanted { #expect(!outcome.text.contains(name), "\(name) in \(outcome.text)") }
    }

    @Test(
        "does not obey variables that would make a library write keys or send tokens elsewhere",
        arguments: ["SSLKEYLOGFILE", "http_proxy", "ALL_PROXY"])
    func environment(_ name: String) async throws {
        try await Scene.with { scene in
            let log = scene.home.path + "/keys"
            let value = name == "SSLKEYLOGFILE" ? log : "http://127.0.0.1:9"
            let outcome = try await scene.run("auth", "refresh", "codex", environment: [name: value])
            #expect(outcome.status == 0, "loopback is never asked through a proxy: \(outcome)")
            #expect(!scene.home.exists(log))
        }
    }
}
