/// Whether the sealed file is the newest one that this machine has seen, and this machine's own.
///
/// A restored backup holds spent tokens, and spending one again can end the living login; a copy on a second machine makes
/// two holders of one single-use token. Both are reported and never repaired silently: `vault adopt` is a person's word.
enum VaultStanding {
    /// - Parameters:
    ///   - sealed: the file as it is.
    ///   - machine: the binding of the machine we run on; "none" where it has no machine id.
    /// - Returns: the reason for distrust; nil if there is none.
    static func suspicion(
        sealed: SealedState, sealedMachine: String, machine: String, record: VaultRecord, memory: SealedState?, path: String
    ) -> VaultError? {
        var known: [SealedState] = []
        if let sha256 = record.sealedSha256 { known.append(SealedState(generation: record.generation, sha256: sha256)) }
        if let memory { known.append(memory) }
        for state in known {
            if sealed.generation < state.generation {
                return rollback(
                    "\(path) is generation \(sealed.generation), but generation \(state.generation) was written on this machine")
            }
            if sealed.generation == state.generation, sealed.sha256 != state.sha256 {
                return rollback("\(path) is another file of generation \(sealed.generation) than the one written on this machine")
            }
        }
        if sealedMachine != "none", sealedMachine != machine { return VaultError.cloned(path) }
        return nil
    }

    private static func rollback(_ what: String) -> VaultError {
        VaultError(
            .rollbackSuspected, what + ": it looks like a restored backup, whose tokens may be spent",
            remedy:
                "put the newest file back, or accept this one: ai-usage-agent vault adopt (then log in again where a token turns out to be spent)"
        )
    }
}

extension VaultError {
    static func cloned(_ what: String) -> VaultError {
        VaultError(
            .clonedVault, "\(what) was sealed on another machine: two machines that refresh with the same token end the login of both",
            remedy: "if the other machine no longer uses it: ai-usage-agent vault adopt")
    }
}
