import Platform

/// Whether the tests have all the time they want (`make soak`), and where they say what they saw.
package enum Soak {
    package static let isOn = ProcessEnvironment.current()["AUA_SOAK"] == "1"

    /// A figure for whoever runs `make soak`.
    package static func report(_ text: String) {
        if isOn { Terminal.write("soak: \(text)\n", to: .error) }
    }
}
