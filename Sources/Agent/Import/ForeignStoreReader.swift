import KeyringProtocol
package import Platform
package import Providers
import Vault

/// Why a store of another program gives no login: a sentence that names the place.
package struct ForeignProblem: Error, Sendable {
    /// There is no such store, which is no fault of it.
    package let isAbsent: Bool
    /// For people; no secret.
    package let reason: String
    /// The keyring that holds it is locked or does not answer.
    var keyring: VaultError.Code?
}

/// A store that was read: its text, which a move edits, and what is in it.
package final class ForeignContent: Sendable {
    /// The whole text, refresh tokens included.
    package let document: JSONDocument
    package let reading: ForeignReading

    init(_ document: consuming JSONDocument, _ reading: ForeignReading) {
        self.document = document
        self.reading = reading
    }

    /// Whether both texts are the same.
    func isSame(_ other: ForeignContent) -> Bool {
        document.withRawText(of: document.root) { a in other.document.withRawText(of: other.document.root) { b in constantTimeEqual(a, b) }
        }
    }
}

/// Reads the stores of other programs and changes nothing, not even beside them.
package struct ForeignStoreReader: Sendable {
    let keyring: KeyringHelper
    let time: TimeSource

    /// Some programs write their file in place: a reader may meet half of it.
    private static let attempts = 4
    private static let pause = Duration.milliseconds(50)
    /// Claude Code's file of everything but tokens grows with use.
    private static let profileLimit = 8 << 20

    /// Reads one store; half a file is read again, four times at most.
    ///
    /// - Throws: `ForeignProblem` for a store that is absent, unsafe, locked, or not what it should be.
    package func read(_ source: ImportSource, _ place: ForeignPlace) async throws(ForeignProblem) -> ForeignContent {
        var attempt = 1
        while true {
            let text = try await text(source, place)
            do throws(JSONError) {
                let document = try JSONDocument(text)
                let profile = source == .claudeCode ? profile(place) : nil
                let reading = ForeignStore.read(source, document, profile: profile)
                return ForeignContent(document, reading)
            } catch {
                guard place.kind == .file, attempt < ForeignStoreReader.attempts else {
                    throw problem(source, place, "it is torn or no JSON (\(error.description))")
                }
                attempt += 1
                await time.sleep(ForeignStoreReader.pause)
            }
        }
    }

    private func text(_ source: ImportSource, _ place: ForeignPlace) async throws(ForeignProblem) -> SecretBytes {
        switch place.kind {
        case .file:
            do throws(FileError) { return try ForeignFile.read(place.place) } catch { throw problem(error) }
        case .database: return try await database(source, place)
        case .keyring: return try await item(source, place)
        }
    }

    /// Of an agent, and of all agents together, as OpenClaw names them.
    private static let queries = [
        "SELECT store_json FROM auth_profile_store WHERE store_key = 'primary'",
        "SELECT value_json FROM config_machine_state WHERE state_key = 'authProfiles.store'",
    ]

    private func database(_ source: ImportSource, _ place: ForeignPlace) async throws(ForeignProblem) -> SecretBytes {
        guard source == .openclaw else { throw problem(source, place, "\(source.title) keeps no logins in a database") }
        let path = place.place
        // Somebody who writes to it is waited for.
        let answer = await onOwnThread { () -> Result<SecretBox?, FileError> in
            do throws(FileError) {
                for query in ForeignStoreReader.queries {
                    if let value = try ForeignDatabase.value(path, query: query) { return .success(SecretBox(value)) }
                }
                return .success(nil)
            } catch { return .failure(error) }
        }
        switch answer {
        case .success(let box):
            guard let value = box?.take() else { throw problem(source, place, "it holds no login") }
            return value
        case .failure(let error): throw problem(error)
        }
    }

    private func item(_ source: ImportSource, _ place: ForeignPlace) async throws(ForeignProblem) -> SecretBytes {
        var request = KeyringRequestWriter(unlock: false)
        request.addForeign(service: KeyringOperation.foreignServices[0], username: place.place)
        guard let answer = await keyring.ask(request).first else { throw problem(source, place, "the keyring does not answer") }
        switch answer.reply.result {
        case .found:
            guard answer.reply.secretCount == 1, let secret = answer.reply.secret(at: 0) else {
                throw problem(source, place, "there are \(answer.reply.secretCount) of them, and nothing says which one counts")
            }
            return secret
        case .absent: throw ForeignProblem(isAbsent: true, reason: "there is no item of \(source.title) in the keyring")
        default:
            let error = VaultError.keyring(answer.reply)
            throw ForeignProblem(
                isAbsent: answer.reply.isNobodyThere, reason: "\(place.title(source)): \(error.message)", keyring: error.code)
        }
    }

    private func profile(_ place: ForeignPlace) -> JSONValue? {
        for path in ForeignPlaces.claudeProfile(of: place.place) {
            guard let text = try? ForeignFile.read(path, limit: ForeignStoreReader.profileLimit), let document = try? JSONDocument(text)
            else {
                continue
            }
            guard let owner = document.at("oauthAccount") else { continue }
            return ["oauthAccount": document.value(owner)]
        }
        return nil
    }

    private func problem(_ error: FileError) -> ForeignProblem {
        if error.kind == .notFound { return ForeignProblem(isAbsent: true, reason: "there is no \(error.path)") }
        return ForeignProblem(isAbsent: false, reason: error.description)
    }

    private func problem(_ source: ImportSource, _ place: ForeignPlace, _ reason: String) -> ForeignProblem {
        ForeignProblem(isAbsent: false, reason: "\(place.title(source)): \(reason)")
    }
}
