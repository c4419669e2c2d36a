import Platform

extension VaultAudit {
    /// The folders in the data directory without which nothing is refreshed or written.
    package static func folders(_ paths: VaultPaths) -> [String] { [paths.locks, paths.data + "/journal"] }

    /// Whether the disk takes what a refresh has to write down.
    mutating func checkRoom() {
        for directory in [paths.data, paths.state] where look(directory) != nil {
            guard let why = FileFacts.obstacleToWriting(directory) else { continue }
            add(VaultFault(.unwritable, "\(directory): \(why)", command: "df -h \(ShellWord.quote(directory))"))
        }
    }

    /// Whether they, and what stands in them, can be used.
    mutating func checkFolders() {
        for folder in VaultAudit.folders(paths) {
            guard let facts = look(folder) else { continue }
            guard facts.kind == .directory, facts.owner == user else {
                let what = facts.kind == .directory ? "belongs to user \(facts.owner)" : "is no directory"
                add(VaultFault(.folderUnusable, "\(folder) \(what)", command: "ls -ld \(ShellWord.quote(folder))"))
                continue
            }
            if facts.mode & 0o077 != 0 || facts.lacks(0o700) {
                add(VaultFault(.folderMode, "\(folder) has mode \(facts.octal)", command: "chmod 700 \(ShellWord.quote(folder))"))
                continue
            }
            for name in ForeignFile.names(in: folder) {
                let path = folder + "/" + name
                guard let facts = look(path), facts.kind != .file || facts.owner != user || facts.lacks(0o600) else { continue }
                let what = facts.kind == .file ? "belongs to user \(facts.owner) and has mode \(facts.octal)" : "is no regular file"
                add(VaultFault(.folderUnusable, "\(path) \(what)", command: "ls -ld \(ShellWord.quote(path))"))
            }
        }
    }
}
