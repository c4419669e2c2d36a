import OAuth
import Platform
import Providers
import Vault

extension Doctor {
    /// The vault's own audit, and what can be said of the accounts in it.
    func checkVaultAndAccounts() async -> SectionReport {
        var report = SectionReport()
        checkPlace(&report)
        let audit = await VaultAudit.run(service.vault, look: host.look, user: host.user, fingerprint: fingerprint)
        report.holders = audit.fingerprints.map { SectionReport.Holder(place: "the vault, account \($0.key)", fingerprint: $0.value) }
        for fault in audit.faults {
            guard let check = DoctorCheck(rawValue: fault.check.rawValue) else { continue }
            report.add(
                Finding(
                    check, evidence: fault.evidence, remedy: fault.remedy, command: fault.command ?? check.command(places),
                    account: fault.account))
        }
        for (check, why) in audit.skipped {
            if let check = DoctorCheck(rawValue: check.rawValue) { report.skip([check], why) }
        }
        await checkAccounts(audit, &report)
        return report
    }

    private var places: [String: String] {
        ["DATA": paths.data, "AUTH": paths.metadataFile, "SEALED": paths.sealedFile, "CONFIG": paths.configurationFile]
    }

    /// Where the vault stands.
    private func checkPlace(_ report: inout SectionReport) {
        let data = paths.data
        guard host.look(data) != nil else {
            return report.skip([.vaultNetworkFilesystem, .vaultInGitTree, .vaultInSyncedFolder], "there is no vault yet")
        }
        if let name = host.filesystem(data).flatMap(Vault.networkFilesystem(magic:)) {
            let isAllowed = service.configuration.allowNetworkFilesystem
            report.add(Finding(.vaultNetworkFilesystem, status: isAllowed ? .info : nil, evidence: "\(data) is on \(name)"))
        }
        for folder in Doctor.foldersAbove(data) {
            if !report.has(.vaultInGitTree), host.look(folder + "/.git") != nil {
                report.add(Finding(.vaultInGitTree, evidence: "\(folder)/.git"))
            }
            if !report.has(.vaultInSyncedFolder), let mark = syncMark(folder) {
                report.add(Finding(.vaultInSyncedFolder, evidence: mark))
            }
        }
    }

    /// What Dropbox, Syncthing, Nextcloud and the like call their folders or leave in them.
    private func syncMark(_ folder: String) -> String? {
        let name = folder.split(separator: "/").last.map(String.init) ?? ""
        let isNamed = ["Dropbox", "OneDrive", "Nextcloud", "ownCloud", "Google Drive", "GoogleDrive", "pCloudDrive", "MEGA", "Sync"]
            .contains { name == $0 || name.hasPrefix($0 + " (") }
        if isNamed { return folder }
        return [".dropbox", ".stfolder", ".nextcloudsync.log", ".owncloudsync.log"].map { folder + "/" + $0 }
            .first { host.look($0) != nil }
    }

    /// The folder and those above it, up to the root.
    static func foldersAbove(_ path: String) -> [String] {
        var folders: [String] = []
        var rest = path[...]
        while !rest.isEmpty {
            folders.append(String(rest))
            rest = rest.lastIndex(of: "/").map { rest[..<$0] } ?? ""
        }
        return folders
    }
}
