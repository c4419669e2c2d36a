extension DoctorCheck {
    /// Of the sections vault, identity, backend; nil for others.
    static func ofVault(_ check: DoctorCheck) -> Meaning? {
        switch check {
        case .vaultDirMode:
            Meaning(
                "the data directory is open to others",
                why: "Anybody who may list or write the directory can read who is logged in, or swap files.",
                remedy: "Take the others' rights away.", command: "chmod 700 DATA")
        case .vaultDirOwner:
            Meaning(
                "the data directory belongs to somebody else", why: "Its owner can replace everything in it.",
                remedy: "Make it yours, or move it away and begin anew.", command: nil)
        case .vaultDirSymlink:
            Meaning(
                "the data directory is a symbolic link or no directory",
                why: "A link can be pointed elsewhere between two looks; the vault refuses it.", remedy: "Put a real directory there.",
                command: nil)
        case .vaultUnreadable:
            Meaning(
                "something of the vault cannot be read", why: "It may be in order; nobody can say, and no command works.",
                remedy: "See what is in the way: permissions, the disk, the limits of this session. It is no reason to restore a backup.",
                command: nil)
        case .vaultFolderMode:
            Meaning(
                "the folder of the locks or the journal has other rights than its owner's", why: "Every refresh is refused there.",
                remedy: "Give it to you alone.", command: nil)
        case .vaultUnwritable:
            Meaning(
                "nothing can be written where the vault is",
                why: "A refresh, a login and a logout fail there; tokens that live are still given.",
                remedy: "Make room, or make the disk writable again.", command: nil)
        case .vaultFolderUnusable:
            Meaning(
                "the folder of the locks or the journal, or something in it, is not what it should be",
                why: "A refresh cannot take its lock there, or write down its result.", remedy: "See what stands there, and move it away.",
                command: nil)
        case .vaultMetadataMissing:
            Meaning(
                "auth.json is gone, and something of a vault is there",
                why: "Taken for an empty store it would be overwritten by a second vault.", remedy: "Restore auth.json from a backup.",
                command: nil)
        case .vaultMetadataMode:
            Meaning(
                "auth.json is open to others", why: "It names your accounts, and who writes it steers which key is asked for.",
                remedy: "Take the others' rights away.", command: "chmod 600 AUTH")
        case .vaultMetadataOwner:
            Meaning(
                "auth.json belongs to somebody else", why: "Its owner can change which vault and which accounts there are.",
                remedy: "Make it yours, or restore it from a backup.", command: nil)
        case .vaultMetadataSymlink:
            Meaning(
                "auth.json is a symbolic link or no regular file", why: "What it leads to can be swapped; the vault refuses it.",
                remedy: "Put the file itself there.", command: nil)
        case .vaultMetadataMalformed:
            Meaning(
                "auth.json cannot be understood", why: "No account can be found before it is repaired.",
                remedy: "Restore it from a backup, or repair the line.", command: nil)
        case .vaultMetadataNewerSchema:
            Meaning(
                "auth.json was written by a newer version", why: "An older program could lose what it does not know.",
                remedy: "Use the newer ai-usage-agent that wrote it.", command: nil)
        case .vaultMetadataContainsSecret:
            Meaning(
                "auth.json holds something that looks like a secret", why: "auth.json is not sealed: backups and other programs see it.",
                remedy: "Log out and in again, so that the token is worth nothing.", command: nil)
        case .vaultMetadataMac:
            Meaning(
                "the vault record in auth.json was changed by somebody else", why: "Who can change it could redirect what is sealed next.",
                remedy: "Restore auth.json from a backup.", command: nil)
        case .vaultSealedMissing:
            Meaning(
                "secrets.age is gone", why: "Without it every account has to log in again.", remedy: "Restore it from a backup.",
                command: nil)
        case .vaultSealedMode:
            Meaning(
                "secrets.age is open to others", why: "It is sealed, but a copy of it can be attacked at leisure.",
                remedy: "Take the others' rights away.", command: "chmod 600 SEALED")
        case .vaultSealedOwner:
            Meaning(
                "secrets.age belongs to somebody else", why: "Its owner can put an older copy back.",
                remedy: "Make it yours, or restore it from a backup.", command: nil)
        case .vaultSealedSymlink:
            Meaning(
                "secrets.age is a symbolic link or no regular file", why: "What it leads to can be swapped; the vault refuses it.",
                remedy: "Put the file itself there.", command: nil)
        case .vaultSealedMalformed:
            Meaning(
                "secrets.age is damaged", why: "A file that is cut or changed opens to nothing.", remedy: "Restore it from a backup.",
                command: nil)
        case .vaultSealedForeign:
            Meaning(
                "secrets.age was sealed by or to somebody else", why: "Anybody can seal something to your public recipient.",
                remedy: "Put this vault's own file back.", command: nil)
        case .vaultRollback:
            Meaning(
                "the vault looks like a restored backup", why: "A backup holds spent tokens; spending one again can end the living login.",
                remedy: "Put the newest file back, or accept this one.", command: "ai-usage-agent vault adopt")
        case .vaultCloned:
            Meaning(
                "the vault or an account comes from another machine",
                why: "Two holders of one single-use refresh token end the login of both.",
                remedy: "If the other machine no longer uses it, adopt it.", command: "ai-usage-agent vault adopt")
        case .vaultRecipientMismatch:
            Meaning(
                "the identity is not the one that the vault is sealed to", why: "The next token would be sealed to somebody else.",
                remedy: "Put the vault's own identity back, or restore auth.json.", command: nil)
        case .vaultNetworkFilesystem:
            Meaning(
                "the data directory is on a network file system",
                why: "Locks between machines cannot be trusted, so nothing is refreshed there.",
                remedy: "Set XDG_DATA_HOME to a local disk.", command: nil)
        case .vaultInGitTree:
            Meaning(
                "the data directory is inside a git work tree", why: "One `git add` and the vault is in a history for ever.",
                remedy: "Move it out, or set XDG_DATA_HOME to another place.", command: nil)
        case .vaultInSyncedFolder:
            Meaning(
                "the data directory is in a folder that is synchronised",
                why: "Other machines get copies, and two holders of one token end the login of both.",
                remedy: "Move it out, or set XDG_DATA_HOME to another place.", command: nil)
        case .vaultLeftoverTemp:
            Meaning(
                "a crash left unfinished files", why: "They may hold a copy of what was being written.", remedy: "Remove them.",
                command: "ai-usage-agent auth doctor --fix")
        case .identityMissing:
            Meaning(
                "the key that opens the vault is gone", why: "Without it nothing that was sealed can be read again.",
                remedy: "Put it back from a backup.", command: nil)
        case .identityKeyfileMode:
            Meaning(
                "the key file is open to others", why: "Who reads it can open the vault.", remedy: "Take the others' rights away.",
                command: nil)
        case .identityKeyfileOwner:
            Meaning(
                "the key file belongs to somebody else", why: "Its owner can read and replace the key.",
                remedy: "Make it yours, and change the key.", command: "ai-usage-agent vault rekey")
        case .identityKeyfileBesideVault:
            Meaning(
                "a key in clear stands in the data directory", why: "Who copies the directory then has both the lock and the key.",
                remedy: "Move the key out of the data directory.", command: nil)
        case .identityKeyfileMalformed:
            Meaning(
                "the identity is damaged", why: "The vault cannot be opened with it.", remedy: "Put it back from a backup.", command: nil)
        case .identityPassphraseWeakKdf:
            Meaning(
                "the passphrase is stretched too little", why: "A copy of identity.age can be guessed at faster than with the default.",
                remedy: "Seal it again with the default.", command: "ai-usage-agent vault change-passphrase")
        case .identitySourceUnavailable:
            Meaning(
                "the source of the identity does not answer", why: "Until it does the vault stays closed.",
                remedy: "Run the command where the source is.", command: nil)
        case .backendPinUnavailable:
            Meaning(
                "the keyring that holds the secrets cannot be reached",
                why: "Nothing is written elsewhere instead: the secrets would be in two places.",
                remedy: "Run the command inside the desktop session.", command: nil)
        case .backendNoSessionBus:
            Meaning(
                "there is no session bus", why: "The Secret Service is asked over it.",
                remedy: "Run the command inside the desktop session.", command: nil)
        case .backendNoSecretService:
            Meaning(
                "nobody offers a Secret Service", why: "The keyring cannot be used without one.",
                remedy: "Start the desktop's keyring (gnome-keyring-daemon, kwalletd).", command: nil)
        case .backendNoDefaultCollection:
            Meaning(
                "the Secret Service has no default keyring", why: "Nothing can be stored in it.",
                remedy: "Make one in the desktop's keyring program.", command: nil)
        case .backendLocked:
            Meaning(
                "the desktop keyring is locked", why: "Nothing can be read before it is unlocked.", remedy: "Unlock it.",
                command: "ai-usage-agent vault unlock")
        case .backendSlow:
            Meaning(
                "the desktop keyring does not answer in time", why: "Each command waits three seconds for it and gives up.",
                remedy: "Restart the keyring service, or log in to the desktop again.", command: nil)
        case .backendRoundtripFailed:
            Meaning(
                "the keyring does not give back what it took", why: "A login that was stored there could be lost.",
                remedy: "Restart the keyring service, or move the vault to a file.",
                command: "ai-usage-agent vault migrate --to file --identity key-file")
        case .backendOrphanSecret:
            Meaning(
                "there are secrets without an account", why: "Tokens are kept that no command will use or revoke.",
                remedy: "Log in to the account again, then out.", command: nil)
        case .backendAccountWithoutSecret:
            Meaning(
                "an account has no secrets", why: "No token can be had for it.", remedy: "Log in again.", command: nil)
        case .backendDuplicateItem:
            Meaning(
                "the keyring holds an account twice", why: "The higher generation counts; the other is a spent token.",
                remedy: "Remove the older item in the desktop's keyring program.", command: nil)
        default: nil
        }
    }
}
