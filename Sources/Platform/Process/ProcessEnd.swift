import Glibc

/// Leaves the process.
package enum ProcessEnd {
    package static func exit(_ code: Int32) -> Never { Glibc.exit(code) }
}
