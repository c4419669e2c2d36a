// SQLite, opened when a database is (loading it costs what `token` should not pay): of another program's the first column of
// a query's first row, and a database of our own behind the few calls that it needs.
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

/// Opens SQLite; NULL where that worked, else why not.
const char *_Nullable csqlite_load(void);

/// Lends the column's bytes for the time of the call.
typedef void (*csqlite_value)(void *_Nonnull context, const uint8_t *_Nonnull bytes, size_t count);

/// Runs a query on a database that is opened for reading only.
///
/// uri: a file: URI. Waits at most a second for somebody who writes.
csqlite_result csqlite_read(const char *_Nonnull uri, const char *_Nonnull query, size_t limit, csqlite_value _Nonnull value,
                            void *_Nonnull context, csqlite_reason *_Nonnull reason);

// A database of our own. One thread at a time.

typedef struct sqlite3 csqlite_database;
typedef struct sqlite3_stmt csqlite_statement;

typedef enum { CSQLITE_NULL = 0, CSQLITE_INTEGER = 1, CSQLITE_REAL = 2, CSQLITE_TEXT = 3 } csqlite_type;

/// Opens a file that is there for reading and writing; NULL with the reason. A symbolic link is refused. Waits up to five
/// seconds for others who write.
csqlite_database *_Nullable csqlite_open(const char *_Nonnull path, csqlite_reason *_Nonnull reason);
void csqlite_close(csqlite_database *_Nonnull database);

/// NULL with the reason.
csqlite_statement *_Nullable csqlite_prepare(csqlite_database *_Nonnull database, const char *_Nonnull query,
                                             csqlite_reason *_Nonnull reason);
void csqlite_finalize(csqlite_statement *_Nonnull statement);

/// Positions count from 1.
void csqlite_bind_null(csqlite_statement *_Nonnull statement, int position);
void csqlite_bind_integer(csqlite_statement *_Nonnull statement, int position, int64_t value);
void csqlite_bind_real(csqlite_statement *_Nonnull statement, int position, double value);
void csqlite_bind_text(csqlite_statement *_Nonnull statement, int position, const char *_Nonnull text);

/// 1: a row; 0: the end; -1: failed, with the reason.
int csqlite_step(csqlite_database *_Nonnull database, csqlite_statement *_Nonnull statement, csqlite_reason *_Nonnull reason);

/// Columns count from 0.
int csqlite_column_count(csqlite_statement *_Nonnull statement);
csqlite_type csqlite_column_type(csqlite_statement *_Nonnull statement, int column);
int64_t csqlite_column_integer(csqlite_statement *_Nonnull statement, int column);
double csqlite_column_real(csqlite_statement *_Nonnull statement, int column);
/// Good until the next step.
const uint8_t *_Nullable csqlite_column_bytes(csqlite_statement *_Nonnull statement, int column, size_t *_Nonnull count);

#endif
