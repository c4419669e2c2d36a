import OAuth
import Platform
package import Providers
package import Vault

/// Asks the providers how much of each account's quota is used. A failing account is a row with an error, never missing.
package struct UsageService: Sendable {
    let service: AgentService

    package init(_ service: AgentService) { self.service = service }

    /// Snapshots of the accounts, in their order, fetched side by side.
    package func snapshots(_ accounts: [AccountRecord], includeRaw: Bool) async -> [UsageSnapshot] {
        await withTaskGroup(of: (Int, UsageSnapshot).self) { group in
            for (index, account) in accounts.enumerated() {
                group.addTask { (index, await snapshot(account, includeRaw: includeRaw)) }
            }
            var found: [(Int, UsageSnapshot)] = []
            for await result in group { found.append(result) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private func snapshot(_ account: AccountRecord, includeRaw: Bool) async -> UsageSnapshot {
        var snapshot = UsageSnapshot(
            provider: account.provider,
            account: .init(id: account.id, accountKey: account.accountKey, email: account.email, label: account.label),
            source: account.source, authType: account.authType.rawValue)
        snapshot.plan = account.plan
        do throws(OAuthError) {
            try await fill(&snapshot, account, includeRaw: includeRaw)
        } catch {
            let (code, bucket) = UsageService.classify(error)
            snapshot.bucket = bucket
            snapshot.reason = code
            snapshot.failure = .init(
                code: code, message: error.message, remedy: error.remedy,
                retryAt: error.retryAfter.map { service.time.now().wholeSeconds + $0 })
        }
        return snapshot
    }

    private func fill(_ snapshot: inout UsageSnapshot, _ account: AccountRecord, includeRaw: Bool) async throws(OAuthError) {
        let provider = try service.catalog.provider(account.provider)
        guard let endpoint = provider.usageEndpoint else {
            snapshot.bucket = .unknown
            snapshot.reason = "no_usage_endpoint"
            snapshot.message = "config.json names no usage endpoint for \(account.provider)"
            return
        }
        var held = try await service.token(account, .live(minimum: nil))
        var answer = try await ask(provider, endpoint, held)
        if case .unauthorized = answer.reading {
            // The server knows better than our clock: one refresh, one more try.
            held = try await service.token(account, .new)
            answer = try await ask(provider, endpoint, held)
        }
        snapshot.fetchedAt = service.time.now().wholeSeconds
        if includeRaw { snapshot.raw = answer.raw?.redacted }
        switch answer.reading {
        case .reading(let content):
            snapshot.plan = content.plan ?? snapshot.plan
            snapshot.confidence = content.confidence
            snapshot.bucket = content.bucket
            snapshot.reason = content.reason
            snapshot.message = content.message
            snapshot.windows = content.windows
            snapshot.credits = content.credits
        case .unauthorized(let message):
            snapshot.bucket = .auth
            snapshot.reason = "unauthorized"
            snapshot.failure = .init(
                code: "login_required", message: message + ", also with a new token",
                remedy: "ai-usage-agent auth login \(account.provider)", retryAt: nil)
        case .failed(let bucket, let code, let message, let retryAfter):
            snapshot.bucket = bucket
            snapshot.reason = code
            let remedy =
                code == "scope_missing" ? "log in again with more scopes: ai-usage-agent auth login \(account.provider)" : "try again later"
            snapshot.failure = .init(
                code: code, message: message, remedy: remedy, retryAt: retryAfter.map { service.time.now().wholeSeconds + $0 })
        }
    }

    private struct Answer: Sendable {
        let reading: UsageReading
        let raw: JSONValue?
    }

    private func ask(_ provider: any Provider, _ endpoint: WebAddress, _ held: HeldToken) async throws(OAuthError) -> Answer {
        guard held.facts.origins["usage"] == endpoint.origin else { throw OAuthError.originChanged(provider.name, "usage endpoint") }
        var request = HTTPRequest(.get, endpoint.description, deadline: .seconds(service.configuration.timeoutSeconds))
        request.bodyLimit = 1 << 20
        request.bearer = held.accessToken.duplicate()
        request.headers = provider.usageHeaders(
            providerAccountId: held.facts.providerAccountId, accessClaims: Claims.decode(held.accessToken))
        do throws(HTTPFailure) {
            let response = try await service.http.send(request)
            // A server that repeats the token must not get it printed.
            let echoes = response.body.withBytes { body in held.accessToken.withBytes { body.contains($0) } }
            let body = echoes ? SecretBytes(zeroes: 0) : response.body.duplicate()
            let reading = provider.readUsage(
                status: response.status, isHTML: response.isHTML, retryAfter: response.retryAfter, body: body, now: service.time.now())
            let raw = try? JSONValue(parsing: body)
            return Answer(reading: reading, raw: raw)
        } catch {
            throw OAuthError(
                .network, "\(provider.name) could not be asked for its usage: \(error)", remedy: "check the network and try again")
        }
    }

    private static func classify(_ error: OAuthError) -> (code: String, bucket: UsageSnapshot.Bucket) {
        (ErrorCode.name(error.code), bucket(error.code))
    }

    private static func bucket(_ code: OAuthError.Code) -> UsageSnapshot.Bucket {
        switch code {
        case .loginRequired, .accessDenied, .scopeMissing, .clientRefused: .auth
        case .rateLimited: .rateLimit
        case .providerUnavailable: .overloaded
        default: .unknown
        }
    }
}

extension JSONValue {
    /// The value without what names a person or could be a credential.
    fileprivate var redacted: JSONValue {
        switch self {
        case .object(let object):
            var kept = JSONObject()
            for member in object.members {
                let name = member.name.lowercased()
                let isPrivate = ["email", "user_id", "account_id", "token", "secret", "session", "cookie"].contains { name.contains($0) }
                kept[member.name] = isPrivate && member.value.string != nil ? "<redacted>" : member.value.redacted
            }
            return .object(kept)
        case .array(let elements): return .array(elements.map(\.redacted))
        default: return self
        }
    }
}
