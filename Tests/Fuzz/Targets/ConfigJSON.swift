import OAuth
import Platform
import Providers

@testable import Agent

/// config.json: what is accepted keeps tokens on safe ways, what is not is refused in words that can be shown.
extension FuzzTarget {
    static let configJSON = FuzzTarget(name: "config-json", longest: 4096) { input in
        let configuration: Configuration
        do throws(ConfigurationError) { configuration = try ConfigurationReader(path: "/config.json").parse(input.span) } catch {
            holdShowable(error.key, limit: 400, "the key of a configuration error")
            holdShowable(error.reason, limit: 400, "the reason of a configuration error")
            return
        }
        hold(configuration.timeoutSeconds >= 1 && configuration.pollSeconds >= 1, "no time is zero")
        hold(configuration.keyFile?.hasPrefix("/") ?? true, "paths are absolute")
        let catalog = ProviderCatalog(configuration.providers)
        for (name, settings) in configuration.providers {
            for (key, address) in settings.endpoints { hold(address.isAcceptable, "\(key) is TLS or this machine") }
            if let redirect = settings.redirect {
                guard let address = WebAddress(redirect.uri(port: 4321)) else { violated("a redirect is an address") }
                hold(address.isLoopback && !address.isSecure && address.port == 4321, "a redirect leads to this machine")
            }
            do throws(OAuthError) {
                let provider = try catalog.provider(name)
                let client = try provider.client()
                _ = (provider.usageEndpoint, provider.tokenVariable, provider.pollingRule)
                guard let endpoints = client.endpoints else { continue }
                for (key, origin) in endpoints.origins { hold(WebAddress(origin)?.isAcceptable == true, "\(key) is TLS or this machine") }
            } catch {
                hold(error.code == .configurationInvalid, "a provider that cannot work is a wrong configuration")
            }
        }
    }
}
