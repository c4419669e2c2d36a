import Platform
import Providers

/// What is known of one account's usage: the last good reading, what went wrong since, and when its provider may be asked again.
///
/// It stands in a file of its own (`PollStore`), shared by everything that asks. No secret, no name and no e-mail is in it.
struct PollRecord: Sendable, Equatable {
    static let schemaVersion = 1

    struct Reading: Sendable, Equatable {
        let fetchedAt: Timestamp
        let content: UsageReading.Content
    }

    struct Failure: Sendable, Equatable {
        let at: Timestamp
        let bucket: UsageSnapshot.Bucket
        let reason: String
        let code: String
        let message: String
        let remedy: String?
        let retryAt: Timestamp?
        /// Nothing was sent to the provider (a locked vault, no network): a person who has put it right is not made to wait.
        let isUnsent: Bool
    }

    /// When a request was last sent, or was about to be.
    var requestedAt: Timestamp?
    /// A request was noted and its answer was not, yet: somebody asks now, or died of it.
    var isAsking = false
    var nextPollAt: Timestamp?
    /// The provider refused to be asked before this moment: it binds a person's wish for a new reading, too.
    var notBefore: Timestamp?
    /// How many polls in a row came to nothing.
    var failures = 0
    var reading: Reading?
    /// Nil when the last poll went well.
    var failure: Failure?
    /// Of the tokens that were used last; a login or a refresh makes it larger.
    var generation = 0
    /// What limited the account when somebody last could say; a locked vault or a lost network says nothing of it.
    var bucket: UsageSnapshot.Bucket?
}

extension PollRecord {
    /// Reads what `json` wrote; nil for anything else, which is then as good as nothing.
    init?(_ value: JSONValue) {
        guard value["schemaVersion"].number?.integer == PollRecord.schemaVersion else { return nil }
        func time(_ value: JSONValue) -> Timestamp? { value.string.flatMap { Timestamp($0) } }
        requestedAt = time(value["requestedAt"])
        isAsking = value["asking"].bool ?? false
        nextPollAt = time(value["nextPollAt"])
        notBefore = time(value["notBefore"])
        failures = max(0, min(value["failures"].number?.integer ?? 0, 1000))
        generation = value["generation"].number?.integer ?? 0
        bucket = value["bucket"].string.flatMap(UsageSnapshot.Bucket.init)
        if let fetchedAt = time(value["reading"]["fetchedAt"]) {
            reading = Reading(fetchedAt: fetchedAt, content: UsageReading.Content(value["reading"], now: fetchedAt))
        }
        let failure = value["failure"]
        if let at = time(failure["at"]), let code = failure["code"].string, let message = failure["message"].string {
            self.failure = Failure(
                at: at, bucket: failure["bucket"].string.flatMap(UsageSnapshot.Bucket.init) ?? .unknown,
                reason: failure["reason"].string ?? code, code: code, message: message, remedy: failure["remedy"].string,
                retryAt: time(failure["retryAt"]), isUnsent: failure["unsent"].bool ?? false)
        }
    }

    var json: JSONValue {
        var object: JSONObject = [
            "schemaVersion": .number(JSONNumber(PollRecord.schemaVersion)), "requestedAt": .optional(requestedAt?.description),
            "asking": .bool(isAsking), "nextPollAt": .optional(nextPollAt?.description), "notBefore": .optional(notBefore?.description),
            "failures": .number(JSONNumber(failures)), "generation": .number(JSONNumber(generation)),
            "bucket": .optional(bucket?.rawValue),
        ]
        if let reading {
            var content = reading.content.json
            content["fetchedAt"] = .string(reading.fetchedAt.description)
            object["reading"] = .object(content)
        }
        if let failure {
            object["failure"] = [
                "at": .string(failure.at.description), "bucket": .string(failure.bucket.rawValue), "reason": .string(failure.reason),
                "code": .string(failure.code), "message": .string(failure.message), "remedy": .optional(failure.remedy),
                "retryAt": .optional(failure.retryAt?.description), "unsent": .bool(failure.isUnsent),
            ]
        }
        return .object(object)
    }
}
