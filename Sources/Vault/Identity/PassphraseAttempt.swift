import Age
import Platform

/// One opening of a file under a passphrase, handed to a thread: scrypt blocks it for half a second.
final class PassphraseAttempt: Sendable {
    private let sealed: SecretBytes
    private let passphrase: SecretBytes
    private let workFactors: ClosedRange<Int>

    init(sealed: consuming SecretBytes, passphrase: consuming SecretBytes, _ workFactors: ClosedRange<Int>) {
        self.sealed = sealed
        self.passphrase = passphrase
        self.workFactors = workFactors
    }

    func open() -> Result<SecretBox, AgeError> {
        sealed.withBytes { file in
            do throws(AgeError) {
                return .success(SecretBox(try AgeFile.open(file, passphrase: passphrase, workFactors: workFactors)))
            } catch { return .failure(error) }
        }
    }
}

/// One sealing under a passphrase, handed to a thread for the same reason.
final class PassphraseSealing: Sendable {
    private let content: SecretBytes
    private let passphrase: SecretBytes

    init(_ content: consuming SecretBytes, _ passphrase: consuming SecretBytes) {
        self.content = content
        self.passphrase = passphrase
    }

    func seal() -> Result<[UInt8], AgeError> {
        content.withBytes { bytes in
            do throws(AgeError) {
                return .success(try AgeFile.seal(bytes, passphrase: passphrase, workFactor: IdentityFiles.workFactor))
            } catch { return .failure(error) }
        }
    }
}

/// Keeps the passphrase of a vault for a command that has to open it again or seals under it again.
final class PassphraseKeeper: Sendable {
    private let box = Guarded<SecretBox?>(nil)

    func keep(_ passphrase: borrowing SecretBytes) {
        let kept = SecretBox(passphrase.duplicate())
        box.withLock { $0 = kept }
    }

    func copy() -> SecretBytes? {
        guard let passphrase = take() else { return nil }
        keep(passphrase)
        return passphrase
    }

    func take() -> SecretBytes? { box.withLock { $0 }?.take() }
}
