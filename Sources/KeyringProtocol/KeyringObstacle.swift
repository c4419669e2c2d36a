/// What stands between this program and the desktop keyring, where the helper or its parent knows.
package enum KeyringObstacle: String, Sendable, CaseIterable {
    /// The helper program is missing, or others may write it.
    case noHelper = "no-helper"
    /// There is no session bus.
    case noBus = "no-bus"
    /// There should be one, and nobody answers at its address.
    case busUnreachable = "bus-unreachable"
    /// Nobody on the bus offers the Secret Service.
    case noService = "no-service"
    /// The service has no default collection.
    case noCollection = "no-collection"
    /// Somebody is there and did not answer in time; never sent by the helper.
    case silent

    /// There is no service at all, rather than one that cannot be used now.
    package var isNobodyThere: Bool { self == .noHelper || self == .noBus || self == .noService }
}
