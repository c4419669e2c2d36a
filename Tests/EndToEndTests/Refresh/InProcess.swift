import Agent
import Foundation
import Logging
import OAuth
import Platform
import TestSupport
import Testing
import Vault

/// The service of the program in this very process, over the home of a scene: what a program that holds many tasks does.
struct InProcess {
    private let service: AgentService

    init(_ environment: [String: String]) throws {
        let environment = ProcessEnvironment(environment)
        guard let paths = VaultPaths(environment) else { throw CocoaError(.fileNoSuchFile) }
        let configuration = try ConfigurationReader(path: paths.configurationFile).read()
        let passphrase = PassphraseReader(source: .terminal, environment: [:])
        let sources = VaultSources(
            paths: paths, passphrase: passphrase, keyring: KeyringHelper(program: nil, environment: environment, time: .system),
            credentialsDirectory: nil, mayAskPerson: false)
        let machineId = PublicFile.read("/etc/machine-id")?.split(separator: "\n").first.map(String.init)
        service = AgentService(
            vault: Vault(sources: sources, time: .system, machineId: machineId),
            http: HTTPTransport(HTTPTransport.Settings(userAgent: "tests")), configuration: configuration, environment: environment,
            time: .system,
            logger: Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() })
    }

    /// The text of a live token.
    func token(_ provider: String) async throws -> String {
        let account = try service.account(provider, named: nil)
        let held = try await service.token(account, .live(minimum: nil))
        return held.accessToken.withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
    }
}

extension Scene {
    /// What processes print that must all succeed, and what tasks beside them get, all at once.
    static func gather(_ children: [Child], _ tasks: [@Sendable () async throws -> String]) async throws -> [String] {
        try await withThrowingTaskGroup(of: String.self) { group in
            for task in tasks { group.addTask { try await task() } }
            for child in children {
                group.addTask {
                    let outcome = await child.finish()
                    #expect(outcome.status == 0, "\(outcome)")
                    return outcome.text
                }
            }
            return try await group.reduce(into: [String]()) { $0.append($1) }
        }
    }
}
