import CKeyring
import KeyringProtocol
import Platform

/// The connection to the Secret Service, opened at the first request and kept for the batch.
@safe final class SecretService {
    private let mayAsk: Bool
    private var keyring: OpaquePointer?
    private var opened: (result: ckeyring_result, why: String)?

    init(mayAsk: Bool) { self.mayAsk = mayAsk }

    deinit { unsafe ckeyring_close(keyring) }

    /// The reply to one request, as a line without its end.
    func answer(_ request: JSONDocument.Node, _ document: borrowing JSONDocument) -> SecretBytes {
        let name = document.member("op", of: request).flatMap { document.string($0) }
        let reference = document.member("ref", of: request).flatMap { document.string($0) }
        guard let operation = name.flatMap(KeyringOperation.init) else { return reply(.unavailable, "unknown operation") }
        let (result, why) = open()
        guard result == CKEYRING_OK, let keyring = unsafe keyring else {
            return KeyringReplyWriter(kind(result), why: why, obstacle: obstacle(result)).finish()
        }
        switch operation {
        case .state:
            var reason = ckeyring_reason()
            let state = unsafe ckeyring_state(keyring, &reason)
            return reply(kind(state), text(reason))
        case .canary: return unsafe canary(keyring)
        case .get: return unsafe get(keyring, reference ?? "")
        case .put:
            guard let node = document.member("secret", of: request), let secret = document.secret(node) else {
                return reply(.unavailable, "a put without a secret")
            }
            let label = document.member("label", of: request).flatMap { document.string($0) } ?? "AI Usage Agent"
            return unsafe put(keyring, reference ?? "", label, secret)
        case .delete:
            var reason = ckeyring_reason()
            let result = unsafe ckeyring_delete(keyring, reference ?? "", &reason)
            return reply(result == CKEYRING_OK ? .done : kind(result), text(reason))
        case .list: return unsafe list(keyring)
        case .foreign:
            let service = document.member("service", of: request).flatMap { document.string($0) } ?? ""
            let username = document.member("username", of: request).flatMap { document.string($0) } ?? ""
            guard KeyringOperation.foreignServices.contains(service), !username.isEmpty else {
                return reply(.unavailable, "items of that service are not read")
            }
            return unsafe handedOver { unsafe ckeyring_foreign(keyring, service, username, $0, $1, $2) }
        }
    }

    private func open() -> (ckeyring_result, String) {
        if let opened { return opened }
        var reason = ckeyring_reason()
        var found: OpaquePointer?
        var result = unsafe ckeyring_open(&found, &reason)
        unsafe keyring = found
        if result == CKEYRING_OK, mayAsk, let found = unsafe found { result = unsafe ckeyring_unlock(found, &reason) }
        opened = (result, text(reason) ?? "")
        return (result, text(reason) ?? "")
    }

    private func get(_ keyring: OpaquePointer, _ reference: String) -> SecretBytes {
        unsafe handedOver { unsafe ckeyring_get(keyring, reference, $0, $1, $2) }
    }

    private typealias Search = (
        ckeyring_secret, UnsafeMutableRawPointer, UnsafeMutablePointer<ckeyring_reason>
    ) -> ckeyring_result

    /// The reply with every secret that a search finds.
    private func handedOver(_ search: Search) -> SecretBytes {
        let found = unsafe fetch(search)
        guard found.result == CKEYRING_OK else { return reply(kind(found.result), text(found.reason)) }
        var writer = KeyringReplyWriter(.found, why: nil)
        writer.beginSecrets()
        for box in found.secrets {
            if let secret = box.take() { secret.withBytes { writer.secret($0) } }
        }
        writer.endSecrets()
        return writer.finish()
    }

    private func fetch(_ search: Search) -> Found {
        let found = Found()
        found.result = withExtendedLifetime(found) {
            unsafe search(
                { context, bytes, count in
                    let found = unsafe Unmanaged<Found>.fromOpaque(context!).takeUnretainedValue()
                    let span = unsafe UnsafeBufferPointer(start: bytes, count: count).span
                    found.secrets.append(SecretBox(SecretBytes(copying: span)))
                }, Unmanaged.passUnretained(found).toOpaque(), &found.reason)
        }
        return found
    }

    private func put(_ keyring: OpaquePointer, _ reference: String, _ label: String, _ secret: borrowing SecretBytes) -> SecretBytes {
        var reason = ckeyring_reason()
        let result = secret.withBytes { bytes in
            unsafe bytes.withUnsafeBufferPointer { unsafe ckeyring_put(keyring, reference, label, $0.baseAddress!, $0.count, &reason) }
        }
        return reply(result == CKEYRING_OK ? .done : kind(result), text(reason))
    }

    private func list(_ keyring: OpaquePointer) -> SecretBytes {
        let found = Found()
        let result = withExtendedLifetime(found) {
            unsafe ckeyring_list(
                keyring,
                { context, reference in
                    let found = unsafe Unmanaged<Found>.fromOpaque(context!).takeUnretainedValue()
                    found.references.append(unsafe String(cString: reference))
                }, Unmanaged.passUnretained(found).toOpaque(), &found.reason)
        }
        guard result == CKEYRING_OK || result == CKEYRING_ABSENT else { return reply(kind(result), text(found.reason)) }
        var writer = KeyringReplyWriter(.found, why: nil)
        writer.references(found.references)
        return writer.finish()
    }

    /// A keyring is trusted with a login only after it has given back what it took.
    private func canary(_ keyring: OpaquePointer) -> SecretBytes {
        let reference = KeyringOperation.canaryPrefix + Random.uuid()
        let secret = SecretBytes(Hex.encode(Random.bytes(32).span))
        var reason = ckeyring_reason()
        // Fails as locked before anything is written.
        let stored = secret.withBytes { bytes in
            unsafe bytes.withUnsafeBufferPointer {
                unsafe ckeyring_put(keyring, reference, "AI Usage Agent: test", $0.baseAddress!, $0.count, &reason)
            }
        }
        guard stored == CKEYRING_OK else { return reply(kind(stored), text(reason)) }
        let found = unsafe fetch { unsafe ckeyring_get(keyring, reference, $0, $1, $2) }
        _ = unsafe ckeyring_delete(keyring, reference, &reason)
        guard found.result == CKEYRING_OK || found.result == CKEYRING_ABSENT else { return reply(kind(found.result), text(found.reason)) }
        guard found.result == CKEYRING_OK, found.secrets.count == 1, let back = found.secrets[0].take(), SecretBytes.equal(back, secret)
        else {
            return reply(.unavailable, "the keyring did not give back what was written to it")
        }
        unsafe ckeyring_sweep(keyring)
        return reply(.done, nil)
    }

    private final class Found {
        var secrets: [SecretBox] = []
        var references: [String] = []
        var result = CKEYRING_UNAVAILABLE
        var reason = ckeyring_reason()
    }

    private func reply(_ result: KeyringResult, _ why: String?) -> SecretBytes {
        KeyringReplyWriter(result, why: why.flatMap { $0.isEmpty ? nil : $0 }).finish()
    }

    private func kind(_ result: ckeyring_result) -> KeyringResult {
        switch result {
        case CKEYRING_OK: .done
        case CKEYRING_ABSENT: .absent
        case CKEYRING_LOCKED: .locked
        default: .unavailable
        }
    }

    private func obstacle(_ result: ckeyring_result) -> KeyringObstacle? {
        switch result {
        case CKEYRING_NO_BUS: .noBus
        case CKEYRING_BUS_UNREACHABLE: .busUnreachable
        case CKEYRING_NO_SERVICE: .noService
        case CKEYRING_NO_COLLECTION: .noCollection
        default: nil
        }
    }

    private func text(_ reason: ckeyring_reason) -> String? {
        var reason = reason
        return unsafe withUnsafeBytes(of: &reason.text) { buffer in
            let text = String(decoding: unsafe buffer.prefix { $0 != 0 }.map { $0 }, as: UTF8.self)
            return text.isEmpty ? nil : text
        }
    }
}
