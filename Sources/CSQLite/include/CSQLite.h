// SQLite, opened when another program's database is read (loading it costs what `token` should not pay), behind the one
// thing that is asked of it: the first column of a query's first row.
#ifndef CSQLITE_H
#define CSQLITE_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    CSQLITE_FOUND = 0,
    /// There is no such row, or no such table.
    CSQLITE_ABSENT = 1,
    /// Larger than the limit.
    CSQLITE_TOO_LARGE = 2,
    CSQLITE_FAILED = 3,
} csqlite_result;

/// Why it failed, for people.
typedef struct {
    char text[256];
} csqlite_reason;

/// Lends the column's bytes for the time of the call.
typedef void (*csqlite_value)(void *_Nonnull context, const uint8_t *_Nonnull bytes, size_t count);

/// Runs a query on a database that is opened for reading only.
///
/// uri: a file: URI. Waits at most a second for somebody who writes.
csqlite_result csqlite_read(const char *_Nonnull uri, const char *_Nonnull query, size_t limit, csqlite_value _Nonnull value,
                            void *_Nonnull context, csqlite_reason *_Nonnull reason);

#endif
