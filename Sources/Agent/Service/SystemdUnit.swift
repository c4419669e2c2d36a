/// The two units that let systemd start the agent with the first question: a socket and the service behind it.
package struct SystemdUnit: Sendable {
    /// Of its file.
    package let name: String
    /// Of its file; the first line is `mark`.
    package let text: String

    /// The first line of every unit that this program wrote, and may therefore write again or remove.
    package static let mark = "# Written by ai-usage-agent agent install; agent uninstall removes it."

    /// The units of one person's own manager.
    ///
    /// - Parameters:
    ///   - program: absolute path; started as `program agent run`.
    ///   - socket: absolute path; nil where it is in the runtime directory of the manager.
    ///   - environment: the variables that decide paths, as they are in force.
    package static func user(program: String, socket: String?, environment: [(name: String, value: String)]) -> [SystemdUnit] {
        let variables = environment.map { "Environment=" + quoted("\($0.name)=\($0.value)") }
        return [
            SystemdUnit(
                name: "ai-usage-agent.socket",
                text: lines(
                    [
                        mark, "[Unit]", "Description=Socket of the AI usage agent", manual, "", "[Socket]",
                        "ListenStream=" + (socket.map(escaped) ?? "%t/ai-usage-agent/agent.sock"),
                    ]
                        + socketOptions + ["", "[Install]", "WantedBy=sockets.target"])),
            SystemdUnit(
                name: "ai-usage-agent.service",
                text: lines(
                    [
                        mark, "[Unit]", "Description=AI usage agent", manual, "Requires=ai-usage-agent.socket",
                        "After=ai-usage-agent.socket", "", "[Service]", "ExecStart=" + quoted(program) + " agent run",
                    ] + variables + service + hardening + ["", "[Install]", "Also=ai-usage-agent.socket"])),
        ]
    }

    /// The unit of a server, one instance for each user who has logins there: `systemctl enable --now ai-usage-agent@NAME.service`.
    ///
    /// The key comes as an encrypted credential, which the units of a person's own manager can only have from systemd 256 on. It
    /// makes its own socket: the directory of one that systemd makes would be root's.
    package static func system(program: String) -> [SystemdUnit] {
        let state = "/var/lib/ai-usage-agent/%i"
        return [
            SystemdUnit(
                name: "ai-usage-agent@.service",
                text: lines(
                    [
                        mark, "[Unit]", "Description=AI usage agent of %i", manual, "After=network-online.target",
                        "Wants=network-online.target", "", "[Service]", "User=%i", "ExecStart=" + quoted(program) + " agent run",
                        "# Made with: systemd-creds encrypt --name=ai-usage-agent.identity KEY-FILE /etc/credstore.encrypted/ai-usage-agent-%i",
                        "LoadCredentialEncrypted=ai-usage-agent.identity:/etc/credstore.encrypted/ai-usage-agent-%i",
                        "StateDirectory=ai-usage-agent/%i", "StateDirectoryMode=0700", "RuntimeDirectory=ai-usage-agent-%i",
                        "RuntimeDirectoryMode=0700", "# Who calls it needs these as well, except HOME.", "Environment=HOME=\(state)",
                        "Environment=XDG_DATA_HOME=\(state)/data", "Environment=XDG_STATE_HOME=\(state)/state",
                        "Environment=XDG_CONFIG_HOME=\(state)/config", "Environment=XDG_RUNTIME_DIR=/run/ai-usage-agent-%i",
                    ] + service + hardening + alone + ["", "[Install]", "WantedBy=multi-user.target"]))
        ]
    }

    private static let manual = "Documentation=man:ai-usage-agent-agent-run(1)"

    private static let socketOptions = ["SocketMode=0600", "DirectoryMode=0700", "Backlog=1024", "RemoveOnStop=yes"]

    private static let service = [
        "Type=notify", "Restart=on-failure", "RestartSec=5", "# A refresh that was sent is stored first.", "TimeoutStopSec=60",
        "KillMode=mixed", "# What is freed is overwritten.",
        "Environment=GLIBC_TUNABLES=glibc.malloc.perturb=165:glibc.malloc.tcache_count=0",
    ]

    /// What holds without a mount name space, and so for a person's own manager, too.
    private static let hardening = [
        "NoNewPrivileges=yes", "MemoryDenyWriteExecute=yes", "LockPersonality=yes", "RestrictRealtime=yes", "RestrictSUIDSGID=yes",
        "RestrictNamespaces=yes", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources",
        "# Locked memory, and more open connections than the usual limit.",
        "SystemCallFilter=mlock munlock memfd_secret setrlimit prlimit64",
        "SystemCallErrorNumber=EPERM", "UMask=0077", "LimitCORE=0", "LimitNOFILE=4096", "MemorySwapMax=0",
    ]

    /// What only the system's manager can promise: a person's own has neither the right to drop capabilities nor, before systemd
    /// 254, mount name spaces without a user name space, in which root's files would seem to be nobody's.
    ///
    /// No ProcSubset=pid: it hides /proc/sys/kernel/random/boot_id, by which a recovery knows whether the machine was started since a
    /// refresh was cut off (`ProcessMark.boot`). Without it the answer is not asked for again in time, and the login is lost.
    private static let alone = [
        "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes", "ProtectClock=yes",
        "ProtectHostname=yes",
        "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectControlGroups=yes",
        "ProtectProc=invisible", "AmbientCapabilities=", "KeyringMode=private", "RemoveIPC=yes", "DevicePolicy=closed",
        "PrivateUsers=no", "PrivateMounts=yes",
    ]

    private static func lines(_ lines: [String]) -> String { lines.joined(separator: "\n") + "\n" }

    /// systemd.unit(5): a percent sign begins a specifier.
    static func escaped(_ text: String) -> String { text.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%") }

    /// systemd.syntax(7): one word, whatever is in it.
    ///
    /// No dollar sign is escaped: neither the first word of ExecStart= (systemd.service(5)) nor Environment= (systemd.exec(5)) is
    /// expanded.
    static func quoted(_ text: String) -> String {
        var word = "\""
        for character in escaped(text).unicodeScalars {
            switch character {
            case "\"", "\\": word += "\\" + String(character)
            case "\n": word += "\\n"
            default: word.unicodeScalars.append(character)
            }
        }
        return word + "\""
    }
}
