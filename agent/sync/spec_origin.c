#include "agent/sync/spec_origin.h"

#include <string.h>

#include "agent/source/source.h"

/* ---- the file ---- */

static const struct source_file *spec_origin_find_file(const struct source *source, const char *name)
{
	for (size_t i = 0; i < source->files.count; i++)
		if (strcmp(source->files.items[i].name, name) == 0)
			return &source->files.items[i];
	return NULL;
}

static void spec_origin_split_lines(struct spec_origin *o)
{
	char *text = arena_strdup(o->arena, buf_str(&o->text.text));
	size_t room = 0;

	for (char *line; (line = strsep(&text, "\n")); ) {
		arena_grow(o->arena, o->lines, o->line_count, room);
		o->lines[o->line_count++] = line;
	}
}

/* Columns count characters, as those of the tree do. */
static void spec_origin_locate_values(struct spec_origin *o)
{
	const char *text = buf_str(&o->text.text);
	struct pos at = { NULL, 1, 1 };
	size_t done = 0;

	o->filled = arena_new(o->arena, struct pos, o->text.fill_count + 1);
	for (size_t i = 0; i < o->text.fill_count; i++) {
		for (; done < o->text.fills[i].at; done++) {
			if (text[done] == '\n')
				at = (struct pos){ NULL, at.line + 1, 1 };
			else
				at.col += ((unsigned char)text[done] & 0xc0) != 0x80;
		}
		o->filled[i] = at;
	}
}

static void spec_origin_open_blame(struct context *ctx, const struct cycle_findings *f, const struct source_file *file,
                                   struct spec_origin *o)
{
	struct err err;

	o->blame_error = f->history_error;
	if (f->history && !line_blame_open(f->history, file->name, file->bytes, file->len, &o->blame, &err))
		o->blame_error = arena_strdup(ctx->arena, err.msg);
}

void spec_origin_open(struct context *ctx, const struct cycle_findings *f, struct spec_origin *out)
{
	struct arena *a = ctx->arena;
	const struct source_file *file = spec_origin_find_file(f->source, f->spec->at.file);
	struct diagnostics known = { .arena = a };	/* reading the spec has reported them */

	*out = (struct spec_origin){ .arena = a, .text = { .arena = a, .text = BUF_TEXT, .keep_fills = true } };
	if (!file || !file->bytes)
		return;
	template_fill(ctx->vars, file->name, file->bytes, file->len, &out->text, &known);
	spec_origin_split_lines(out);
	spec_origin_locate_values(out);
	spec_origin_open_blame(ctx, f, file, out);
}

void spec_origin_done(struct spec_origin *o)
{
	line_blame_close(o->blame);
	buf_done(&o->text.text);
	*o = (struct spec_origin){ 0 };
}

/* ---- lines ---- */

static int spec_origin_count_newlines(const char *text, size_t len)
{
	int count = 0;

	for (size_t i = 0; i < len; i++)
		count += text[i] == '\n';
	return count;
}

/* The line of the file that a line of the filled text is from: values of several lines make the filled text longer. */
static int spec_origin_file_line(const struct spec_origin *o, int line)
{
	int before = 0;

	for (size_t i = 0; i < o->text.fill_count && o->filled[i].line < line; i++) {
		const struct filled_value *v = &o->text.fills[i];
		int more = spec_origin_count_newlines(buf_str(&o->text.text) + v->at, v->len);
		if (line < o->filled[i].line + more)
			return v->from.line;
		before += more;
	}
	return line - before;
}

static bool spec_origin_is_blank(const char *line)
{
	return line[strspn(line, " \t\r")] == '\0';
}

/* The last line of a field whose last value begins at value_at: a text of several lines is indented by more than its
 * key. */
static int spec_origin_last_line(const struct spec_origin *o, const struct explained_field *f)
{
	int last = f->value_at.line > f->at.line ? f->value_at.line : f->at.line;
	int end = f->next.line > 0 ? f->next.line - 1 : (int)o->line_count;

	for (int line = last + 1; line <= end && line <= (int)o->line_count; line++) {
		const char *text = o->lines[line - 1];
		if (spec_origin_is_blank(text))
			continue;
		if ((int)strspn(text, " ") < f->at.col)
			break;
		last = line;
	}
	return last;
}

static bool spec_origin_is_newer(const struct blamed_line *a, const struct blamed_line *b)
{
	return a->uncommitted || (!b->uncommitted && a->time > b->time);
}

/* Of a value of several lines the newest change counts. */
static void spec_origin_blame_lines(struct spec_origin *o, int first, int last, struct field_origin *out)
{
	for (int line = first; o->blame && line <= last; line++) {
		struct blamed_line change;
		if (!line_blame_find(o->blame, spec_origin_file_line(o, line), &change))
			continue;
		if (!out->blamed || spec_origin_is_newer(&change, &out->change))
			out->change = change;
		out->blamed = true;
	}
}

/* ---- variables ---- */

/* A comment may name a variable too: what was filled in there is in no value. */
static bool spec_origin_holds(const struct node *n, const char *value)
{
	if (n->kind == NODE_TEXT)
		return strstr(n->text, value);
	if (n->kind < NODE_LIST)
		return true;
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		if ((e->key && strstr(e->key, value)) || spec_origin_holds(e->value, value))
			return true;
	}
	return false;
}

static bool spec_origin_is_before(const struct pos *a, const struct pos *b)
{
	return a->line != b->line ? a->line < b->line : a->col < b->col;
}

static void spec_origin_find_values(struct spec_origin *o, const struct explained_field *f, int last,
                                    struct field_origin *out)
{
	for (size_t i = 0; i < o->text.fill_count; i++) {
		const struct filled_value *v = &o->text.fills[i];
		const struct pos *at = &o->filled[i];
		bool inside = !spec_origin_is_before(at, &f->at) && at->line <= last &&
		              (f->next.line == 0 || spec_origin_is_before(at, &f->next));
		if (!inside || !spec_origin_holds(f->plain, v->var->value))
			continue;
		arena_grow(o->arena, out->values, out->count, out->room);
		out->values[out->count++] = v;
	}
}

void spec_origin_find(struct spec_origin *o, const struct explained_field *f, struct field_origin *out)
{
	*out = (struct field_origin){ 0 };
	if (!f->declared || f->at.line <= 0 || !o->lines)
		return;
	int last = spec_origin_last_line(o, f);
	out->line = spec_origin_file_line(o, f->at.line);
	spec_origin_blame_lines(o, f->at.line, last, out);
	spec_origin_find_values(o, f, last, out);
}
