// OpenSSL 3's primitives that Platform/Crypto wraps, and the codes of a refused certificate (libcurl does TLS itself);
// nothing else of OpenSSL is used by this package.
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/x509_vfy.h>
