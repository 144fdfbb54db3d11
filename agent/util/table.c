#include "agent/util/table.h"

#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/clock.h"
#include "reconcile/base/printable.h"

enum { GAP = 2 };	/* spaces between two columns */

void table_init(struct table *t, struct arena *a, size_t count, const struct table_column *columns)
{
	*t = (struct table){ .arena = a, .columns = columns, .column_count = count };
}

const char **table_row(struct table *t)
{
	arena_grow(t->arena, t->rows, t->count, t->room);
	for (size_t i = 0; i < TABLE_COLUMNS; i++)
		t->rows[t->count][i] = "-";
	return t->rows[t->count++];
}

/* libsmartcols reports nothing but that memory is short. */
static void table_require_memory(bool ok)
{
	if (!ok) {
		fputs("out of memory\n", stderr);
		abort();
	}
}

/* How a table is printed: for a terminal or not, at most that wide (0: as wide as it is), with so many of its
 * optional columns. */
struct layout { bool terminal; size_t width, optional; };

static const char *table_cell_text(const struct table *t, const char *text, unsigned flags, const struct layout *l)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	size_t len = strlen(text), fraction = strlen(".000Z");
	int64_t ms;

	if (l->terminal && (flags & TABLE_TIME) && timestamp_parse(text, &ms) && len > fraction &&
	    text[len - fraction] == '.' && text[len - 1] == 'Z')
		text = arena_printf(t->arena, "%.*sZ", (int)(len - fraction), text);
	printable_add(&out, text);
	return arena_strdup(t->arena, buf_str(&out));
}

/* No column is cut to less than the name that it gets here. */
static void table_add_columns(const struct table *t, const struct layout *l, struct libscols_table *s)
{
	size_t optional = 0;

	for (size_t i = 0; i < t->column_count; i++) {
		unsigned flags = t->columns[i].flags;
		bool hidden = (flags & TABLE_OPTIONAL) && optional++ >= l->optional;
		table_require_memory(scols_table_new_column(s, t->columns[i].heading, 0,
		                                            (flags & TABLE_CUT ? SCOLS_FL_TRUNC : 0) |
		                                            (hidden ? SCOLS_FL_HIDDEN : 0)));
	}
}

static void table_add_line(const struct table *t, const struct layout *l, struct libscols_table *s,
                           const char *const *cells)
{
	struct libscols_line *line = scols_table_new_line(s, NULL);

	table_require_memory(line);
	for (size_t i = 0; i < t->column_count; i++) {
		const char *text = cells ? table_cell_text(t, cells[i], t->columns[i].flags, l) : t->columns[i].heading;
		table_require_memory(scols_line_set_data(line, i, text) == 0);
	}
}

static size_t table_rendered_width(const struct table *t, struct libscols_table *s)
{
	size_t width = 0;

	for (size_t i = 0; i < t->column_count; i++) {
		const struct libscols_column *c = scols_table_get_column(s, i);
		if (!scols_column_is_hidden(c))
			width += scols_column_get_width(c) + (width ? GAP : 0);
	}
	return width;
}

/* The table as text, to be freed.  *width is set to the columns of a terminal that it takes. */
static char *table_render(const struct table *t, const struct layout *l, size_t *width)
{
	struct libscols_table *s = scols_new_table();
	char *text = NULL;

	table_require_memory(s && scols_table_set_column_separator(s, "  ") == 0);
	/* The heading is a line like the others: libsmartcols prints none where there are no lines. */
	scols_table_enable_noheadings(s, 1);
	scols_table_enable_noencoding(s, 1);	/* printable_add() has escaped what has to be */
	scols_table_enable_minout(s, 1);
	scols_table_set_termforce(s, l->width ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
	if (l->width)
		scols_table_set_termwidth(s, l->width);
	table_add_columns(t, l, s);
	table_add_line(t, l, s, NULL);
	for (size_t i = 0; i < t->count; i++)
		table_add_line(t, l, s, t->rows[i]);
	table_require_memory(scols_print_table_to_string(s, &text) == 0 && text);
	*width = table_rendered_width(t, s);
	scols_unref_table(s);
	return text;
}

static char *table_render_to_fit(const struct table *t, size_t width)
{
	struct layout l = { .terminal = true };
	size_t needed;

	for (size_t i = 0; i < t->column_count; i++)
		l.optional += (t->columns[i].flags & TABLE_OPTIONAL) != 0;
	char *text = table_render(t, &l, &needed);
	while (needed > width && (l.optional > 0 || l.width == 0)) {
		if (l.optional > 0)
			l.optional--;
		else
			l.width = width;
		free(text);
		text = table_render(t, &l, &needed);
	}
	return text;
}

/* A row that ends with empty cells ends with the padding of those before them. */
static void table_print_trimmed(const char *text, FILE *out)
{
	while (*text) {
		size_t line = strcspn(text, "\n"), len = line;
		while (len > 0 && text[len - 1] == ' ')
			len--;
		fprintf(out, "%.*s\n", (int)len, text);
		text += line + (text[line] == '\n');
	}
}

void table_print(const struct table *t, size_t width, FILE *out)
{
	/* The width of a character is the locale's affair; all texts here are UTF-8, whatever LANG says. */
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
	size_t needs;
	char *text = width ? table_render_to_fit(t, width)
	                   : table_render(t, &(struct layout){ .optional = TABLE_COLUMNS }, &needs);

	table_print_trimmed(text, out);
	free(text);
	if (utf8) {
		uselocale(before);
		freelocale(utf8);
	}
}
