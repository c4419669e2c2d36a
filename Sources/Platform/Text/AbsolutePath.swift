/// An absolute path as text.
package enum AbsolutePath {
    /// Directory and name.
    package static func split(_ path: String) -> (folder: String, name: String) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[slash...].drop { $0 == "/" }))
    }
}
