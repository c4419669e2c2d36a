import Platform

@testable import Vault

/// A record of intent of this process, for the token of that fingerprint.
func demoIntent(_ fingerprint: String = "spent", attempt: Int = 1, generation: Int = 1) -> RotationIntent {
    RotationIntent(
        generation: generation, fingerprint: fingerprint, attempt: attempt, holder: .own, boot: ProcessMark.boot,
        writtenAt: TimeSource.system.elapsed(), time: VaultHome.created)
}
