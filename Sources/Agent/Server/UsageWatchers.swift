import Platform

/// The callers of `WatchUsage` and what they are sent.
final class UsageWatchers: Sendable {
    private let callers = Guarded<[MessageServer.Caller: @Sendable (JSONObject) -> Void]>([:])

    /// - Parameter send: gives the caller one more answer.
    func add(_ caller: MessageServer.Caller, _ send: @escaping @Sendable (JSONObject) -> Void) {
        callers.change { $0[caller] = send }
    }

    func remove(_ caller: MessageServer.Caller) { callers.change { $0[caller] = nil } }

    /// Sends changed readings to everybody.
    func publish(_ snapshots: [JSONValue]) {
        guard !snapshots.isEmpty else { return }
        for send in callers.peek({ Array($0.values) }) { send(["snapshots": .array(snapshots)]) }
    }
}
