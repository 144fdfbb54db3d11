/* table.h: rows of text in columns, for people. */
#ifndef AGENT_UTIL_TABLE_H
#define AGENT_UTIL_TABLE_H

#include <stdio.h>

#include "reconcile/base/arena.h"

enum { TABLE_COLUMNS = 8 };

struct table {
	struct arena *arena;
	size_t columns;			/* at most TABLE_COLUMNS */
	const char *(*rows)[TABLE_COLUMNS];	/* the first is the heading */
	size_t count, room;
};

/* Begins with the heading's words, as many as columns. */
void table_init(struct table *t, struct arena *a, size_t columns, const char *const *heading);

/* Adds a row and returns its cells, all "-", to be set to texts that live as long as the table. */
const char **table_row(struct table *t);

/* Columns as wide as their widest cell, two spaces between them; empty cells at a row's end are
 * left out, control characters are escaped. */
void table_print(const struct table *t, FILE *out);

#endif
