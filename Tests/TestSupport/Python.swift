import Glibc
import Platform

/// The Python of the tests' own servers (Tests/EndToEndTests/Servers).
package enum Python {
    /// One with requirements.txt installed: `AUA_PYTHON`, which `make test` sets, else the checkout's own .venv; nil if there
    /// is none.
    package static let path: String? = {
        let named = ProcessEnvironment.current()["AUA_PYTHON"]
        return [named, Program.repository + "/.venv/bin/python"].compactMap { $0 }.first {
            access($0, X_OK) == 0
        }
    }()

    static func script(_ name: String) -> String { Program.repository + "/Tests/EndToEndTests/Servers/" + name }
}
