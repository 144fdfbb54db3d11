#include "agent/util/table.h"

#include <string.h>

#include "agent/util/term.h"

void table_init(struct table *t, struct arena *a, size_t columns, const char *const *heading)
{
	*t = (struct table){ .arena = a, .columns = columns };
	const char **row = table_row(t);
	for (size_t i = 0; i < columns; i++)
		row[i] = heading[i];
}

const char **table_row(struct table *t)
{
	arena_grow(t->arena, t->rows, t->count, t->room);
	for (size_t i = 0; i < TABLE_COLUMNS; i++)
		t->rows[t->count][i] = "-";
	return t->rows[t->count++];
}

/* Characters, not bytes; that some are two columns wide is let be. */
static size_t width(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static const char *plain(const struct table *t, const char *text)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	term_add_plain(&out, text);
	return arena_strdup(t->arena, buf_str(&out));
}

/* How many cells of a row are more than empty texts at its end. */
static size_t used(const struct table *t, size_t row)
{
	size_t cells = t->columns;

	while (cells > 1 && !*t->rows[row][cells - 1])
		cells--;
	return cells;
}

void table_print(const struct table *t, FILE *out)
{
	size_t widths[TABLE_COLUMNS] = { 0 };

	for (size_t i = 0; i < t->count; i++)
		for (size_t j = 0; j < t->columns; j++) {
			t->rows[i][j] = plain(t, t->rows[i][j]);
			size_t w = width(t->rows[i][j]);
			widths[j] = w > widths[j] ? w : widths[j];
		}
	for (size_t i = 0; i < t->count; i++)
		for (size_t j = 0, cells = used(t, i); j < cells; j++) {
			bool last = j + 1 == cells;
			size_t gap = last ? 0 : widths[j] - width(t->rows[i][j]) + 2;
			fprintf(out, "%s%*s%s", t->rows[i][j], (int)gap, "", last ? "\n" : "");
		}
}
