import Platform
import Vault

/// What the steps have found and made so far.
struct RefreshCourse {
    let demand: TokenManager.Demand
    let observedGeneration: Int?
    var deadline: Duration
    let waitsUntil: Duration
    var stored: BundleBox?
    var waiting: JournalResult?
    var intent: RotationIntent?
    var client: OAuthClient?
    var next: BundleBox?
    var retryAfter: Int?
    var pause = RefreshFlight.retryPause
    /// Why the token was refused, in the provider's word.
    var refusal = "refused"
    var suspicion: VaultError?
    var postponement: OAuthError?
    /// What the last step that failed said.
    var failure: OAuthError?
    /// A signal waits: between the server's answer and our disk lies the login.
    var defersInterrupts = false
}
