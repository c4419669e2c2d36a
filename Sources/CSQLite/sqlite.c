#define _GNU_SOURCE
#include "CSQLite.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// The functions of SQLite that are used, found by name in the library opened at run time.
static struct {
    int (*open_v2)(const char *, sqlite3 **, int, const char *);
    int (*close)(sqlite3 *);
    int (*busy_timeout)(sqlite3 *, int);
    int (*prepare_v2)(sqlite3 *, const char *, int, sqlite3_stmt **, const char **);
    int (*step)(sqlite3_stmt *);
    const void *(*column_blob)(sqlite3_stmt *, int);
    int (*column_bytes)(sqlite3_stmt *, int);
    int (*finalize)(sqlite3_stmt *);
    int (*bind_null)(sqlite3_stmt *, int);
    int (*bind_int64)(sqlite3_stmt *, int, sqlite3_int64);
    int (*bind_double)(sqlite3_stmt *, int, double);
    int (*bind_text)(sqlite3_stmt *, int, const char *, int, void (*)(void *));
    int (*column_count)(sqlite3_stmt *);
    int (*column_type)(sqlite3_stmt *, int);
    sqlite3_int64 (*column_int64)(sqlite3_stmt *, int);
    double (*column_double)(sqlite3_stmt *, int);
    const char *(*errmsg)(sqlite3 *);
} sqlite;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *load_failure = "SQLite was not loaded";

static void load(void) {
    void *library = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        load_failure = "libsqlite3.so.0 is not installed (apt install libsqlite3-0)";
        return;
    }
#define FIND(member)                                                                    \
    if ((*(void **)(&sqlite.member) = dlsym(library, "sqlite3_" #member)) == NULL) {    \
        load_failure = "libsqlite3.so.0 has no sqlite3_" #member;                       \
        return;                                                                         \
    }
    FIND(open_v2)
    FIND(close)
    FIND(busy_timeout)
    FIND(prepare_v2)
    FIND(step)
    FIND(column_blob)
    FIND(column_bytes)
    FIND(finalize)
    FIND(bind_null)
    FIND(bind_int64)
    FIND(bind_double)
    FIND(bind_text)
    FIND(column_count)
    FIND(column_type)
    FIND(column_int64)
    FIND(column_double)
    FIND(errmsg)
#undef FIND
    load_failure = NULL;
}

const char *csqlite_load(void) {
    pthread_once(&once, load);
    return load_failure;
}

static csqlite_result failed(csqlite_reason *reason, const char *text) {
    snprintf(reason->text, sizeof reason->text, "%s", text);
    return CSQLITE_FAILED;
}

static csqlite_result run(sqlite3 *database, const char *query, size_t limit, csqlite_value value, void *context,
                          csqlite_reason *reason) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite.prepare_v2(database, query, -1, &statement, NULL);
    if (code != SQLITE_OK) {
        // The only way in which this query can be wrong is a table that is not there.
        if (code == SQLITE_ERROR && strstr(sqlite.errmsg(database), "no such table") != NULL) return CSQLITE_ABSENT;
        return failed(reason, sqlite.errmsg(database));
    }
    csqlite_result result = CSQLITE_ABSENT;
    code = sqlite.step(statement);
    if (code == SQLITE_ROW) {
        const void *bytes = sqlite.column_blob(statement, 0);
        int count = sqlite.column_bytes(statement, 0);
        if (count < 0 || (size_t)count > limit) {
            result = CSQLITE_TOO_LARGE;
        } else if (bytes != NULL) {
            value(context, bytes, (size_t)count);
            result = CSQLITE_FOUND;
        }
    } else if (code != SQLITE_DONE) {
        result = failed(reason, sqlite.errmsg(database));
    }
    sqlite.finalize(statement);
    return result;
}

csqlite_result csqlite_read(const char *uri, const char *query, size_t limit, csqlite_value value, void *context,
                            csqlite_reason *reason) {
    pthread_once(&once, load);
    if (load_failure != NULL) return failed(reason, load_failure);
    sqlite3 *database = NULL;
    int code = sqlite.open_v2(uri, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_PRIVATECACHE, NULL);
    csqlite_result result;
    if (code != SQLITE_OK) {
        result = failed(reason, database != NULL ? sqlite.errmsg(database) : "out of memory");
    } else {
        sqlite.busy_timeout(database, 1000);
        result = run(database, query, limit, value, context, reason);
    }
    sqlite.close(database);
    return result;
}

csqlite_database *csqlite_open(const char *path, csqlite_reason *reason) {
    pthread_once(&once, load);
    if (load_failure != NULL) {
        failed(reason, load_failure);
        return NULL;
    }
    sqlite3 *database = NULL;
    int code = sqlite.open_v2(path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOFOLLOW, NULL);
    if (code != SQLITE_OK) {
        failed(reason, database != NULL ? sqlite.errmsg(database) : "out of memory");
        sqlite.close(database);
        return NULL;
    }
    sqlite.busy_timeout(database, 5000);
    return database;
}

void csqlite_close(csqlite_database *database) { sqlite.close(database); }

csqlite_statement *csqlite_prepare(csqlite_database *database, const char *query, csqlite_reason *reason) {
    sqlite3_stmt *statement = NULL;
    if (sqlite.prepare_v2(database, query, -1, &statement, NULL) == SQLITE_OK && statement != NULL) return statement;
    failed(reason, sqlite.errmsg(database));
    return NULL;
}

void csqlite_finalize(csqlite_statement *statement) { sqlite.finalize(statement); }

void csqlite_bind_null(csqlite_statement *statement, int position) { sqlite.bind_null(statement, position); }

void csqlite_bind_integer(csqlite_statement *statement, int position, int64_t value) {
    sqlite.bind_int64(statement, position, value);
}

void csqlite_bind_real(csqlite_statement *statement, int position, double value) {
    sqlite.bind_double(statement, position, value);
}

void csqlite_bind_text(csqlite_statement *statement, int position, const char *text) {
    sqlite.bind_text(statement, position, text, -1, SQLITE_TRANSIENT);
}

int csqlite_step(csqlite_database *database, csqlite_statement *statement, csqlite_reason *reason) {
    switch (sqlite.step(statement)) {
        case SQLITE_ROW: return 1;
        case SQLITE_DONE: return 0;
        default: failed(reason, sqlite.errmsg(database)); return -1;
    }
}

int csqlite_column_count(csqlite_statement *statement) { return sqlite.column_count(statement); }

csqlite_type csqlite_column_type(csqlite_statement *statement, int column) {
    switch (sqlite.column_type(statement, column)) {
        case SQLITE_INTEGER: return CSQLITE_INTEGER;
        case SQLITE_FLOAT: return CSQLITE_REAL;
        case SQLITE_NULL: return CSQLITE_NULL;
        default: return CSQLITE_TEXT;
    }
}

int64_t csqlite_column_integer(csqlite_statement *statement, int column) { return sqlite.column_int64(statement, column); }

double csqlite_column_real(csqlite_statement *statement, int column) { return sqlite.column_double(statement, column); }

const uint8_t *csqlite_column_bytes(csqlite_statement *statement, int column, size_t *count) {
    const void *bytes = sqlite.column_blob(statement, column);
    int size = sqlite.column_bytes(statement, column);
    *count = size > 0 ? (size_t)size : 0;
    return bytes;
}
