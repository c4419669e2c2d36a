import Glibc
import Platform
import TestSupport
import Testing

@Suite("The process")
struct ProcessTests {
    /// ArgumentParser brings FoundationEssentials, which has no ICU and loads in a moment; all of Foundation has both against it.
    private static let unwanted = [
        "libFoundation.so", "libFoundationNetworking", "libFoundationInternationalization", "FoundationICU", "libicu", "libcurl",
        "libsecret",
    ]

    @Test("runs without core files and with umask 0077, whatever it was started with")
    func limits() async throws {
        try await Scene.with(start: .vault) { scene in
            let shell = ["/bin/sh", "-c", "ulimit -c unlimited 2>/dev/null || ulimit -S -c 0; umask 0; exec \"$@\"", "sh"]
            let login = try await HeadlessLogin(try scene.start(["auth", "login", "codex", "--no-open"], through: shell))
            let pid = login.child.pid
            #expect(ProcessFile.limit(pid, "Max core file size")?.split(separator: " ").prefix(2) == ["0", "0"])
            #expect(ProcessFile.status(pid, "Umask") == "0077")
            #expect(ProcessFile.status(getpid(), "Umask") != nil, "the kernel tells umasks")
            await login.child.stop()
        }
    }

    @Test(
        "token with a fresh token opens neither libcurl nor ICU nor all of Foundation, and makes no socket",
        .enabled(if: Program.find("strace") != nil, "strace is missing: apt-get install strace"))
    func freshToken() async throws {
        try await Scene.with { scene in
            let strace = try #require(Program.find("strace"))
            let trace = scene.home.path + "/trace"
            let outcome = try await scene.run(
                "token", "codex", through: [strace, "-f", "-o", trace, "-e", "trace=open,openat,openat2,socket,execve,connect"])
            #expect(outcome.status == 0, "\(outcome)")
            let calls = try scene.home.text(trace)
            #expect(calls.contains("auth.json") && calls.contains("secrets.age"), "the trace shows what is opened")
            for name in Self.unwanted + ["socket(", "connect("] { #expect(!calls.contains(name), "\(name)") }
            #expect(calls.split(separator: "\n").count { $0.contains("execve(") } == 1, "no other program is started")
        }
    }

    @Test("is linked with neither all of Foundation nor libcurl nor libsecret")
    func libraries() async throws {
        let ldd = try #require(Program.find("ldd"))
        let child = try Child(ldd, [Program.path], environment: ["PATH": "/usr/bin:/bin"])
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
