// The Secret Service as this program needs it: items found by one random reference, nothing that prompts unless asked.
// Everything here blocks and can block for ever (a service that is silent): it runs only in the helper process, which
// its parent kills.
#ifndef CKEYRING_H
#define CKEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ckeyring ckeyring;

typedef enum {
    CKEYRING_OK = 0,
    /// The service is unlocked and has no such item.
    CKEYRING_ABSENT = 1,
    CKEYRING_LOCKED = 2,
    CKEYRING_UNAVAILABLE = 3,
    /// There is no session bus.
    CKEYRING_NO_BUS = 4,
    /// There should be one, and nobody answers at its address.
    CKEYRING_BUS_UNREACHABLE = 5,
    /// Nobody on the bus offers the Secret Service.
    CKEYRING_NO_SERVICE = 6,
    /// The service has no default collection.
    CKEYRING_NO_COLLECTION = 7,
} ckeyring_result;

/// Why something is unavailable, for people.
typedef struct {
    char text[256];
} ckeyring_reason;

typedef void (*ckeyring_secret)(void *_Nullable context, const uint8_t *_Nonnull bytes, size_t count);
typedef void (*ckeyring_reference)(void *_Nullable context, const char *_Nonnull reference);

/// Connects to the session bus and the service and finds the default collection. The service may be started by the bus.
ckeyring_result ckeyring_open(ckeyring *_Nullable *_Nonnull out, ckeyring_reason *_Nonnull reason);
void ckeyring_close(ckeyring *_Nullable keyring);

/// Whether the default collection is unlocked now: OK, LOCKED or UNAVAILABLE.
ckeyring_result ckeyring_state(ckeyring *_Nonnull keyring, ckeyring_reason *_Nonnull reason);
/// Asks the person, through the service's own prompt. Blocks while they think.
ckeyring_result ckeyring_unlock(ckeyring *_Nonnull keyring, ckeyring_reason *_Nonnull reason);

/// Hands over the secret of every item with that reference.
ckeyring_result ckeyring_get(ckeyring *_Nonnull keyring, const char *_Nonnull reference, ckeyring_secret _Nonnull secret,
                             void *_Nullable context, ckeyring_reason *_Nonnull reason);
/// The same for items that another program made, with the attributes `service` and `username`.
ckeyring_result ckeyring_foreign(ckeyring *_Nonnull keyring, const char *_Nonnull service, const char *_Nonnull username,
                                 ckeyring_secret _Nonnull secret, void *_Nullable context, ckeyring_reason *_Nonnull reason);
/// Makes the item, or replaces it.
ckeyring_result ckeyring_put(ckeyring *_Nonnull keyring, const char *_Nonnull reference, const char *_Nonnull label,
                             const uint8_t *_Nonnull bytes, size_t count, ckeyring_reason *_Nonnull reason);
/// Removes every item with that reference; ABSENT if there was none.
ckeyring_result ckeyring_delete(ckeyring *_Nonnull keyring, const char *_Nonnull reference, ckeyring_reason *_Nonnull reason);
/// Removes the test items (references that begin with "canary-") that a killed test left behind a minute ago or more.
void ckeyring_sweep(ckeyring *_Nonnull keyring);
/// The references of all items of this program, once for each item.
ckeyring_result ckeyring_list(ckeyring *_Nonnull keyring, ckeyring_reference _Nonnull each, void *_Nullable context,
                              ckeyring_reason *_Nonnull reason);

#endif
