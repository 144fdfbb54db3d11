#include "reconcile/plan/render_change.h"

#include <string.h>

#include "reconcile/base/printable.h"
#include "reconcile/base/utf8.h"
#include "reconcile/plan/excerpt.h"
#include "reconcile/plan/line_diff.h"
#include "reconcile/tree/json.h"
#include "reconcile/tree/yaml.h"

enum {
	VALUE_INDENT = 4,	/* blanks before the lines of a value, below its path */
	MANY_ITEMS = 1000,	/* of a list: each is compared with each */
	ONE_LINE = 76,		/* columns of path, old and new value that stand on one line */
};

/* One change of a report's document. */
struct change_view {
	struct arena *arena;
	const struct node *change;
	const char *op, *path;
	const struct node *old, *new;	/* NULL: none */
	const struct change_style *style;
};

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

static bool is_tree(const struct node *n)
{
	return n && n->count && n->kind >= NODE_LIST;
}

/* True for a text of several lines. */
static bool is_text_of_lines(const struct node *n)
{
	const char *newline = n && n->kind == NODE_TEXT ? strchr(n->text, '\n') : NULL;

	return newline && newline[1];
}

/* ---- the line of a change ---- */

/* Why a value changes; NULL if there is no record of an earlier apply, which is the subject of one
 * warning. */
static const char *reason_text(const struct node *change)
{
	static const struct { const char *word, *words; } reasons[] = {
		{ "declared", "the spec changed" }, { "drift", "changed on the service" },
		{ "undeclared", "taken out of the spec" },
	};
	const char *reason = node_get_text(change, "reason");

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (strcmp(reasons[i].word, reason) == 0)
			return reasons[i].words;
	return NULL;
}

static void add_origin(struct line_writer *w, const struct change_view *v)
{
	int64_t line = v->style->no_lines ? 0 : node_get_int(v->change, "line", 0);
	const char *reason = reason_text(v->change);

	if (line)
		line_addf(w, DIM, "  line %lld", (long long)line);
	if (reason)
		line_addf(w, DIM, "%s%s", line ? ": " : "  ", reason);
}

static void begin_change(struct line_writer *w, const struct change_view *v)
{
	char sign = change_sign(v->op);

	line_begin(w, sign, change_tint(sign), 0);
	line_add(w, PLAIN, v->path);
	if (node_get_text(v->change, "item"))
		line_addf(w, PLAIN, " (%s)", node_get_text(v->change, "item"));
}

static void end_change(struct line_writer *w, const struct change_view *v)
{
	add_origin(w, v);
	line_end(w);
}

static void write_value_line(struct line_writer *w, char sign, size_t indent, const char *text)
{
	line_begin(w, sign, change_tint(sign), indent);
	line_add(w, change_tint(sign), text);
	line_end(w);
}

/* ---- a whole value ---- */

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

static void write_yaml_lines(struct line_writer *w, char sign, size_t indent, const struct node *n)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf yaml = BUF_TEXT, line = BUF_TEXT;

	yaml_write(n, &yaml);
	const struct text_lines lines = line_diff_split(&a, buf_str(&yaml));
	for (size_t i = 0; i < lines.count; i++) {
		size_t blanks = strspn(lines.items[i].text, " ");
		buf_reset(&line);
		add_visible_line(lines.items[i].text + blanks, &line);
		write_value_line(w, sign, indent + blanks, buf_str(&line));
	}
}

static bool is_block_alone(const struct change_view *v)
{
	const struct node *value = v->new ? v->new : v->old;

	return (!v->old || !v->new) && (is_tree(value) || is_text_of_lines(value));
}

static void write_block_alone(struct line_writer *w, const struct change_view *v)
{
	begin_change(w, v);
	end_change(w, v);
	write_yaml_lines(w, change_sign(v->op), VALUE_INDENT, v->new ? v->new : v->old);
}

/* An item such as {name: red} stands beside its path. */
static bool is_pair_alone(const struct change_view *v)
{
	const struct node *value = v->new ? v->new : v->old;

	return is_block_alone(v) && value->kind == NODE_MAP && value->count == 1 &&
	       value->entries[0].value->kind < NODE_LIST && !is_text_of_lines(value->entries[0].value);
}

static void write_pair_alone(struct line_writer *w, const struct change_view *v)
{
	CLEANUP(buf_done) struct buf yaml = BUF_TEXT;

	yaml_write(v->new ? v->new : v->old, &yaml);
	begin_change(w, v);
	line_addf(w, PLAIN, "  %.*s", (int)strcspn(buf_str(&yaml), "\n"), buf_str(&yaml));
	end_change(w, v);
}

/* ---- lines that differ ---- */

static void write_skipped_lines(struct line_writer *w, size_t count)
{
	line_begin(w, ' ', PLAIN, VALUE_INDENT);
	line_addf(w, DIM, "(%zu equal line%s)", count, count == 1 ? "" : "s");
	line_end(w);
}

static void write_missing_newline(struct line_writer *w)
{
	line_begin(w, ' ', PLAIN, VALUE_INDENT);
	line_add(w, DIM, "\\ no newline at the end");
	line_end(w);
}

/* ends_differ: one text ends with a newline, the other does not. */
static void write_line_change(struct line_writer *w, const struct line_change *c, bool ends_differ)
{
	static const char signs[] = { [LINE_STAYS] = '|', [LINE_GOES] = '-', [LINE_COMES] = '+' };
	CLEANUP(buf_done) struct buf this = BUF_TEXT, that = BUF_TEXT;

	if (c->sign == LINE_SKIPPED) {
		write_skipped_lines(w, c->skipped);
		return;
	}
	excerpt_lines(c->line->text, c->other ? c->other->text : "", &this, &that);
	write_value_line(w, signs[c->sign], VALUE_INDENT, buf_str(&this));
	if (c->line->open && ends_differ)
		write_missing_newline(w);
}

static bool text_is_open(const char *text)
{
	size_t len = strlen(text);

	return len && text[len - 1] != '\n';
}

static void write_lines_that_differ(struct line_writer *w, const struct change_view *v, const char *old, const char *new)
{
	const struct line_diff diff = line_diff(v->arena, old, new);

	begin_change(w, v);
	end_change(w, v);
	for (size_t i = 0; i < diff.count; i++)
		write_line_change(w, &diff.items[i], text_is_open(old) != text_is_open(new));
}

static bool is_text_with_lines(const struct change_view *v)
{
	return v->old && v->new && v->old->kind == NODE_TEXT && v->new->kind == NODE_TEXT &&
	       (is_text_of_lines(v->old) || is_text_of_lines(v->new));
}

static void write_text_diff(struct line_writer *w, const struct change_view *v)
{
	write_lines_that_differ(w, v, v->old->text, v->new->text);
}

static bool has_tree(const struct change_view *v)
{
	return is_tree(v->old) || is_tree(v->new);
}

static void write_tree_diff(struct line_writer *w, const struct change_view *v)
{
	CLEANUP(buf_done) struct buf old = BUF_TEXT, new = BUF_TEXT;

	yaml_write(v->old, &old);
	yaml_write(v->new, &new);
	write_lines_that_differ(w, v, buf_str(&old), buf_str(&new));
}

/* ---- items that differ ---- */

static bool is_list_of_scalars(const struct node *n)
{
	bool flat = n && n->kind == NODE_LIST;

	for (size_t i = 0; flat && i < n->count; i++)
		flat = n->entries[i].value->kind < NODE_LIST;
	return flat;
}

static bool list_has(const struct node *list, const struct node *item)
{
	for (size_t i = 0; i < list->count; i++)
		if (node_equal(list->entries[i].value, item))
			return true;
	return false;
}

/* True if an item of one list is not in the other. */
static bool lists_differ(const struct node *one, const struct node *other)
{
	for (size_t i = 0; i < one->count; i++)
		if (!list_has(other, one->entries[i].value))
			return true;
	return false;
}

static bool is_set_of_scalars(const struct change_view *v)
{
	return is_list_of_scalars(v->old) && is_list_of_scalars(v->new) &&
	       v->old->count <= MANY_ITEMS && v->new->count <= MANY_ITEMS &&
	       (lists_differ(v->old, v->new) || lists_differ(v->new, v->old));
}

/* The step whose parents these are; NULL if the change is about something else. */
static const char *step_of_parents(const struct change_view *v)
{
	static const char steps[] = "/steps/", parents[] = "/parents";
	size_t len = strlen(v->path), head = strlen(steps), tail = strlen(parents);

	if (len <= head + tail || strncmp(v->path, steps, head) != 0 || strcmp(v->path + len - tail, parents) != 0)
		return NULL;
	const char *step = arena_strndup(v->arena, v->path + head, len - head - tail);
	return strchr(step, '/') ? NULL : step;
}

/* An item by its value, or as an edge of the graph of steps. */
static void write_list_item(struct line_writer *w, const struct change_view *v, char sign, const struct node *item)
{
	const char *step = step_of_parents(v);
	const char *text = item->kind == NODE_TEXT && step ? arena_printf(v->arena, "%s -> %s", item->text, step)
	                                                   : json_text(v->arena, item);

	write_value_line(w, sign, VALUE_INDENT, text);
}

static void write_items_beside(struct line_writer *w, const struct change_view *v, char sign, const struct node *list,
                               const struct node *other)
{
	for (size_t i = 0; i < list->count; i++)
		if (!list_has(other, list->entries[i].value))
			write_list_item(w, v, sign, list->entries[i].value);
}

static void write_item_diff(struct line_writer *w, const struct change_view *v)
{
	begin_change(w, v);
	end_change(w, v);
	write_items_beside(w, v, '-', v->old, v->new);
	write_items_beside(w, v, '+', v->new, v->old);
}

/* ---- values on one line ---- */

/* What a scalar is, if the other one reads the same and is something else: "1" and 1. */
static const char *kind_to_say(const struct change_view *v, const struct node *n)
{
	static const char *const words[] = {
		[NODE_BOOL] = " (boolean)", [NODE_INT] = " (number)", [NODE_REAL] = " (number)", [NODE_TEXT] = " (text)",
	};
	const char *old = v->old ? node_scalar_text(v->arena, v->old) : NULL;
	const char *new = v->new ? node_scalar_text(v->arena, v->new) : NULL;
	bool alike = old && new && v->old->kind != v->new->kind && strcmp(old, new) == 0;

	return alike && n->kind < ARRAY_LEN(words) && words[n->kind] ? words[n->kind] : "";
}

static void write_one_value(struct line_writer *w, const struct change_view *v, const char *text)
{
	begin_change(w, v);
	line_addf(w, PLAIN, "  %s", text);
	end_change(w, v);
}

static void write_scalars(struct line_writer *w, const struct change_view *v)
{
	CLEANUP(buf_done) struct buf from = BUF_TEXT, to = BUF_TEXT;

	excerpt_values(v->old, v->new, v->style->whole, &from, &to);
	if (!from.len || !to.len) {
		write_one_value(w, v, from.len ? buf_str(&from) : buf_str(&to));
		return;
	}
	buf_adds(&from, kind_to_say(v, v->old));
	buf_adds(&to, kind_to_say(v, v->new));
	begin_change(w, v);
	if (strlen(v->path) + from.len + to.len < ONE_LINE) {
		line_addf(w, PLAIN, "  %s -> %s", buf_str(&from), buf_str(&to));
		end_change(w, v);
		return;
	}
	end_change(w, v);
	write_value_line(w, '-', VALUE_INDENT, buf_str(&from));
	write_value_line(w, '+', VALUE_INDENT, buf_str(&to));
}

/* ---- crons ---- */

static void write_cron_times(struct line_writer *w, const struct cron_clock *clock, char sign, const char *cron)
{
	int64_t times[CRON_TIMES];
	size_t count = cron_times(clock, cron, times);

	for (size_t i = 0; i < count; i++) {
		CLEANUP(buf_done) struct buf text = BUF_TEXT;
		cron_time_add(clock, times[i], &text);
		write_value_line(w, sign, VALUE_INDENT, buf_str(&text));
	}
}

/* value: of a trigger, or of a list of them. */
static void write_times_of_triggers(struct line_writer *w, const struct cron_clock *clock, char sign,
                                    const struct node *value)
{
	const char *cron = node_get_text(value, "cron");

	if (cron)
		write_cron_times(w, clock, sign, cron);
	for (size_t i = 0; value && value->kind == NODE_LIST && i < value->count; i++)
		if (node_get_text(value->entries[i].value, "cron"))
			write_cron_times(w, clock, sign, node_get_text(value->entries[i].value, "cron"));
}

static void write_times_of_change(struct line_writer *w, const struct change_view *v)
{
	static const char triggers[] = "/triggers";
	const struct cron_clock *clock = &v->style->clock;

	if (!clock->now || strncmp(v->path, triggers, strlen(triggers)) != 0)
		return;
	write_times_of_triggers(w, clock, '-', v->old);
	write_times_of_triggers(w, clock, '+', v->new);
}

static bool is_any_change(const struct change_view *v)
{
	return true;
}

static void write_change(struct line_writer *w, const struct change_view *v)
{
	/* The first form that fits. */
	static const struct {
		bool (*fits)(const struct change_view *);
		void (*write)(struct line_writer *, const struct change_view *);
	} forms[] = {
		{ is_pair_alone, write_pair_alone },
		{ is_block_alone, write_block_alone },
		{ is_text_with_lines, write_text_diff },
		{ is_set_of_scalars, write_item_diff },
		{ has_tree, write_tree_diff },
		{ is_any_change, write_scalars },
	};
	size_t i = 0;

	while (!forms[i].fits(v))
		i++;
	forms[i].write(w, v);
	write_times_of_change(w, v);
}

/* ---- a whole workflow ---- */

/* The key between two slashes of a JSON Pointer. */
static const char *key_of_pointer(struct arena *a, const char *pointer, size_t len)
{
	char *key = arena_strndup(a, pointer, len), *to = key;

	for (const char *s = key; *s; s++) {
		bool escaped = *s == '~' && (s[1] == '0' || s[1] == '1');
		*to++ = !escaped ? *s : s[1] == '0' ? '~' : '/';
		s += escaped;
	}
	*to = '\0';
	return key;
}

/* Puts a value where a pointer says, into maps that are made on the way. */
static void put_at_pointer(struct arena *a, struct node *map, const char *pointer, const struct node *value)
{
	while (*pointer == '/') {
		size_t len = strcspn(++pointer, "/");
		const char *key = key_of_pointer(a, pointer, len);
		struct node *inside = node_get(map, key);
		pointer += len;
		if (!*pointer) {
			node_put(a, map, key, node_copy(a, value));
			return;
		}
		map = inside && inside->kind == NODE_MAP ? inside : node_put(a, map, key, node_map(a));
	}
}

/* A workflow of additions (or removals) only is put together again. */
static void write_whole_workflow(struct line_writer *w, struct arena *a, const struct node *changes, char sign)
{
	struct node *body = node_map(a);

	for (size_t i = 0; i < changes->count; i++) {
		const struct node *c = changes->entries[i].value;
		const char *path = node_get_text(c, "path");
		const struct node *value = node_get(c, sign == '+' ? "to" : "from");
		put_at_pointer(a, body, path, value ? value : node_null(a));
	}
	write_yaml_lines(w, sign, 0, body);
}

static const struct node *value_of_change(const struct node *change, const char *key)
{
	const struct node *n = node_get(change, key);

	return n && n->kind != NODE_NULL ? n : NULL;
}

/* True if the changes are the workflow: it is made or deleted. */
static bool is_whole_workflow(const struct node *workflow, const struct node *changes)
{
	const char *action = node_get_text(workflow, "action");
	const char *op = strcmp(action, "create") == 0 ? "add" : strcmp(action, "delete") == 0 ? "remove" : NULL;

	for (size_t i = 0; op && i < changes->count; i++)
		if (!node_is_text(changes->entries[i].value, "op", op))
			return false;
	return op && changes->count;
}

void render_changes(struct line_writer *w, const struct node *workflow, const struct change_style *style)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct node *changes = node_get(workflow, "changes");

	if (!changes)
		return;
	if (is_whole_workflow(workflow, changes)) {
		write_whole_workflow(w, &a, changes, change_sign(node_get_text(workflow, "action")));
		return;
	}
	for (size_t i = 0; i < changes->count; i++) {
		const struct node *c = changes->entries[i].value;
		struct change_view v = { &a, c, node_get_text(c, "op"), node_get_text(c, "path"),
		                         value_of_change(c, "from"), value_of_change(c, "to"), style };
		write_change(w, &v);
	}
}

static void write_remark(struct line_writer *w, enum tint tint, const char *text)
{
	if (!text)
		return;
	line_begin_remark(w);
	line_add(w, tint, text);
	line_end(w);
}

void render_body(struct line_writer *w, const struct node *workflow, const struct change_style *style)
{
	render_changes(w, workflow, style);
	write_remark(w, PLAIN, node_get_text(workflow, "note"));
	write_remark(w, RED, node_get_text(workflow, "error"));
}
