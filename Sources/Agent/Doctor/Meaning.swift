import Platform

extension DoctorCheck {
    /// What a check finds, in the words of the catalogue: one text for the program and docs/doctor.md.
    package struct Meaning: Sendable {
        /// A clause in lower case, without a full stop.
        package let title: String
        package let why: String
        package let remedy: String?
        /// A command that repairs it, where one does whatever the paths are.
        package let command: String?
        /// What is looked at, where it is worth naming although nothing is wrong.
        package let subject: String?

        init(_ title: String, why: String, remedy: String?, command: String?, subject: String? = nil) {
            (self.title, self.why, self.remedy, self.command, self.subject) = (title, why, remedy, command, subject)
        }
    }

    package var meaning: Meaning {
        DoctorCheck.ofVault(self) ?? DoctorCheck.ofAccounts(self) ?? DoctorCheck.ofHost(self)
            ?? Meaning(rawValue, why: "", remedy: nil, command: nil)
    }

    /// The command with the places of this machine in it.
    func command(_ places: [String: String]) -> String? {
        guard let command = meaning.command else { return nil }
        let words = command.split(separator: " ").map { word in
            if let place = places[String(word)] { ShellWord.quote(place) } else { String(word) }
        }
        return words.joined(separator: " ")
    }
}
