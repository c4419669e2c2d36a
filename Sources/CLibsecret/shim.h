// libsecret's item-level calls. Never secret_password_*: with a locked keyring those report success with nothing, and
// they prompt. Only Sources/CKeyring includes this.
#define SECRET_API_SUBJECT_TO_CHANGE
#include <libsecret/secret.h>
