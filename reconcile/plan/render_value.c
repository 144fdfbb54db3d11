#include "reconcile/plan/render_value.h"

#include <string.h>

#include "reconcile/base/printable.h"
#include "reconcile/base/utf8.h"
#include "reconcile/plan/excerpt.h"
#include "reconcile/plan/line_diff.h"
#include "reconcile/tree/yaml.h"

char change_sign(const char *op)
{
	static const struct { const char *op; char sign; } signs[] = {
		{ "add", '+' }, { "create", '+' }, { "remove", '-' }, { "delete", '-' },
	};
	for (size_t i = 0; i < ARRAY_LEN(signs); i++)
		if (strcmp(signs[i].op, op) == 0)
			return signs[i].sign;
	return '~';
}

enum tint change_tint(char sign)
{
	return sign == '+' ? GREEN : sign == '-' ? RED : sign == '~' ? YELLOW : PLAIN;
}

void render_value_line(struct line_writer *w, char sign, size_t indent, const char *text)
{
	line_begin(w, sign, change_tint(sign), indent);
	line_add(w, change_tint(sign), text);
	line_end(w);
}

/* ---- YAML ---- */

/* A line of YAML whose blanks can be told apart, and are seen at its end. */
static void add_visible_line(const char *line, struct buf *out)
{
	size_t end = strlen(line);
	uint32_t code = 0;

	/* Nearly all lines are of this kind. */
	if (end && line[end - 1] != ' ' && printable_is_plain(line, end)) {
		buf_add(out, line, end);
		return;
	}
	while (end && line[end - 1] == ' ')
		end--;
	for (size_t at = 0, len; line[at]; at += len) {
		len = utf8_read(line + at, SIZE_MAX, &code);
		len = len ? len : 1;
		if (at >= end || (len > 1 && printable_is_odd_blank(code)))
			printable_add_escape(out, at >= end ? ' ' : code);
		else
			buf_add(out, line + at, len);
	}
}

void render_yaml(struct line_writer *w, char sign, size_t indent, const struct node *n)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf yaml = BUF_TEXT, line = BUF_TEXT;

	yaml_write(n, &yaml);
	const struct text_lines lines = line_diff_split(&a, buf_str(&yaml));
	for (size_t i = 0; i < lines.count; i++) {
		size_t blanks = strspn(lines.items[i].text, " ");
		buf_reset(&line);
		add_visible_line(lines.items[i].text + blanks, &line);
		render_value_line(w, sign, indent + blanks, buf_str(&line));
	}
}

/* ---- lines that differ ---- */

static void write_skipped_lines(struct line_writer *w, size_t indent, size_t count)
{
	line_begin(w, ' ', PLAIN, indent);
	line_addf(w, DIM, "(%zu equal line%s)", count, count == 1 ? "" : "s");
	line_end(w);
}

static void write_missing_newline(struct line_writer *w, size_t indent)
{
	line_begin(w, ' ', PLAIN, indent);
	line_add(w, DIM, "\\ no newline at the end");
	line_end(w);
}

/* ends_differ: one text ends with a newline, the other does not. */
static void write_line_change(struct line_writer *w, size_t indent, const struct line_change *c, bool ends_differ)
{
	static const char signs[] = { [LINE_STAYS] = '|', [LINE_GOES] = '-', [LINE_COMES] = '+' };
	CLEANUP(buf_done) struct buf this = BUF_TEXT, that = BUF_TEXT;

	if (c->sign == LINE_SKIPPED) {
		write_skipped_lines(w, indent, c->skipped);
		return;
	}
	excerpt_lines(c->line->text, c->other ? c->other->text : "", &this, &that);
	render_value_line(w, signs[c->sign], indent, buf_str(&this));
	if (c->line->open && ends_differ)
		write_missing_newline(w, indent);
}

static bool text_is_open(const char *text)
{
	size_t len = strlen(text);

	return len && text[len - 1] != '\n';
}

void render_line_diff(struct line_writer *w, size_t indent, const char *old, const char *new)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct line_diff diff = line_diff(&a, old, new);

	for (size_t i = 0; i < diff.count; i++)
		write_line_change(w, indent, &diff.items[i], text_is_open(old) != text_is_open(new));
}
