extension DoctorCheck {
    /// What a check finds, in the words of the catalogue: one text for the program and docs/doctor.md.
    package struct Meaning: Sendable {
        package let title: String
        package let why: String
        package let remedy: String?
        /// A command that repairs it, where one does whatever the paths are.
        package let command: String?

        init(_ title: String, why: String, remedy: String?, command: String?) {
            (self.title, self.why, self.remedy, self.command) = (title, why, remedy, command)
        }
    }

    package var meaning: Meaning {
        DoctorCheck.ofVault(self) ?? DoctorCheck.ofAccounts(self) ?? DoctorCheck.ofHost(self)
            ?? Meaning(rawValue, why: "", remedy: nil, command: nil)
    }

    /// The command with the places of this machine in it.
    func command(_ places: [String: String]) -> String? {
        guard let command = meaning.command else { return nil }
        return command.split(separator: " ").map { places[String($0)] ?? String($0) }.joined(separator: " ")
    }
}
