import Platform

/// Turns at the desktop keyring, for all processes of one data directory: a hundred helpers at once would keep each other from
/// starting, and the Secret Service answers one after the other anyhow.
///
/// The slots are lock files that are never removed. They are the innermost locks: nobody who holds one waits for anything but
/// its helper, which is killed when it is silent.
struct HelperSlots: Sendable {
    /// As many commands may wait for a silent service at once without waiting for each other.
    static let count = 8
    /// Of somebody who waits for a turn.
    static let patience = Duration.seconds(35)

    /// Nil bounds nothing.
    private let directory: String?

    init(_ directory: String?) { self.directory = directory }

    /// A turn, given back at its end.
    struct Turn: ~Copyable, Sendable {
        private let lock: FileLock?
        let isGranted: Bool

        fileprivate init(_ lock: consuming FileLock?, isGranted: Bool) {
            self.lock = lock
            self.isGranted = isGranted
        }

        /// Of somebody who takes no turns.
        static var free: Turn { Turn(nil, isGranted: true) }
    }

    /// Waits without blocking a thread. Where there is no data directory yet, nobody else is there; and where locks cannot be
    /// had at all, the vault's own locks say so.
    func take() async -> Turn {
        guard let directory, let locks = try? PrivateDirectory.open(directory) else { return .free }
        let first = Int.random(in: 0..<HelperSlots.count)
        do throws(FileError) {
            for offset in 0..<HelperSlots.count {
                let name = HelperSlots.name((first + offset) % HelperSlots.count)
                if let lock = try await FileLock.acquire(locks, name, .exclusive, patience: .zero, time: .system) {
                    return Turn(lock, isGranted: true)
                }
            }
            let lock = try await FileLock.acquire(
                locks, HelperSlots.name(first), .exclusive, patience: HelperSlots.patience, time: .system)
            let isGranted = lock != nil
            return Turn(lock, isGranted: isGranted)
        } catch { return .free }
    }

    private static func name(_ slot: Int) -> String { "keyring-\(slot)" }
}
