import OAuth
package import Platform
import Providers
import Vault

extension Configuration {
    /// What `config init` writes: every setting with its default, and names that begin with // as comments.
    package static let template = """
        {
          "// about": "ai-usage-agent. Names that begin with // are comments. All settings: docs/configuration in the project.",
          "schemaVersion": 1,
          "vault": {
            "// backend": "auto, keyring or file. It is chosen once, at the first login, and never switched silently.",
            "backend": "auto",
            "// identity": "What opens the vault. One source chooses it; several only say in which order to try.",
            "identity": ["keyring", "systemd-credential", "key-file", "passphrase"],
            "keyFile": null,
            "// passphraseCommand": "A program and its arguments, run without a shell: [\\"pass\\", \\"show\\", \\"aua\\"].",
            "passphraseCommand": null,
            "// pinentry": "Absolute path of a pinentry program that asks for the passphrase, where no command is named.",
            "pinentry": null,
            "allowNetworkFilesystem": false
          },
          "network": {
            "// proxy": "HTTPS_PROXY, ALL_PROXY and NO_PROXY are honoured; this overrides them.",
            "proxy": null,
            "caFile": null,
            "timeoutSeconds": 30
          },
          "agent": { "idleLockSeconds": null, "lifetimeSeconds": null },
          "usage": { "pollSeconds": 300, "historyDays": 90 },
          "providers": {
            "codex": { "enabled": true },
            "// acme": "Any OpenID server: { \\"type\\": \\"oidc\\", \\"issuer\\": \\"https://id.example.org\\", \\"clientId\\": \\"cli\\", \\"scopes\\": [\\"openid\\", \\"email\\", \\"offline_access\\"] }"
          }
        }

        """

    /// The configuration in force, defaults included.
    package var json: JSONValue {
        var named = JSONObject()
        for (name, settings) in providers.sorted(by: { $0.key < $1.key }) {
            var endpoints = JSONObject()
            for (key, address) in settings.endpoints.sorted(by: { $0.key < $1.key }) { endpoints[key] = .string(address.description) }
            var member: JSONObject = [
                "enabled": .bool(settings.isEnabled), "type": "oidc", "issuer": .optional(settings.issuer),
                "clientId": .optional(settings.clientId),
                "scopes": settings.scopes.map(JSONValue.strings) ?? .null,
                "redirectUri": .optional(settings.redirect.map { $0.ports.first.map($0.uri) ?? "http://\($0.host)\($0.path)" }),
                "env": .optional(settings.environmentVariable), "endpoints": .object(endpoints),
            ]
            // Built-in providers know what they are.
            if ["codex", "claude"].contains(name) { member["type"] = nil }
            if name == "claude" { member["webSession"] = .bool(settings.usesWebSession) }
            named[name] = .object(member)
        }
        return [
            "schemaVersion": .number(JSONNumber(Configuration.schemaVersion)),
            "vault": [
                "backend": .string(backend.rawValue), "identity": identity.map { .strings($0.map(\.rawValue)) } ?? .null,
                "keyFile": .optional(keyFile), "passphraseCommand": passphraseCommand.map(JSONValue.strings) ?? .null,
                "pinentry": .optional(pinentry), "allowNetworkFilesystem": .bool(allowNetworkFilesystem),
            ],
            "network": ["proxy": .optional(proxy), "caFile": .optional(caFile), "timeoutSeconds": .number(JSONNumber(timeoutSeconds))],
            "agent": ["idleLockSeconds": .optional(idleLockSeconds), "lifetimeSeconds": .optional(lifetimeSeconds)],
            "usage": ["pollSeconds": .number(JSONNumber(pollSeconds)), "historyDays": .number(JSONNumber(historyDays))],
            "providers": .object(named),
        ]
    }
}
