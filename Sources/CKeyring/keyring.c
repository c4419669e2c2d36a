#include "CKeyring.h"

#define SECRET_API_SUBJECT_TO_CHANGE
#include <libsecret/secret.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define APPLICATION "ai-usage-agent"
#define FORMAT "1"
#define TEST_FORMAT "test"
#define TEST_PREFIX "canary-"
// A test item is there for some milliseconds; one of this age was left by a test that was killed.
#define TEST_SECONDS 60
// Questions on their way at once. A bus counts the answers that it owes (dbus-daemon: 50,000; others fewer).
#define QUESTIONS 64

struct ckeyring {
    SecretService *service;
    SecretCollection *collection;
};

static ckeyring_result unavailable(ckeyring_reason *reason, const char *text) {
    g_strlcpy(reason->text, text, sizeof reason->text);
    return CKEYRING_UNAVAILABLE;
}

static ckeyring_result obstacle(ckeyring_result result, ckeyring_reason *reason, const char *text) {
    unavailable(reason, text);
    return result;
}

static ckeyring_result failed(ckeyring_reason *reason, GError *error, const char *fallback) {
    ckeyring_result result = CKEYRING_UNAVAILABLE;
    if (error != NULL && error->domain == SECRET_ERROR && error->code == SECRET_ERROR_IS_LOCKED) result = CKEYRING_LOCKED;
    g_strlcpy(reason->text, error != NULL ? error->message : fallback, sizeof reason->text);
    g_clear_error(&error);
    return result;
}

// Attributes are stored unsalted (gnome-keyring: MD5; KWallet: clear), so they say nothing but that an item is ours.
static GHashTable *attributes(const char *reference) {
    GHashTable *table = g_hash_table_new(g_str_hash, g_str_equal);
    g_hash_table_insert(table, (gpointer)"app", (gpointer)APPLICATION);
    if (reference != NULL) {
        bool is_test = g_str_has_prefix(reference, TEST_PREFIX);
        g_hash_table_insert(table, (gpointer)"v", (gpointer)(is_test ? TEST_FORMAT : FORMAT));
        g_hash_table_insert(table, (gpointer)"ref", (gpointer)reference);
    }
    return table;
}

// Without an address GLib would try to start a bus of its own: look before asking.
static bool has_bus(void) {
    const char *address = g_getenv("DBUS_SESSION_BUS_ADDRESS");
    if (address != NULL && *address != 0) return true;
    const char *runtime = g_getenv("XDG_RUNTIME_DIR");
    if (runtime == NULL || *runtime != '/') return false;
    char *path = g_build_filename(runtime, "bus", NULL);
    struct stat status;
    bool found = stat(path, &status) == 0 && S_ISSOCK(status.st_mode) && status.st_uid == geteuid();
    g_free(path);
    return found;
}

static bool names_service(GVariant *reply) {
    GVariantIter *names = NULL;
    const char *name;
    bool found = false;
    g_variant_get(reply, "(as)", &names);
    while (g_variant_iter_loop(names, "&s", &name)) found = found || strcmp(name, "org.freedesktop.secrets") == 0;
    g_variant_iter_free(names);
    return found;
}

static bool is_offered(GDBusConnection *bus, GError **error) {
    static const char *const questions[] = {"ListNames", "ListActivatableNames"};
    for (size_t i = 0; i < 2; i++) {
        GVariant *reply = g_dbus_connection_call_sync(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                      "org.freedesktop.DBus", questions[i], NULL, G_VARIANT_TYPE("(as)"),
                                                      G_DBUS_CALL_FLAGS_NONE, 3000, NULL, error);
        if (reply == NULL) return false;
        bool found = names_service(reply);
        g_variant_unref(reply);
        if (found) return true;
    }
    return false;
}

ckeyring_result ckeyring_open(ckeyring **out, ckeyring_reason *reason) {
    GError *error = NULL;
    *out = NULL;
    if (!has_bus()) return obstacle(CKEYRING_NO_BUS, reason, "there is no session bus (DBUS_SESSION_BUS_ADDRESS is not set)");
    GDBusConnection *bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, &error);
    if (bus == NULL) {
        failed(reason, error, "");
        char *text = g_strdup_printf("the session bus does not answer (%s)", reason->text);
        unavailable(reason, text);
        g_free(text);
        return CKEYRING_BUS_UNREACHABLE;
    }
    bool offered = is_offered(bus, &error);
    g_object_unref(bus);
    if (error != NULL) return failed(reason, error, "");
    if (!offered) {
        return obstacle(CKEYRING_NO_SERVICE, reason,
                        "no program on the session bus offers the Secret Service (gnome-keyring, KWallet, KeePassXC)");
    }

    SecretService *service = secret_service_get_sync(SECRET_SERVICE_OPEN_SESSION, NULL, &error);
    if (service == NULL) return failed(reason, error, "the Secret Service cannot be opened");
    SecretCollection *collection =
        secret_collection_for_alias_sync(service, SECRET_COLLECTION_DEFAULT, SECRET_COLLECTION_NONE, NULL, &error);
    if (collection == NULL) {
        g_object_unref(service);
        if (error != NULL) return failed(reason, error, "");
        return obstacle(CKEYRING_NO_COLLECTION, reason,
                        "the Secret Service has no default keyring yet; make one in your desktop's keyring program");
    }
    ckeyring *keyring = g_new0(ckeyring, 1);
    keyring->service = service;
    keyring->collection = collection;
    *out = keyring;
    return CKEYRING_OK;
}

void ckeyring_close(ckeyring *keyring) {
    if (keyring == NULL) return;
    g_object_unref(keyring->collection);
    g_object_unref(keyring->service);
    g_free(keyring);
}

// Asked anew each time: libsecret's copy is as old as the connection, and a keyring can lock in between.
ckeyring_result ckeyring_state(ckeyring *keyring, ckeyring_reason *reason) {
    GError *error = NULL;
    GVariant *reply = g_dbus_proxy_call_sync(G_DBUS_PROXY(keyring->collection), "org.freedesktop.DBus.Properties.Get",
                                             g_variant_new("(ss)", "org.freedesktop.Secret.Collection", "Locked"),
                                             G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    if (reply == NULL) return failed(reason, error, "");
    GVariant *value = NULL;
    bool locked = true;
    g_variant_get(reply, "(v)", &value);
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN)) locked = g_variant_get_boolean(value);
    g_variant_unref(value);
    g_variant_unref(reply);
    return locked ? CKEYRING_LOCKED : CKEYRING_OK;
}

ckeyring_result ckeyring_unlock(ckeyring *keyring, ckeyring_reason *reason) {
    ckeyring_result state = ckeyring_state(keyring, reason);
    if (state != CKEYRING_LOCKED) return state;
    GError *error = NULL;
    GList *objects = g_list_append(NULL, keyring->collection), *unlocked = NULL;
    int count = secret_service_unlock_sync(keyring->service, objects, NULL, &unlocked, &error);
    g_list_free(objects);
    g_list_free_full(unlocked, g_object_unref);
    if (error != NULL) return failed(reason, error, "");
    if (count > 0) return CKEYRING_OK;
    g_strlcpy(reason->text, "the keyring was not unlocked", sizeof reason->text);
    return CKEYRING_LOCKED;
}

// Takes the table.
static ckeyring_result search_table(ckeyring *keyring, GHashTable *table, SecretSearchFlags flags, GList **items,
                                    ckeyring_reason *reason) {
    GError *error = NULL;
    *items = secret_service_search_sync(keyring->service, NULL, table, SECRET_SEARCH_ALL | flags, NULL, &error);
    g_hash_table_unref(table);
    if (error != NULL) return failed(reason, error, "");
    if (*items != NULL) return CKEYRING_OK;
    // Only an unlocked keyring may say that something is not there.
    ckeyring_result state = ckeyring_state(keyring, reason);
    return state == CKEYRING_OK ? CKEYRING_ABSENT : state;
}

static ckeyring_result search(ckeyring *keyring, const char *reference, SecretSearchFlags flags, GList **items, ckeyring_reason *reason) {
    return search_table(keyring, attributes(reference), flags, items, reason);
}

// Takes the table.
static ckeyring_result hand_over(ckeyring *keyring, GHashTable *table, ckeyring_secret secret, void *context, ckeyring_reason *reason) {
    GList *items;
    ckeyring_result result = search_table(keyring, table, SECRET_SEARCH_LOAD_SECRETS, &items, reason);
    if (result != CKEYRING_OK) return result;
    for (GList *each = items; each != NULL && result == CKEYRING_OK; each = each->next) {
        SecretItem *item = each->data;
        SecretValue *value = secret_item_get_locked(item) ? NULL : secret_item_get_secret(item);
        if (value == NULL) {
            // It may have locked since it was searched.
            result = secret_item_get_locked(item) ? CKEYRING_LOCKED : ckeyring_state(keyring, reason);
            if (result == CKEYRING_OK) result = unavailable(reason, "the keyring has the item and does not hand it out");
            break;
        }
        gsize count;
        const char *bytes = secret_value_get(value, &count);
        secret(context, (const uint8_t *)bytes, count);
        secret_value_unref(value);
    }
    g_list_free_full(items, g_object_unref);
    return result;
}

ckeyring_result ckeyring_get(ckeyring *keyring, const char *reference, ckeyring_secret secret, void *context, ckeyring_reason *reason) {
    return hand_over(keyring, attributes(reference), secret, context, reason);
}

ckeyring_result ckeyring_foreign(ckeyring *keyring, const char *service, const char *username, ckeyring_secret secret, void *context,
                                 ckeyring_reason *reason) {
    GHashTable *table = g_hash_table_new(g_str_hash, g_str_equal);
    g_hash_table_insert(table, (gpointer)"service", (gpointer)service);
    g_hash_table_insert(table, (gpointer)"username", (gpointer)username);
    return hand_over(keyring, table, secret, context, reason);
}

ckeyring_result ckeyring_put(ckeyring *keyring, const char *reference, const char *label, const uint8_t *bytes, size_t count,
                             ckeyring_reason *reason) {
    GError *error = NULL;
    ckeyring_result state = ckeyring_state(keyring, reason);
    if (state != CKEYRING_OK) return state;
    GHashTable *table = attributes(reference);
    SecretValue *value = secret_value_new((const char *)bytes, (gssize)count, "application/json");
    SecretItem *item =
        secret_item_create_sync(keyring->collection, NULL, table, label, value, SECRET_ITEM_CREATE_REPLACE, NULL, &error);
    secret_value_unref(value);
    g_hash_table_unref(table);
    if (item == NULL) return failed(reason, error, "the keyring did not take the item");
    g_object_unref(item);
    return CKEYRING_OK;
}

ckeyring_result ckeyring_delete(ckeyring *keyring, const char *reference, ckeyring_reason *reason) {
    GList *items;
    ckeyring_result result = search(keyring, reference, SECRET_SEARCH_NONE, &items, reason);
    if (result != CKEYRING_OK) return result;
    for (GList *each = items; each != NULL && result == CKEYRING_OK; each = each->next) {
        GError *error = NULL;
        if (!secret_item_delete_sync(each->data, NULL, &error)) result = failed(reason, error, "the keyring did not remove the item");
    }
    g_list_free_full(items, g_object_unref);
    return result;
}

void ckeyring_sweep(ckeyring *keyring) {
    GHashTable *table = attributes(NULL);
    g_hash_table_insert(table, (gpointer)"v", (gpointer)TEST_FORMAT);
    GList *items = secret_service_search_sync(keyring->service, NULL, table, SECRET_SEARCH_ALL, NULL, NULL);
    g_hash_table_unref(table);
    for (GList *each = items; each != NULL; each = each->next) {
        guint64 made = secret_item_get_created(each->data);
        if (made + TEST_SECONDS < (guint64)time(NULL)) secret_item_delete_sync(each->data, NULL, NULL);
    }
    g_list_free_full(items, g_object_unref);
}

// The questions for the attributes of many items, of which a few are on their way at a time: libsecret's own search asks one
// after the other, which takes seconds for a thousand items.
typedef struct {
    ckeyring *keyring;
    char **paths;
    size_t next, pending;
    ckeyring_reference each;
    void *context;
    GError *error;
} questions;

static void ask_more(questions *all);

static bool is_gone(const GError *error) {
    // gnome-keyring's own name for it, and those of services on other frameworks.
    char *name = g_dbus_error_get_remote_error(error);
    bool gone = g_strcmp0(name, "org.freedesktop.Secret.Error.NoSuchObject") == 0 ||
                g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT) ||
                g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD);
    g_free(name);
    return gone;
}

static void answered(GObject *source, GAsyncResult *result, gpointer context) {
    questions *all = context;
    GError *error = NULL;
    GVariant *reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    all->pending--;
    if (reply != NULL) {
        GVariant *value = NULL;
        const char *reference = NULL;
        g_variant_get(reply, "(v)", &value);
        if (g_variant_is_of_type(value, G_VARIANT_TYPE("a{ss}")) && g_variant_lookup(value, "ref", "&s", &reference))
            all->each(all->context, reference);
        g_variant_unref(value);
        g_variant_unref(reply);
    } else if (is_gone(error) || all->error != NULL) {
        // Removed since it was listed.
        g_error_free(error);
    } else {
        all->error = error;
    }
    ask_more(all);
}

static void ask_more(questions *all) {
    GDBusProxy *service = G_DBUS_PROXY(all->keyring->service);
    for (; all->error == NULL && all->pending < QUESTIONS && all->paths[all->next] != NULL; all->next++, all->pending++)
        g_dbus_connection_call(g_dbus_proxy_get_connection(service), g_dbus_proxy_get_name(service), all->paths[all->next],
                               "org.freedesktop.DBus.Properties", "Get",
                               g_variant_new("(ss)", "org.freedesktop.Secret.Item", "Attributes"), G_VARIANT_TYPE("(v)"),
                               G_DBUS_CALL_FLAGS_NONE, -1, NULL, answered, all);
}

ckeyring_result ckeyring_list(ckeyring *keyring, ckeyring_reference each_reference, void *context, ckeyring_reason *reason) {
    GError *error = NULL;
    char **unlocked = NULL, **locked = NULL;
    GHashTable *table = attributes(NULL);
    gboolean found = secret_service_search_for_dbus_paths_sync(keyring->service, NULL, table, NULL, &unlocked, &locked, &error);
    g_hash_table_unref(table);
    if (!found) return failed(reason, error, "the Secret Service cannot be searched");
    questions all = {.keyring = keyring, .each = each_reference, .context = context};
    char **lists[] = {unlocked, locked};
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        all.paths = lists[i];
        all.next = 0;
        if (all.paths == NULL) continue;
        count += g_strv_length(all.paths);
        ask_more(&all);
        while (all.pending > 0) g_main_context_iteration(NULL, TRUE);
    }
    g_strfreev(unlocked);
    g_strfreev(locked);
    if (all.error != NULL) return failed(reason, all.error, "");
    if (count > 0) return CKEYRING_OK;
    // Only an unlocked keyring may say that something is not there.
    ckeyring_result state = ckeyring_state(keyring, reason);
    return state == CKEYRING_OK ? CKEYRING_ABSENT : state;
}
