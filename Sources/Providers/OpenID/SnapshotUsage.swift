import Platform

/// Reads a usage body that is already in the shape of our own snapshot (docs/schemas/usage-snapshot.schema.json), as a
/// configured server may answer; what is no snapshot is nil.
enum SnapshotUsage {
    static func read(_ body: borrowing SecretBytes, now: Timestamp) -> UsageReading? {
        guard let value = try? JSONValue(parsing: body), value["usageWindows"].array != nil else { return nil }
        return .reading(UsageReading.Content(value, now: now))
    }
}
