import Foundation
import Glibc
import TestSupport

/// Something about the socket, the way to it or the environment that sends the front door to the full program without a question.
struct DoubtfulPlace: Sendable, CustomStringConvertible {
    let description: String
    var flags: [String] = []
    /// Whether the agent answers before it is spoilt.
    var isGoodBefore = true
    /// Makes it doubtful.
    ///
    /// - Returns: variables to be set.
    let spoil: @Sendable (Home) throws -> [String: String]

    private init(
        _ description: String, flags: [String] = [], isGoodBefore: Bool = true,
        _ spoil: @escaping @Sendable (Home) throws -> [String: String]
    ) {
        (self.description, self.flags, self.isGoodBefore, self.spoil) = (description, flags, isGoodBefore, spoil)
    }

    private static func mode(_ mode: Int, of path: any KeyPath<Home, String> & Sendable, _ name: String) -> DoubtfulPlace {
        DoubtfulPlace("\(name) with mode \(String(mode, radix: 8))") { home in
            try home.change(mode: mode, of: home[keyPath: path])
            return [:]
        }
    }

    private static func variables(_ description: String, _ variables: [String: String]) -> DoubtfulPlace {
        DoubtfulPlace(description) { _ in variables }
    }

    private static let nobody: uid_t = 65534

    private static func owned(_ path: any KeyPath<Home, String> & Sendable, _ name: String) -> DoubtfulPlace {
        DoubtfulPlace("\(name) of somebody else") { home in
            guard chown(home[keyPath: path], nobody, nobody) == 0 else { throw CocoaError(.fileWriteNoPermission) }
            return [:]
        }
    }

    /// What only root can bring about.
    private static let foreign: [DoubtfulPlace] = [
        DoubtfulPlace("a server that is somebody else", flags: ["--as", "\(nobody)"], isGoodBefore: false) { _ in [:] },
        owned(\.agentSocket, "a socket"), owned(\.agentFolder, "a folder"), owned(\.runtime, "a runtime directory"),
    ]

    static let all: [DoubtfulPlace] =
        (geteuid() == 0 ? foreign : []) + [
            mode(0o666, of: \.agentSocket, "a socket"), mode(0o660, of: \.agentSocket, "a socket"),
            mode(0o700, of: \.agentSocket, "a socket"),
            mode(0o755, of: \.agentFolder, "a folder"), mode(0o770, of: \.agentFolder, "a folder"),
            mode(0o1777, of: \.runtime, "a runtime directory"), mode(0o711, of: \.runtime, "a runtime directory"),
            DoubtfulPlace("a socket behind a link") { home in
                try home.move(home.agentSocket, to: home.path + "/other.sock")
                try home.link(home.agentSocket, to: home.path + "/other.sock")
                return [:]
            },
            DoubtfulPlace("a folder behind a link") { home in
                try home.move(home.agentFolder, to: home.path + "/other")
                try home.link(home.agentFolder, to: home.path + "/other")
                return [:]
            },
            DoubtfulPlace("a runtime directory behind a link") { home in
                try home.link(home.path + "/other", to: home.runtime)
                return ["XDG_RUNTIME_DIR": home.path + "/other"]
            },
            DoubtfulPlace("a file instead of a socket") { home in
                try home.delete(home.agentSocket)
                try home.write([], to: home.agentSocket)
                return [:]
            },
            DoubtfulPlace("a file instead of a folder") { home in
                try home.move(home.agentFolder, to: home.path + "/other")
                try home.write([], to: home.agentFolder)
                return [:]
            },
            DoubtfulPlace("nothing instead of a socket") { home in
                try home.delete(home.agentSocket)
                return [:]
            },
            DoubtfulPlace("a path that is too long for a socket") { home in
                let long = home.path + "/" + String(repeating: "x", count: 80)
                try home.move(home.runtime, to: long)
                return ["XDG_RUNTIME_DIR": long]
            },
            DoubtfulPlace("a relative runtime directory") { home in
                // It would lead there.
                ["XDG_RUNTIME_DIR": String(repeating: "../", count: 8) + home.runtime.dropFirst()]
            },
            variables("a relative data directory", ["XDG_DATA_HOME": "data"]),
            variables("neither a data directory nor a home", ["XDG_DATA_HOME": "", "HOME": ""]),
            variables("a relative home and no data directory", ["XDG_DATA_HOME": "", "HOME": "home"]),
            variables("a data directory with a quotation mark", ["XDG_DATA_HOME": "/nowhere/\"quoted\""]),
            variables("a data directory beyond ASCII", ["XDG_DATA_HOME": "/nowhere/dätä"]),
            variables("a token in a variable", ["AI_USAGE_AGENT_CODEX_TOKEN": "of-the-variable"]),
            variables("another provider's token in a variable", ["AI_USAGE_AGENT_ACME_TOKEN": "of-the-variable"]),
        ]
}
