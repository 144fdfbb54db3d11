/* database.h: opens an SQLite file of ours or refuses it, migrates it, and runs its queries.
 *
 * Several processes may use one file at a time; a write waits for the write of another process.  One struct database is
 * used by one thread at a time.  SQLite's header is included in database.c only. */
#ifndef AGENT_STATE_DATABASE_H
#define AGENT_STATE_DATABASE_H

#include <stdint.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct database;
struct query;

/* A kind of file; it outlives the databases of its kind. */
struct database_kind {
	const char *what;			/* what messages call the file: "database" */
	const char *otherwise;			/* for messages on a corrupt file, what can be done; NULL: nothing */
	int32_t application;			/* SQLite's application_id: not that of other programs */
	const char *const *migrations;		/* row i brings a file of version i to version i + 1 */
	int version;				/* the number of migrations.  Never change one that was released */
	const char *const *sql;			/* of the queries, by their numbers */
	size_t sql_count;
};

/* Opens the file at path, creating it with mode 0600 if it is not there, and migrates an older one.  A newer one, and a
 * file of another kind, is refused and left as it is.  patience_ms: how long to wait for another process to end its
 * write. */
bool database_open(const char *path, const struct database_kind *kind, int patience_ms,
                   struct database **out, struct err *err);
/* Opens a copy of the file at path, migrated there; empty if there is no file.  The copy is a temporary file, or is in
 * memory where no file can be made.  Nothing is created or changed in the file's folder, which need not be writable.
 * Refuses what database_open() refuses. */
bool database_copy(const char *path, const struct database_kind *kind, int patience_ms,
                   struct database **out, struct err *err);
/* Writes a copy of the file at path, of one moment, to the file `to`, whole or not at all and with mode 0600, also
 * while other processes write to path. */
bool database_backup(const char *path, const struct database_kind *kind, int patience_ms, const char *to,
                     struct err *err);
/* Reads all of it.  ERR_DAMAGED if it is not as SQLite wrote it; so do the two above if that is seen at once. */
bool database_check(struct database *database, struct err *err);
void database_close(struct database *database);		/* takes NULL */
void database_closep(struct database **database);

/* Frees the pages that are held, until the next query. */
void database_release_memory(struct database *database);

const char *database_path(const struct database *database);
/* True if the last failure was that another process kept the file busy: the same may work later. */
bool database_was_busy(const struct database *database);
/* Of the row that was added last. */
int64_t database_last_id(const struct database *database);

/* A transaction: no other process writes between begin and end, and others see all of it or nothing.  keep false rolls
 * everything back, and so does a failed commit.  Transactions do not nest. */
bool database_begin(struct database *database, struct err *err);
/* A transaction for reading: all queries see one state of the file, also while others write.  *begun is false, and
 * there is nothing to end, within another transaction. */
bool database_begin_read(struct database *database, bool *begun, struct err *err);
bool database_end(struct database *database, bool keep, struct err *err);

/* One query: query_begin(), its parameters, then query_run(), or query_row() until the last row was read. */
struct query *query_begin(struct database *database, size_t number);
/* Parameters count from 1; text (NULL: none) and bytes stay the caller's and must last until the
 * query has ended. */
void query_text(struct query *query, int at, const char *text);
void query_bytes(struct query *query, int at, const void *bytes, size_t len);
void query_int(struct query *query, int at, int64_t number);

bool query_run(struct query *query, struct err *err);
/* Sets *more to whether there is a row.  After the last one, and after a failure, the query has
 * ended. */
bool query_row(struct query *query, bool *more, struct err *err);
/* Ends it before its last row. */
void query_end(struct query *query);

/* Columns of the row count from 0.  Text is copied to a; NULL if the column is NULL. */
const char *query_get_text(struct arena *a, struct query *query, int column);
int64_t query_get_int(struct query *query, int column);
int64_t query_get_int_or(struct query *query, int column, int64_t otherwise);	/* otherwise: it is NULL */
/* The number of a query that gives at most one row; `otherwise` if the number is NULL, or without a row. */
bool query_number(struct query *query, int64_t otherwise, int64_t *out, struct err *err);
/* True and copied if they are that many. */
bool query_get_bytes(struct query *query, int column, void *bytes, size_t len);

#endif
