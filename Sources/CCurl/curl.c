#define _GNU_SOURCE
#include "CCurl.h"

#include "CLinux.h"
#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const int ccurl_code_ok = CURLE_OK, ccurl_code_resolve_proxy = CURLE_COULDNT_RESOLVE_PROXY,
          ccurl_code_resolve_host = CURLE_COULDNT_RESOLVE_HOST, ccurl_code_connect = CURLE_COULDNT_CONNECT,
          ccurl_code_timeout = CURLE_OPERATION_TIMEDOUT, ccurl_code_tls_handshake = CURLE_SSL_CONNECT_ERROR,
          ccurl_code_tls_verification = CURLE_PEER_FAILED_VERIFICATION,
          ccurl_code_tls_authority_file = CURLE_SSL_CACERT_BADFILE, ccurl_code_url_malformed = CURLE_URL_MALFORMAT,
          ccurl_code_unsupported_protocol = CURLE_UNSUPPORTED_PROTOCOL, ccurl_code_write = CURLE_WRITE_ERROR;

// The functions of libcurl that are used, found by name in the library opened at run time.
static struct {
    CURLcode (*global_init_mem)(long, curl_malloc_callback, curl_free_callback, curl_realloc_callback,
                                curl_strdup_callback, curl_calloc_callback);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *);
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    CURLcode (*easy_perform)(CURL *);
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    const char *(*easy_strerror)(CURLcode);
    struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
    void (*slist_free_all)(struct curl_slist *);
} curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *load_failure = "libcurl was not loaded";

static void load(void) {
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        static char message[300];
        const char *why = dlerror();
        snprintf(message, sizeof message, "%.200s (apt install libcurl4)", why != NULL ? why : "libcurl.so.4");
        load_failure = message;
        return;
    }
#define FIND(member, name)                                              \
    if ((*(void **)(&curl.member) = dlsym(library, name)) == NULL) {    \
        load_failure = "libcurl.so.4 has no " name;                     \
        return;                                                         \
    }
    FIND(global_init_mem, "curl_global_init_mem")
    FIND(easy_init, "curl_easy_init")
    FIND(easy_cleanup, "curl_easy_cleanup")
    FIND(easy_setopt, "curl_easy_setopt")
    FIND(easy_perform, "curl_easy_perform")
    FIND(easy_getinfo, "curl_easy_getinfo")
    FIND(easy_strerror, "curl_easy_strerror")
    FIND(slist_append, "curl_slist_append")
    FIND(slist_free_all, "curl_slist_free_all")
#undef FIND
    // Both directions of a token go through libcurl's buffers, which it does not wipe itself.
    CURLcode code = curl.global_init_mem(CURL_GLOBAL_DEFAULT, malloc, clinux_wiping_free, clinux_wiping_realloc, strdup, calloc);
    load_failure = code == CURLE_OK ? NULL : "curl_global_init_mem failed";
}

const char *ccurl_load(void) {
    pthread_once(&once, load);
    return load_failure;
}

struct ccurl_request {
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *resolutions;
    void *context;
    ccurl_body body;
    ccurl_header header;
    bool sent;
    bool overflowed;
    // For a deadline that is looked at after the socket; 0 where libcurl's own holds.
    long patience;
    int64_t deadline;
    // When something came last, and when the deadline was first found to be over.
    int64_t received;
    int64_t late;
    char error[CURL_ERROR_SIZE];
};

static bool set_long(ccurl_request *r, CURLoption option, long value) {
    return curl.easy_setopt(r->easy, option, value) == CURLE_OK;
}
static bool set_text(ccurl_request *r, CURLoption option, const char *value) {
    return curl.easy_setopt(r->easy, option, value) == CURLE_OK;
}

// libcurl calls this when the connection stands (TLS included) and right before it hands over the request: until
// then nothing of the request can have reached the server.
static int before_request(void *context, char *primary, char *local, int primary_port, int local_port) {
    (void)primary; (void)local; (void)primary_port; (void)local_port;
    ((ccurl_request *)context)->sent = true;
    return CURL_PREREQFUNC_OK;
}

static int64_t monotonic_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// libcurl looks at its own deadline before it looks at the socket: a process that was stopped for longer (a person's Ctrl-Z)
// would drop an answer that has been there all the time, and with it a rotated token. This is asked after the socket was read.
static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up) {
    (void)down_total; (void)down; (void)up_total; (void)up;
    ccurl_request *r = context;
    int64_t now = monotonic_milliseconds();
    if (now < r->deadline) return 0;
    if (r->late == 0) r->late = now;
    // What has just come is the answer or the beginning of it; a server that drips is not waited for.
    return now - r->received < 500 && now - r->late < 2000 ? 0 : 1;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
    ccurl_request *r = context;
    r->received = monotonic_milliseconds();
    if (r->body(r->context, (const uint8_t *)bytes, size * count)) return size * count;
    r->overflowed = true;
    return 0;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context) {
    ccurl_request *r = context;
    r->received = monotonic_milliseconds();
    size_t length = size * count;
    while (length > 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r')) length--;
    r->header(r->context, (const uint8_t *)bytes, length);
    return size * count;
}

ccurl_request *ccurl_create(const char *url, const char *method) {
    if (ccurl_load() != NULL) return NULL;
    ccurl_request *r = calloc(1, sizeof *r);
    if (r == NULL) return NULL;
    r->easy = curl.easy_init();
    if (r->easy == NULL) { free(r); return NULL; }
    bool post = strcmp(method, "POST") == 0;
    bool ok = set_text(r, CURLOPT_URL, url)
        && set_text(r, CURLOPT_PROTOCOLS_STR, "https,http")
        && set_long(r, post ? CURLOPT_POST : CURLOPT_HTTPGET, 1)
        // A single-use token must not travel twice: a new connection each time, never a redirect, never a replay.
        && set_long(r, CURLOPT_FRESH_CONNECT, 1)
        && set_long(r, CURLOPT_FORBID_REUSE, 1)
        && set_long(r, CURLOPT_FOLLOWLOCATION, 0)
        && set_long(r, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        && set_long(r, CURLOPT_NETRC, CURL_NETRC_IGNORED)
        && set_long(r, CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        && set_long(r, CURLOPT_SSL_VERIFYPEER, 1)
        && set_long(r, CURLOPT_SSL_VERIFYHOST, 2)
        && set_long(r, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        && set_long(r, CURLOPT_NOSIGNAL, 1)
        && set_long(r, CURLOPT_NOPROGRESS, 1)
        && set_long(r, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        && curl.easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->error) == CURLE_OK
        && curl.easy_setopt(r->easy, CURLOPT_PREREQFUNCTION, before_request) == CURLE_OK
        && curl.easy_setopt(r->easy, CURLOPT_PREREQDATA, (void *)r) == CURLE_OK
        && curl.easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK
        && curl.easy_setopt(r->easy, CURLOPT_WRITEDATA, (void *)r) == CURLE_OK
        && curl.easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK
        && curl.easy_setopt(r->easy, CURLOPT_HEADERDATA, (void *)r) == CURLE_OK;
    if (!ok) { ccurl_destroy(r); return NULL; }
    return r;
}

static void wipe_and_free(struct curl_slist *list) {
    for (struct curl_slist *item = list; item != NULL; item = item->next)
        explicit_bzero(item->data, strlen(item->data));
    if (list != NULL) curl.slist_free_all(list);
}

void ccurl_destroy(ccurl_request *r) {
    if (r == NULL) return;
    curl.easy_cleanup(r->easy);
    wipe_and_free(r->headers);
    wipe_and_free(r->resolutions);
    free(r);
}

bool ccurl_set_timeout(ccurl_request *r, long total, long connect) {
    return set_long(r, CURLOPT_TIMEOUT_MS, total) && set_long(r, CURLOPT_CONNECTTIMEOUT_MS, connect);
}

bool ccurl_set_late_timeout(ccurl_request *r, long total, long connect) {
    r->patience = total;
    return set_long(r, CURLOPT_TIMEOUT_MS, 0) && set_long(r, CURLOPT_CONNECTTIMEOUT_MS, connect)
        && set_long(r, CURLOPT_NOPROGRESS, 0)
        && curl.easy_setopt(r->easy, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK
        && curl.easy_setopt(r->easy, CURLOPT_XFERINFODATA, (void *)r) == CURLE_OK;
}

bool ccurl_add_header(ccurl_request *r, const uint8_t *line, size_t count) {
    char *text = malloc(count + 1);
    if (text == NULL) return false;
    memcpy(text, line, count);
    text[count] = 0;
    struct curl_slist *list = curl.slist_append(r->headers, text);
    explicit_bzero(text, count);
    free(text);
    if (list == NULL) return false;
    r->headers = list;
    return true;
}

bool ccurl_set_body(ccurl_request *r, const uint8_t *bytes, size_t count) {
    return curl.easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count) == CURLE_OK
        && curl.easy_setopt(r->easy, CURLOPT_POSTFIELDS, (const char *)bytes) == CURLE_OK;
}

bool ccurl_set_proxy(ccurl_request *r, const char *proxy) { return set_text(r, CURLOPT_PROXY, proxy); }
bool ccurl_set_no_proxy(ccurl_request *r, const char *hosts) { return set_text(r, CURLOPT_NOPROXY, hosts); }

bool ccurl_set_authorities(ccurl_request *r, const uint8_t *pem, size_t count) {
    struct curl_blob blob = {(void *)(uintptr_t)pem, count, CURL_BLOB_COPY};
    return curl.easy_setopt(r->easy, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK;
}

bool ccurl_set_resolution(ccurl_request *r, const char *entry) {
    struct curl_slist *list = curl.slist_append(r->resolutions, entry);
    if (list == NULL) return false;
    r->resolutions = list;
    return curl.easy_setopt(r->easy, CURLOPT_RESOLVE, list) == CURLE_OK;
}

void ccurl_perform(ccurl_request *r, void *context, ccurl_body body, ccurl_header header, ccurl_result *result) {
    r->context = context;
    r->body = body;
    r->header = header;
    memset(result, 0, sizeof *result);
    CURLcode code = CURLE_OK;
    if (r->headers != NULL) code = curl.easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
    r->deadline = monotonic_milliseconds() + r->patience;
    if (code == CURLE_OK) code = curl.easy_perform(r->easy);
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        code = CURLE_OPERATION_TIMEDOUT;
        snprintf(r->error, sizeof r->error, "Operation timed out after %ld milliseconds", r->patience);
    }
    result->code = (int)code;
    result->sent = r->sent;
    result->overflowed = r->overflowed;
    (void)curl.easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &result->status);
    (void)curl.easy_getinfo(r->easy, CURLINFO_SSL_VERIFYRESULT, &result->verification);
    const char *message = r->error[0] != 0 ? r->error : curl.easy_strerror(code);
    strncpy(result->message, message, sizeof result->message - 1);
}
