import Glibc
import Platform

// What libFuzzer calls; its main reads the arguments (scripts/fuzz). One program for all targets: linking one for each would
// cost more than running them.

/// The target that AUA_FUZZ_TARGET names; "list" prints them all.
private let chosen: FuzzTarget = {
    let name = getenv("AUA_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    if let target = FuzzTarget.all.first(where: { $0.name == name }) { return target }
    if name == "list" {
        for target in FuzzTarget.all { print("\(target.name) \(target.longest)") }
        exit(0)
    }
    FuzzTarget.say("AUA_FUZZ_TARGET must be one of: \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
    exit(64)
}()

@c(LLVMFuzzerInitialize)
public func initializeFuzzer(_ count: UnsafeMutablePointer<Int32>?, _ arguments: UnsafeMutableRawPointer?) -> Int32 {
    _ = chosen
    return 0
}

@c(LLVMFuzzerTestOneInput)
public func runOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    chosen.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
