import Platform

/// A login with a code to approve elsewhere, as a person reads it on the program's stderr.
package final class DeviceLogin: Sendable {
    package let child: Child
    /// Where the code is to be entered.
    package let page: String
    package let code: String

    /// - Parameter child: `auth login … --device`, just started.
    package init(_ child: Child) async throws {
        self.child = child
        guard let page = await child.line(of: .error, startingWith: "http"),
            let code = await child.line(of: .error, startingWith: "Code: ")
        else { throw HeadlessLogin.Unfinished(description: "the login showed no code: \(await child.finish())") }
        self.page = page
        self.code = String(code.dropFirst("Code: ".count))
    }
}

extension Scene {
    /// A device login that has shown its code and waits.
    package func startDeviceLogin(_ provider: String, _ options: [String] = ["--json"]) async throws -> DeviceLogin {
        try await DeviceLogin(try start(["auth", "login", provider, "--device"] + options))
    }
}

extension DemoProvider {
    /// The person at the page of a device login: approves the code as `person`, or denies it.
    package func decide(_ code: String, as person: String?) async throws {
        let answer = try await LoopbackClient().post(base + "/demo/device", "user_code=\(code)" + (person.map { "&demo_user=\($0)" } ?? ""))
        guard answer.status == 200 else { throw LoopbackClient.Failure(description: "/demo/device: \(answer)") }
    }
}
