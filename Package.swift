// swift-tools-version: 6.3
import PackageDescription

// One straight line; an import may only point to the right (docs/architecture.md):
//   ai-usage-agent-cli -> Agent -> Providers -> OAuth -> Vault -> Age -> Platform -> C
let package = Package(
    name: "ai-usage-agent",
    products: [
        .executable(name: "ai-usage-agent", targets: ["ai-usage-agent"]),
        .executable(name: "ai-usage-agent-cli", targets: ["ai-usage-agent-cli"]),
        .executable(name: "ai-usage-keyring", targets: ["ai-usage-keyring"]),
        .executable(name: "demo-provider", targets: ["demo-provider"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    ],
    targets: [
        // The C edge.
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLibsecret", pkgConfig: "libsecret-1", providers: [.apt(["libsecret-1-dev"])]),
        .target(name: "CKeyring", dependencies: ["CLibsecret"], cSettings: strictC),
        .target(name: "CCurl", dependencies: ["CLinux"], cSettings: strictC),
        .target(name: "CLinux", cSettings: strictC),
        .target(name: "CSQLite", cSettings: strictC),

        // The line, from right to left.
        .target(name: "Platform", dependencies: ["COpenSSL", "CCurl", "CLinux", "CSQLite"]),
        .target(name: "Age", dependencies: ["Platform"]),
        .target(name: "KeyringProtocol", dependencies: ["Platform"]),
        .target(name: "Vault", dependencies: ["Age", "Platform", "KeyringProtocol"]),
        .target(
            name: "OAuth",
            dependencies: ["Vault", "Platform", .product(name: "Logging", package: "swift-log")]
        ),
        .target(name: "Providers", dependencies: ["OAuth", "Vault", "Platform"]),
        .target(name: "History", dependencies: ["Platform"]),
        .target(
            name: "Agent",
            dependencies: [
                "Providers", "History", "OAuth", "Vault", "KeyringProtocol", "Platform",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .executableTarget(
            name: "ai-usage-agent-cli",
            dependencies: [
                "Agent", "Providers", "History", "OAuth", "Vault", "Platform",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),

        // What people start: `token` answered by a running agent, else the program above. Embedded Swift, because starting a
        // runtime takes longer than the answer (docs/decisions/0013-a-front-door-in-embedded-swift.md).
        .target(name: "CFrontDoor", cSettings: strictC),
        .executableTarget(
            name: "ai-usage-agent", dependencies: ["CFrontDoor"],
            swiftSettings: [.enableExperimentalFeature("Embedded"), .unsafeFlags(["-wmo"])]
        ),

        // The only program that loads libsecret: a short-lived helper that can be killed when the Secret Service is silent.
        .executableTarget(name: "ai-usage-keyring", dependencies: ["KeyringProtocol", "Platform", "CKeyring"]),

        // Not installed: the server that the tests and `make run` talk to, and what the tests share.
        .executableTarget(name: "demo-provider", dependencies: ["Platform"]),
        .target(name: "TestSupport", dependencies: ["Agent", "Platform"], path: "Tests/TestSupport"),
        .testTarget(
            name: "LibraryTests",
            dependencies: [
                "TestSupport", "ai-usage-agent-cli", "Agent", "Providers", "History", "OAuth", "Vault", "KeyringProtocol", "Age",
                "Platform",
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Age/Files", "Providers/Golden"]
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "TestSupport", "Agent", "OAuth", "Vault", "Platform",
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Servers"]
        ),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzzers are built where they are asked for (scripts/fuzz): libFuzzer brings a main of its own, which no other build has.
if Context.environment["AUA_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzz", dependencies: ["Agent", "Providers", "OAuth", "Vault", "KeyringProtocol", "Age", "Platform"], path: "Tests/Fuzz",
            exclude: ["Corpus", "Dictionaries", "Regressions"]))
}

var strictC: [CSetting] { [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)] }

for target in package.targets where target.type != .system && !target.name.hasPrefix("C") {
    let isTest = target.type == .test || ["TestSupport", "fuzz"].contains(target.name)
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .enableUpcomingFeature("ExistentialAny"),  // SE-0335
            .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
            .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
            .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461
            .enableUpcomingFeature("InferIsolatedConformances"),  // SE-0470
            .treatAllWarnings(as: .error),
        ]
        // All unsafe code stands in Platform; everywhere else the compiler refuses it (SE-0458). Noisy in tests.
        + (isTest ? [] : [.strictMemorySafety()])
}
