/* database.h: one SQLite file of ours: opened or refused, brought up to date, and asked.
 *
 * Several processes may use one file at a time; a write waits for the other's to end.  One
 * database is used by one thread at a time.  The only file that knows sqlite3 is database.c. */
#ifndef AGENT_STATE_DATABASE_H
#define AGENT_STATE_DATABASE_H

#include <stdint.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct database;
struct query;

/* A kind of file; it outlives the databases of its kind. */
struct database_kind {
	const char *what;			/* how messages call one: "database" */
	const char *otherwise;			/* said of a damaged one, what can be done; NULL: nothing */
	int32_t application;			/* tells our files from those of other programs */
	const char *const *migrations;		/* row i brings a file of version i to version i + 1 */
	int version;				/* how many these are.  Never change one that was released */
	const char *const *sql;			/* of the queries, by their numbers */
	size_t sql_count;
};

/* Opens the file at path, made with mode 0600 if it is not there, and brings an older one up to
 * date.  A newer one, and what is no file of this kind, is refused and left as it is.
 * patience_ms: how long to wait for another process to end its write. */
bool database_open(const char *path, const struct database_kind *kind, int patience_ms,
                   struct database **out, struct err *err);
/* A copy in memory of what stands in the file at path, brought up to date there; empty if there
 * is no file.  Nothing is made or changed in the file's folder, which need not be writable.
 * Refused is what database_open() refuses. */
bool database_copy(const char *path, const struct database_kind *kind, int patience_ms,
                   struct database **out, struct err *err);
void database_close(struct database *database);		/* takes NULL */
void database_closep(struct database **database);

const char *database_path(const struct database *database);
/* True if the last failure was that another process kept the file busy: the same may work later. */
bool database_was_busy(const struct database *database);
/* Of the row that was added last. */
int64_t database_last_id(const struct database *database);

/* What is read and written between begin and end is one step: nobody else writes meanwhile,
 * others see all of it or nothing.  keep false takes everything back, and so does a failure to
 * keep; they do not nest. */
bool database_begin(struct database *database, struct err *err);
/* The same for reading: all of it sees one state of the file, also while others write.  *begun is
 * false, and there is nothing to end, if it is part of such a step already. */
bool database_begin_read(struct database *database, bool *begun, struct err *err);
bool database_end(struct database *database, bool keep, struct err *err);

/* One query: query_begin(), what it is given, then query_run(), or query_row() until there is no
 * more. */
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

/* Columns of the row count from 0.  Text is copied to a; NULL if there is none. */
const char *query_get_text(struct arena *a, struct query *query, int column);
int64_t query_get_int(struct query *query, int column);
int64_t query_get_int_or(struct query *query, int column, int64_t otherwise);	/* otherwise: it is NULL */
/* The one number of a query that gives one row or none; otherwise: it is NULL, or there is none. */
bool query_number(struct query *query, int64_t otherwise, int64_t *out, struct err *err);
/* True and copied if they are that many. */
bool query_get_bytes(struct query *query, int column, void *bytes, size_t len);

#endif
