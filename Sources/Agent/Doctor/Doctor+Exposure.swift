import OAuth
import Platform
import Providers
import Vault

extension Doctor {
    /// Variables in which providers' own programs look for a token or key.
    static let tokenVariables = [
        "CODEX_ACCESS_TOKEN", "OPENAI_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN",
    ]
    private static let startupFiles = [
        ".bashrc", ".bash_profile", ".bash_login", ".profile", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".config/fish/config.fish",
    ]

    /// How refresh tokens are told apart in one run: by a key that nobody keeps.
    var fingerprint: @Sendable (borrowing SecretBytes) -> String { RunKey.shared.fingerprint }

    /// What this machine shows to others.
    func checkHost() -> SectionReport {
        var report = SectionReport()
        checkVariables(&report)
        checkKernel(&report)
        return report
    }

    private func checkVariables(_ report: inout SectionReport) {
        var names = Doctor.tokenVariables.filter { environment[$0] != nil }
        for provider in service.catalog.names {
            let variable = ProcessEnvironment.tokenVariable(of: provider)
            switch environment.token(variable) {
            case .some: names.append(variable)
            case .none: break
            }
        }
        for name in names { report.add(Finding(.exposureTokenInEnvironment, evidence: name, command: "unset \(name)")) }
    }

    /// The home directory, and what shells read in it.
    func checkHome() -> SectionReport {
        var report = SectionReport()
        guard let home = environment["HOME"] else {
            report.skip([.exposureTokenInShellStartup, .exposureHomeWorldReadable], "$HOME is not set")
            return report
        }
        for name in Doctor.startupFiles {
            let path = home + "/" + name
            guard let text = PublicFile.readLeniently(path, limit: 1 << 20) else { continue }
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                guard let variable = assigned(line) else { continue }
                report.add(Finding(.exposureTokenInShellStartup, evidence: "\(path), line \(number + 1): \(variable)"))
            }
        }
        let place = ForeignFile.canonical(home) ?? home
        if let facts = host.look(place), facts.mode & 0o007 != 0 {
            let command = "chmod o= \(ShellWord.quote(place))"
            report.add(Finding(.exposureHomeWorldReadable, evidence: "\(place) has mode \(facts.octal)", command: command))
        }
        return report
    }

    /// The variable that a line gives a token, literally and not by asking a program for it.
    private func assigned(_ line: Substring) -> String? {
        let words = line.drop { $0 == " " || $0 == "\t" }
        guard !words.hasPrefix("#") else { return nil }
        for variable in Doctor.tokenVariables + service.catalog.names.map(ProcessEnvironment.tokenVariable(of:)) {
            guard let found = words.firstRange(of: variable),
                words[..<found.lowerBound].last.map({ $0 == " " || $0 == "\t" || $0 == ";" }) ?? true
            else { continue }
            let rest = words[found.upperBound...]
            // In fish the value is the next word, and `set -q` only asks.
            let isFish = words.hasPrefix("set ") && !words.hasPrefix("set -q") && rest.hasPrefix(" ")
            guard rest.hasPrefix("=") || isFish else { continue }
            let value = rest.dropFirst().drop { $0 == "\"" || $0 == "'" }
            if let first = value.first, !" \t$`(#;".contains(first) { return variable }
        }
        return nil
    }

    private func checkKernel(_ report: inout SectionReport) {
        if let pattern = PublicFile.read(host.corePattern)?.split(separator: "\n").first, !pattern.isEmpty {
            report.add(Finding(.exposureCoreDumps, evidence: TerminalText.escape(String(pattern), limit: 200)))
        }
        if let scope = PublicFile.read(host.ptraceScope)?.split(separator: "\n").first {
            if scope == "0" { report.add(Finding(.exposurePtraceScope, evidence: "\(host.ptraceScope) is 0")) }
        } else {
            report.skip([.exposurePtraceScope], "\(host.ptraceScope) cannot be read")
        }
        let swaps = PublicFile.read(host.swaps)?.split(separator: "\n").dropFirst().compactMap { $0.split(separator: " ").first } ?? []
        let onDisk = swaps.filter { !$0.hasPrefix("/dev/zram") }
        if !onDisk.isEmpty {
            report.add(Finding(.exposureSwap, evidence: TerminalText.escape(onDisk.joined(separator: ", "), limit: 200)))
        }
    }

    /// The stores of other programs: who may read them, and which logins are in them.
    func checkStores() async -> SectionReport {
        var report = SectionReport()
        let places = ForeignPlaces(environment: environment)
        for source in ImportSource.allCases {
            for place in places.all(of: source, from: nil) where place.kind != .keyring {
                guard let facts = host.look(ForeignFile.canonical(place.place) ?? place.place),
                    let content = try? await service.foreignStores.read(source, place),
                    !content.reading.logins.isEmpty
                else { continue }
                let isOpen = facts.mode & 0o077 != 0
                let takeOver = source == .claudeCode ? nil : "ai-usage-agent auth import \(source.rawValue) --move"
                report.add(
                    Finding(
                        .exposurePlaintextStore, status: isOpen ? .error : .info,
                        evidence: "\(source.title): \(place.place), mode \(facts.octal)",
                        command: isOpen ? "chmod 600 \(ShellWord.quote(place.place))" : takeOver))
                for login in content.reading.logins {
                    if let same = SecretBytes.lend(login.refreshToken(in: content.document), to: fingerprint) {
                        report.holders.append(SectionReport.Holder(place: place.place, fingerprint: same))
                    }
                }
            }
        }
        return report
    }
}

/// A key of this process alone.
private final class RunKey: Sendable {
    static let shared = RunKey()
    private let key = Random.bytes(32)

    var fingerprint: @Sendable (borrowing SecretBytes) -> String {
        let key = key
        return { secret in
            let tag = secret.withBytes { HMACSHA256.authenticate($0, key: key.span) }
            return Hex.encode(tag.span)
        }
    }
}
