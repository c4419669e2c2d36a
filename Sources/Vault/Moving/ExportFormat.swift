import Platform

/// What an exported file holds once age has opened it: one JSON object, padded with blanks to a multiple of 4096 bytes.
///
/// `{"format":"ai-usage-agent/export","version":1,"vaultId":…,"exportedAt":…,"machineSalt":…,"machine":…,"bundles":[…]}`; a
/// bundle is what the vault itself keeps of an account.
enum ExportFormat {
    static let name = "ai-usage-agent/export"
    static let version = 1
    static let block = 4096

    /// Which machine exported, without telling it to who does not ask the same machine; "none" where it has no id.
    static func machine(_ machineId: String?, salt: String) -> String {
        guard let machineId else { return "none" }
        let key = Array(salt.utf8)
        let message = Array(machineId.utf8)
        return Hex.encode(HMACSHA256.authenticate(message.span, key: key.span).span)
    }
}
