package import Platform
package import Vault

/// Where the agent's socket is, and whether what stands there may be trusted.
package struct AgentSocket: Sendable {
    package static let fileName = "agent.sock"
    private static let lockName = "agent.lock"
    /// Longest path of a Unix socket in bytes (unix(7)).
    private static let longestPath = 107

    /// `$XDG_RUNTIME_DIR/ai-usage-agent`, or the same below `/run/user/UID`; never /tmp.
    package let directory: String
    /// One of more than 107 bytes can neither be served nor found (unix(7)).
    package var path: String { directory + "/" + AgentSocket.fileName }

    /// Looks at nothing yet.
    package init(_ paths: VaultPaths) { directory = paths.runtime ?? "/run/user/\(Peer.ownUser)/" + VaultPaths.folder }

    /// What can go wrong before an agent serves.
    package enum Problem: Error, Sendable {
        case isRunning(path: String)
        case isTooLong(path: String)
        case file(FileError)
        case socket(SocketError)
        case thread(ThreadError)
    }

    /// The lock that one agent holds for as long as it runs, and what it listens on.
    struct Place: ~Copyable, Sendable {
        let lock: FileLock
        let listener: UnixListener
    }

    /// Takes the place of the one agent of this person and runtime directory.
    ///
    /// - Parameter inherited: the descriptor of a socket that the service manager listens on.
    func take(inherited: Int32?) throws(Problem) -> Place {
        guard path.utf8.count <= AgentSocket.longestPath else { throw .isTooLong(path: path) }
        let parent = String(directory.dropLast(VaultPaths.folder.utf8.count + 1))
        let folder = try onFiles { () throws(FileError) in
            _ = try PrivateDirectory.open(parent)
            return try PrivateDirectory.open(directory, create: true)
        }
        let lock = try onFiles { () throws(FileError) in try FileLock.acquireNow(folder, AgentSocket.lockName, .exclusive) }
        guard let lock else { throw .isRunning(path: path) }
        guard let inherited else {
            return Place(
                lock: lock, listener: try onFiles { () throws(FileError) in try UnixListener.bind(AgentSocket.fileName, in: folder) })
        }
        guard let listener = UnixListener.inherited(inherited, AgentSocket.fileName, in: folder) else {
            throw .file(FileError(.unsafe, path, "the service manager handed over no socket"))
        }
        return Place(lock: lock, listener: listener)
    }

    private func onFiles<R: ~Copyable>(_ body: () throws(FileError) -> R) throws(Problem) -> R {
        do throws(FileError) { return try body() } catch { throw .file(error) }
    }
}

extension AgentSocket {
    /// Connects to the agent, after looking at who made the place; nil where none is running.
    ///
    /// - Throws: `file` with `unsafe` where the directory or the socket is not ours alone, or another user answers.
    package func connect() throws(Problem) -> StreamSocket? {
        guard try isThere() else { return nil }
        let socket: StreamSocket
        do throws(SocketError) { socket = try StreamSocket.connect(unix: path) } catch {
            if error.isNobodyThere { return nil }
            throw .socket(error)
        }
        guard let peer = socket.peer, peer.isThisUser else {
            throw .file(FileError(.unsafe, path, "is answered by another user"))
        }
        return socket
    }

    /// Whether there is a socket of ours, at a place of ours. Asks nobody.
    ///
    /// - Throws: as `connect`.
    func isThere() throws(Problem) -> Bool {
        // Where nothing stands there is nothing to be warned of, however open the directory is.
        guard path.utf8.count <= AgentSocket.longestPath, FileStamp(path) != nil else { return false }
        let parent = String(directory.dropLast(VaultPaths.folder.utf8.count + 1))
        return try onFiles { () throws(FileError) in
            do throws(FileError) {
                _ = try PrivateDirectory.open(parent)
                let folder = try PrivateDirectory.open(directory)
                return try folder.checkSocket(AgentSocket.fileName)
            } catch {
                if error.kind == .notFound { return false }
                throw error
            }
        }
    }
}
