import Platform
import TestSupport
import Testing

/// A second home beside a scene's: another machine, or the same one after a new beginning. It talks to the scene's provider.
struct OtherHome {
    let home: Home
    let scene: Scene

    /// - Parameter initialization: what `vault init` gets; nil for a home without a vault.
    static func with(
        _ scene: Scene, initialization: [String]? = ["--backend", "file", "--identity", "key-file"],
        _ body: (OtherHome) async throws -> Void
    ) async throws {
        let home = try Home()
        defer { home.remove() }
        try home.configure(try scene.home.text(scene.home.configurationFile))
        let other = OtherHome(home: home, scene: scene)
        if let initialization { try await other.require(["vault", "init"] + initialization) }
        try await body(other)
    }

    func run(_ arguments: [String], input: Child.Input = .nothing, descriptors: [Int32: [UInt8]] = [:]) async throws -> Outcome {
        await scene.finish(try scene.start(arguments, input: input, descriptors: descriptors, environment: home.environment))
    }

    @discardableResult
    func require(_ arguments: [String]) async throws -> Outcome {
        let outcome = try await run(arguments)
        try #require(outcome.status == 0, "\(outcome)")
        return outcome
    }

    func accounts() async throws -> [JSONValue] { try await require(["auth", "list", "--json"]).json["accounts"].array ?? [] }

    func login(as person: String, label: String? = nil) async throws {
        let line = ["auth", "login", "codex", "--no-open"] + (label.map { ["--account", $0] } ?? [])
        let login = try await HeadlessLogin(try scene.start(line, environment: home.environment))
        let outcome = try await login.complete("&demo_user=\(person)")
        try #require(outcome.status == 0, "\(outcome)")
    }
}

/// A scene's accounts, on their way: exported to a key of the test, and perhaps changed on the road.
struct Parcel {
    let key: AgeKey
    var document: JSONObject
    let folder: String

    init(_ scene: Scene) async throws {
        folder = scene.home.path
        let path = folder + "/parcel-key.txt"
        key = scene.home.exists(path) ? try await AgeKey(of: path) : try await AgeKey(at: path)
        document = try #require(try await scene.contents().document.object)
    }

    /// As if another machine had written it.
    mutating func comeFromElsewhere() { document["machine"] = .string(String(repeating: "ab", count: 32)) }

    mutating func change(_ number: Int = 0, _ change: (inout JSONObject) -> Void) {
        var bundles = document["bundles"]?.array ?? []
        guard var bundle = bundles[number].object else { return }
        change(&bundle)
        bundles[number] = .object(bundle)
        document["bundles"] = .array(bundles)
    }

    /// Sealed by the real age; what `vault import` gets.
    func sealed(_ name: String = "parcel.age") async throws -> [String] {
        let path = folder + "/" + name
        try await key.seal(JSONValue.object(document).compact, to: path)
        return [path, "--identity-file", key.path]
    }
}
