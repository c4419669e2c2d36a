import Platform

/// A login with the browser played by the test: takes the address from the program's stderr and goes where it leads.
package final class HeadlessLogin: Sendable {
    package let child: Child
    /// The authorization address, as the program printed it.
    package let url: String
    private let client = LoopbackClient()

    package struct Unfinished: Error, CustomStringConvertible {
        package let description: String
    }

    /// - Parameter child: `auth login …`, just started.
    package init(_ child: Child) async throws {
        self.child = child
        guard let url = await child.line(of: .error, startingWith: "http") else {
            throw Unfinished(description: "the login printed no address: \(await child.finish())")
        }
        self.url = url
    }

    /// Goes to the provider and returns the callback's address, without going there.
    ///
    /// - Parameter extra: appended to the authorization address, such as `&demo_user=bob`.
    package func callback(_ extra: String = "") async throws -> String {
        let answer = try await client.get(url + extra)
        guard answer.status == 302, let location = answer.location else {
            throw Unfinished(description: "the provider did not redirect: \(answer)")
        }
        return location
    }

    /// The provider, the callback, the page at the end; then the program's own end.
    ///
    /// - Parameter browser: what goes to the callback; the provider is asked as ever.
    package func complete(_ extra: String = "", by browser: LoopbackClient? = nil) async throws -> Outcome {
        try await visit(try await callback(extra), by: browser)
        return await child.finish()
    }

    /// What a browser does with the callback's address: the listener answers 303 to /done, and there is a page.
    package func visit(_ callback: String, by browser: LoopbackClient? = nil) async throws {
        let client = browser ?? client
        let answer = try await client.get(callback)
        guard answer.status == 303, let done = answer.location else {
            throw Unfinished(description: "the callback was answered with \(answer)")
        }
        let origin = callback.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false).prefix(3).joined(separator: "/")
        let begun = TimeSource.system.elapsed()
        let page: LoopbackClient.Answer
        do { page = try await client.get(done.hasPrefix("/") ? origin + done : done) } catch {
            // The page is there for two seconds. A browser on a machine that is busy for longer comes too late, and loses nothing.
            if TimeSource.system.elapsed() - begun > .seconds(1) || child.hasEnded { return }
            throw error
        }
        guard page.status == 200 else { throw Unfinished(description: "the last page was \(page)") }
    }
}
