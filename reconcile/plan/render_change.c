#include "reconcile/plan/render_change.h"

#include <string.h>

#include "reconcile/plan/excerpt.h"
#include "reconcile/plan/render_value.h"
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

/* ---- a whole value ---- */

static bool is_block_alone(const struct change_view *v)
{
	const struct node *value = v->new ? v->new : v->old;

	return (!v->old || !v->new) && (is_tree(value) || is_text_of_lines(value));
}

static void write_block_alone(struct line_writer *w, const struct change_view *v)
{
	begin_change(w, v);
	end_change(w, v);
	render_yaml(w, change_sign(v->op), VALUE_INDENT, v->new ? v->new : v->old);
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

static bool is_text_with_lines(const struct change_view *v)
{
	return v->old && v->new && v->old->kind == NODE_TEXT && v->new->kind == NODE_TEXT &&
	       (is_text_of_lines(v->old) || is_text_of_lines(v->new));
}

static void write_text_diff(struct line_writer *w, const struct change_view *v)
{
	begin_change(w, v);
	end_change(w, v);
	render_line_diff(w, VALUE_INDENT, v->old->text, v->new->text);
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
	begin_change(w, v);
	end_change(w, v);
	render_line_diff(w, VALUE_INDENT, buf_str(&old), buf_str(&new));
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

	render_value_line(w, sign, VALUE_INDENT, text);
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
	render_value_line(w, '-', VALUE_INDENT, buf_str(&from));
	render_value_line(w, '+', VALUE_INDENT, buf_str(&to));
}

/* ---- crons ---- */

static void write_cron_times(struct line_writer *w, const struct cron_clock *clock, char sign, const char *cron)
{
	int64_t times[CRON_TIMES];
	size_t count = cron_times(clock, cron, times);

	for (size_t i = 0; i < count; i++) {
		CLEANUP(buf_done) struct buf text = BUF_TEXT;
		cron_time_add(clock, times[i], &text);
		render_value_line(w, sign, VALUE_INDENT, buf_str(&text));
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

static const struct node *value_of_change(const struct node *change, const char *key)
{
	const struct node *n = node_get(change, key);

	return n && n->kind != NODE_NULL ? n : NULL;
}

void render_change(struct line_writer *w, const struct node *change, const struct change_style *style)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct change_view v = {
		&a, change, node_get_text(change, "op"), node_get_text(change, "path"), value_of_change(change, "from"),
		value_of_change(change, "to"), style,
	};

	write_change(w, &v);
}
