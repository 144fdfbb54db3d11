/* table.h: rows of text in columns, for people (libsmartcols).  A table keeps pointers to its cells: they live in
 * the caller's arena, as the table does. */
#ifndef AGENT_UTIL_TABLE_H
#define AGENT_UTIL_TABLE_H

#include <stdio.h>

#include "reconcile/base/arena.h"

enum { TABLE_COLUMNS = 8 };

/* What may be done with a column where the terminal is too narrow for the table. */
enum table_flags {
	TABLE_CUT = 1 << 0,	/* its cells may be cut at their end */
	TABLE_OPTIONAL = 1 << 1,	/* it may be left out: of several the last one first, before any cell is cut */
	TABLE_TIME = 1 << 2,	/* RFC 3339 times, shown without milliseconds on a terminal */
};

struct table_column { const char *heading; unsigned flags; };

struct table {
	struct arena *arena;
	const struct table_column *columns;
	size_t column_count;		/* at most TABLE_COLUMNS */
	const char *(*rows)[TABLE_COLUMNS];
	size_t count, room;
};

/* columns outlives the table. */
void table_init(struct table *t, struct arena *a, size_t count, const struct table_column *columns);

/* Adds a row and returns its cells, all "-", to be set to texts that live as long as the table. */
const char **table_row(struct table *t);

/* Prints the heading and the rows; columns are as wide as their widest cell, with two spaces between them.
 * width: columns of the terminal that the table has to fit; 0: out is no terminal, or everything is wanted, so
 * that nothing is left out or cut.  Control characters are escaped. */
void table_print(const struct table *t, size_t width, FILE *out);

#endif
