#include "reconcile/plan/render.h"

#include <string.h>

#include "reconcile/base/printable.h"
#include "reconcile/plan/excerpt.h"

enum {
	LINE_WIDTH = 76,	/* longer pairs of old and new value are split into lines */
};

struct render {
	struct buf *out;
	bool colour;
	bool plan;		/* the report is a plan: nothing was done */
};

enum tint { PLAIN, GREEN, YELLOW, RED, BOLD, DIM };

static void set_tint(const struct render *r, enum tint t)
{
	static const char *const codes[] = {
		"\x1b[0m", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[1m", "\x1b[2m",
	};
	if (r->colour)
		buf_adds(r->out, codes[t]);
}

static void add_tinted(const struct render *r, enum tint t, const char *text)
{
	set_tint(r, t);
	printable_add(r->out, text);
	set_tint(r, PLAIN);
}

/* ---- one workflow ---- */

static enum tint sign_of_change(const char *op, char *c)
{
	bool add = strcmp(op, "add") == 0 || strcmp(op, "create") == 0;
	bool gone = strcmp(op, "remove") == 0 || strcmp(op, "delete") == 0;

	*c = add ? '+' : gone ? '-' : '~';
	return add ? GREEN : gone ? RED : YELLOW;
}

static const char *action_text(const struct render *r, const char *action, const char *result)
{
	static const struct { const char *action, *plan, *done; } words[] = {
		{ "create", "create", "created" }, { "patch", "change", "changed" },
		{ "replace", "change", "changed" }, { "delete", "delete", "deleted" },
	};
	bool applied = strcmp(result, "applied") == 0;

	if (!applied && strcmp(result, "planned") != 0)
		return result;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].action, action) == 0)
			return applied ? words[i].done : words[i].plan;
	return result;
}

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

static void add_origin(const struct render *r, const struct node *change, bool created)
{
	int64_t line = node_get_int(change, "line", 0);

	set_tint(r, DIM);
	if (line)
		buf_addf(r->out, "  line %lld", (long long)line);
	if (!created && reason_text(change))	/* values of a new workflow need no reason */
		buf_addf(r->out, "%s%s", line ? ": " : "  ", reason_text(change));
	set_tint(r, PLAIN);
}

static void render_change(const struct render *r, const struct node *change, bool created)
{
	CLEANUP(buf_done) struct buf from = BUF_TEXT, to = BUF_TEXT;
	const struct node *old = node_get(change, "from"), *new = node_get(change, "to");
	const char *op = node_get_text(change, "op"), *path = node_get_text(change, "path");
	char c;
	enum tint t = sign_of_change(op, &c);

	excerpt_values(old, new, &from, &to);
	buf_adds(r->out, "    ");
	set_tint(r, t);
	buf_addf(r->out, "%c ", c);
	add_tinted(r, PLAIN, path);
	if (!from.len || !to.len) {
		buf_addf(r->out, "  %s", from.len ? buf_str(&from) : buf_str(&to));
		add_origin(r, change, created);
		buf_addc(r->out, '\n');
	} else if (strlen(path) + from.len + to.len < LINE_WIDTH) {
		buf_addf(r->out, "  %s -> %s", buf_str(&from), buf_str(&to));
		add_origin(r, change, created);
		buf_addc(r->out, '\n');
	} else {
		add_origin(r, change, created);
		buf_addf(r->out, "\n        %s\n     -> %s\n", buf_str(&from), buf_str(&to));
	}
}

static void render_workflow(const struct render *r, const struct node *w)
{
	const char *action = node_get_text(w, "action"), *result = node_get_text(w, "result");
	const char *file = node_get_text(w, "file"), *error = node_get_text(w, "error");
	const char *note = node_get_text(w, "note");
	const struct node *changes = node_get(w, "changes");
	bool bad = error != NULL;
	int64_t id = node_get_int(w, "id", 0);
	char c;
	enum tint t = sign_of_change(action, &c);

	if (strcmp(action, "none") == 0)
		c = ' ', t = PLAIN;
	set_tint(r, bad ? RED : t);
	buf_addf(r->out, "%c %-9s ", bad ? '!' : c, action_text(r, action, result));
	set_tint(r, PLAIN);
	add_tinted(r, BOLD, node_get_text(w, "name"));
	if (id)
		buf_addf(r->out, " (id %lld)", (long long)id);
	if (file) {
		set_tint(r, DIM);
		buf_adds(r->out, "  ");
		printable_add(r->out, file);
		buf_addf(r->out, ":%lld", (long long)node_get_int(w, "line", 0));
		set_tint(r, PLAIN);
	}
	buf_addc(r->out, '\n');
	for (size_t i = 0; changes && i < changes->count; i++)
		render_change(r, changes->entries[i].value, strcmp(action, "create") == 0);
	if (note) {
		buf_adds(r->out, "    ");
		printable_add(r->out, note);
		buf_addc(r->out, '\n');
	}
	if (error) {
		buf_adds(r->out, "    ");
		add_tinted(r, RED, error);
		buf_addc(r->out, '\n');
	}
}

/* ---- the whole ---- */

/* The number of listed workflows with this action (NULL: any) and this result. */
static size_t count_workflows(const struct node *workflows, const char *action, const char *result)
{
	size_t sum = 0;

	for (size_t i = 0; workflows && i < workflows->count; i++) {
		const struct node *w = workflows->entries[i].value;
		sum += (!action || strcmp(node_get_text(w, "action"), action) == 0) &&
		       strcmp(node_get_text(w, "result"), result) == 0;
	}
	return sum;
}

static void add_count_text(const struct render *r, size_t number, const char *word)
{
	if (number)
		buf_addf(r->out, ", %zu %s", number, word);
}

static void render_counts(const struct render *r, const struct node *report)
{
	const struct node *list = node_get(report, "workflows"), *summary = node_get(report, "summary");
	const char *result = r->plan ? "planned" : "applied";
	size_t changed = count_workflows(list, "patch", result) + count_workflows(list, "replace", result);
	size_t not_unchanged = 0;

	/* Unchanged workflows may not be listed: they are the declared ones without any other result. */
	for (size_t i = 0; list && i < list->count; i++) {
		const struct node *w = list->entries[i].value;
		not_unchanged += strcmp(node_get_text(w, "result"), "unchanged") != 0 &&
		                 strcmp(node_get_text(w, "action"), "delete") != 0;
	}
	size_t declared = (size_t)node_get_int(summary, "declared", 0);
	set_tint(r, BOLD);
	if (r->plan)
		buf_addf(r->out, "Plan: %zu to create, %zu to change, %zu to delete; %zu unchanged",
		         count_workflows(list, "create", result), changed, count_workflows(list, "delete", result),
		         declared - not_unchanged);
	else
		buf_addf(r->out, "Sync: %zu created, %zu changed, %zu deleted; %zu unchanged",
		         count_workflows(list, "create", result), changed, count_workflows(list, "delete", result),
		         declared - not_unchanged);
	add_count_text(r, count_workflows(list, NULL, "suspended"), "suspended");
	add_count_text(r, count_workflows(list, NULL, "blocked"), "blocked");
	add_count_text(r, count_workflows(list, NULL, "conflict"), "in conflict");
	add_count_text(r, count_workflows(list, NULL, "deferred"), "deferred");
	add_count_text(r, count_workflows(list, NULL, "refused"), "refused");
	add_count_text(r, count_workflows(list, NULL, "failed"), "failed");
	set_tint(r, PLAIN);
	buf_addc(r->out, '\n');
}

/* What follows the workflows. */
static void render_end(const struct render *r, const struct node *report)
{
	const struct node *list = node_get(report, "workflows"), *errors = node_get(report, "errors");
	const char *outcome = node_get_text(report, "outcome");

	if (list->count)
		buf_addc(r->out, '\n');
	if (!list->count && errors->count && strcmp(outcome, "converged") != 0)
		buf_addf(r->out, "%s: nothing was %s\n", r->plan ? "Plan" : "Sync",
		         r->plan ? "planned" : "written");
	else
		render_counts(r, report);
}

void render_human(const struct node *report, bool colour, struct buf *out)
{
	struct render r = {
		.out = out, .colour = colour, .plan = strcmp(node_get_text(report, "mode"), "plan") == 0,
	};
	const struct node *list = node_get(report, "workflows");

	for (size_t i = 0; i < list->count; i++)
		render_workflow(&r, list->entries[i].value);
	render_end(&r, report);
}

struct render_stream { struct render render; const struct report_output *out; };

static bool flush_rendered(const struct render_stream *s)
{
	struct buf *text = s->render.out;
	bool ok = s->out->add(s->out->context, buf_str(text), text->len);

	buf_reset(text);
	return ok;
}

static bool render_next_workflow(void *stream, const struct node *workflow)
{
	const struct render_stream *s = stream;

	render_workflow(&s->render, workflow);
	return flush_rendered(s);
}

bool render_report(const struct report *report, bool colour, const struct report_output *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct render_stream s = { { &text, colour, strcmp(report->mode, "plan") == 0 }, out };

	if (!report_each_workflow(report, render_next_workflow, &s))
		return false;
	render_end(&s.render, report_frame(&a, report));
	return flush_rendered(&s);
}
