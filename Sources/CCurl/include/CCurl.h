// libcurl, opened at the first request (loading it costs 8 ms that `token` should not pay), behind typed functions
// for the calls that are variadic in C and so out of Swift's reach. One easy handle per request, used once.
#ifndef CCURL_H
#define CCURL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ccurl_request ccurl_request;

/// What the transfer came to. `code` is libcurl's CURLcode; `sent` is false only if libcurl never reached the point
/// where it hands the request to an established (and, for https, verified) connection.
typedef struct {
    int code;
    bool sent;
    bool overflowed;
    long status;
    /// OpenSSL's word on the server's certificate (X509_V_…); 0 or 1 when only the name in it was wrong.
    long verification;
    char message[256];
} ccurl_result;

/// Called for every piece of the body; returning false ends the transfer (`overflowed`).
typedef bool (*ccurl_body)(void *_Nonnull context, const uint8_t *_Nonnull bytes, size_t count);
/// Called for every header line of every answer, 100 Continue too, without the line end; a status line begins the next answer.
typedef void (*ccurl_header)(void *_Nonnull context, const uint8_t *_Nonnull bytes, size_t count);

/// NULL on success, else why libcurl could not be opened (static or thread-local text).
const char *_Nullable ccurl_load(void);

/// `method`: GET or POST. NULL where libcurl cannot be opened or refuses an option.
ccurl_request *_Nullable ccurl_create(const char *_Nonnull url, const char *_Nonnull method);
void ccurl_destroy(ccurl_request *_Nullable request);

/// Each returns false when libcurl refuses the option.
bool ccurl_set_timeout(ccurl_request *_Nonnull request, long total_milliseconds, long connect_milliseconds);
/// The same for a request whose answer must not be lost: what lies in the socket is read although the time is over. The end is
/// up to three seconds later: one until the time is looked at, two for a server that drips.
bool ccurl_set_late_timeout(ccurl_request *_Nonnull request, long total_milliseconds, long connect_milliseconds);
/// Copied into libcurl's list; the list is wiped and freed with the request.
bool ccurl_add_header(ccurl_request *_Nonnull request, const uint8_t *_Nonnull line, size_t count);
/// Not copied: the bytes must live until ccurl_perform returns.
bool ccurl_set_body(ccurl_request *_Nonnull request, const uint8_t *_Nonnull bytes, size_t count);
bool ccurl_set_proxy(ccurl_request *_Nonnull request, const char *_Nonnull proxy);
/// PEM bundle used instead of the system's (copied by libcurl).
bool ccurl_set_authorities(ccurl_request *_Nonnull request, const uint8_t *_Nonnull pem, size_t count);
/// "host:port:address[,address]": answers the name without DNS.
bool ccurl_set_resolution(ccurl_request *_Nonnull request, const char *_Nonnull entry);
/// Hosts that are asked directly, separated by commas; "*" is every one.
bool ccurl_set_no_proxy(ccurl_request *_Nonnull request, const char *_Nonnull hosts);

/// Blocks until the answer is whole or there will be none; once for each request.
void ccurl_perform(ccurl_request *_Nonnull request, void *_Nonnull context, ccurl_body _Nonnull body,
                   ccurl_header _Nonnull header, ccurl_result *_Nonnull result);

/// The CURLcodes that the transport tells apart.
extern const int ccurl_code_ok, ccurl_code_resolve_proxy, ccurl_code_resolve_host, ccurl_code_connect,
    ccurl_code_timeout, ccurl_code_tls_handshake, ccurl_code_tls_verification, ccurl_code_tls_authority_file,
    ccurl_code_url_malformed, ccurl_code_unsupported_protocol, ccurl_code_write;

#endif
