#include "reconcile/plan/render_text.h"

#include <string.h>

#include "reconcile/plan/change_groups.h"
#include "reconcile/plan/render_line.h"
#include "reconcile/plan/render_value.h"
#include "reconcile/plan/render_workflow.h"
#include "reconcile/plan/sync_estimate.h"

enum {
	TEXT_MARGIN = 4,
	NAMES_OF_GROUP = 20,	/* of more workflows the others are counted */
};

struct text_rendering {
	struct report_view *view;
	const struct render_options *options;
	struct line_writer line;
	struct change_groups groups;
	size_t index;		/* of the next workflow in the report */
};

/* ---- one workflow ---- */

static const struct action_words { const char *action, *plan, *done; } action_words[] = {
	{ "create", "create", "created" }, { "patch", "change", "changed" },
	{ "replace", "change", "changed" }, { "delete", "delete", "deleted" },
};

/* NULL: nothing is done. */
static const struct action_words *find_action_words(const char *action)
{
	for (size_t i = 0; i < ARRAY_LEN(action_words); i++)
		if (strcmp(action_words[i].action, action) == 0)
			return &action_words[i];
	return NULL;
}

const char *render_action_word(const struct node *workflow)
{
	const char *action = node_get_text(workflow, "action"), *result = node_get_text(workflow, "result");
	bool applied = strcmp(result, "applied") == 0;
	const struct action_words *words = applied || strcmp(result, "planned") == 0 ? find_action_words(action) : NULL;

	return !words ? result : applied ? words->done : words->plan;
}

void render_add_action(struct buf *out, const struct node *workflow)
{
	const char *word = render_action_word(workflow);
	const struct action_words *words = find_action_words(node_get_text(workflow, "action"));

	if (words && node_is_text(workflow, "result", word))
		buf_addf(out, "%s, ", words->plan);
	buf_adds(out, word);
}

static char workflow_sign(const struct node *workflow)
{
	const char *action = node_get_text(workflow, "action");

	return node_get_text(workflow, "error") ? '!' : strcmp(action, "none") == 0 ? ' ' : change_sign(action);
}

static void add_action(struct line_writer *w, const struct node *workflow)
{
	char sign = workflow_sign(workflow);

	line_begin_heading(w);
	line_addf(w, sign == '!' ? RED : change_tint(sign), "%c %-9s ", sign, render_action_word(workflow));
}

static void add_heading(struct line_writer *w, const struct node *workflow)
{
	const char *file = node_get_text(workflow, "file");
	int64_t id = node_get_int(workflow, "id", 0);

	add_action(w, workflow);
	line_add(w, BOLD, node_get_text(workflow, "name"));
	if (id)
		line_addf(w, PLAIN, " (id %lld)", (long long)id);
	if (file)
		line_addf(w, DIM, "  %s:%lld", file, (long long)node_get_int(workflow, "line", 0));
	line_end(w);
}

static void add_group_heading(struct line_writer *w, const struct node *workflow, const struct change_group *group)
{
	add_action(w, workflow);
	line_addf(w, BOLD, "%zu workflows in the same way", group->count);
	for (size_t i = 0; i < group->count && i < NAMES_OF_GROUP; i++)
		line_addf(w, PLAIN, "%s %s", i ? "," : ":", group->names[i]);
	if (group->count > NAMES_OF_GROUP)
		line_addf(w, DIM, " and %zu more (--verbose shows each)", group->count - NAMES_OF_GROUP);
	line_end(w);
}

static bool add_workflow(void *rendering, const struct node *workflow)
{
	struct text_rendering *r = rendering;
	struct change_group group = { 0 };
	enum group_role role = change_groups_role(&r->groups, r->index++, &group);
	const struct change_style style = { .whole = r->options->verbose, .no_lines = role == GROUP_FIRST,
	                                    .clock = r->options->clock };

	if (role == GROUP_OTHER)
		return true;
	if (role == GROUP_FIRST)
		add_group_heading(&r->line, workflow, &group);
	else
		add_heading(&r->line, workflow);
	render_body(&r->line, workflow, &style);
	return report_view_flush(r->view);
}

/* ---- the end ---- */

/* Unchanged workflows may not be listed.  A stored report may be of a version without their number: there they are the
 * declared ones without any other result. */
static size_t count_unchanged(const struct report_view *v)
{
	const struct node *list = node_get(v->frame, "workflows"), *summary = node_get(v->frame, "summary");
	size_t others = 0;

	if (node_get(summary, "unchanged"))
		return (size_t)node_get_int(summary, "unchanged", 0);
	for (size_t i = 0; i < list->count; i++) {
		const struct node *w = list->entries[i].value;
		others += !node_is_text(w, "result", "unchanged") && !node_is_text(w, "action", "delete");
	}
	return (size_t)node_get_int(summary, "declared", 0) - others;
}

bool render_is_nothing(const struct report_view *v)
{
	const struct node *frame = v->frame;

	return !node_get(frame, "workflows")->count && node_get(frame, "errors")->count &&
	       !node_is_text(frame, "outcome", "converged");
}

void render_counts(const struct report_view *v, struct buf *out)
{
	static const struct { const char *result, *words; } rest[] = {
		{ "suspended", "suspended" }, { "blocked", "blocked" }, { "conflict", "in conflict" },
		{ "deferred", "deferred" }, { "refused", "refused" }, { "failed", "failed" },
		{ "unplanned", "not in the plan" },
	};
	bool plan = report_view_is_plan(v);
	const char *result = plan ? "planned" : "applied";

	if (render_is_nothing(v)) {
		buf_adds(out, plan ? "Plan: nothing was planned" : "Sync: nothing was written");
		return;
	}
	buf_addf(out, plan ? "Plan: %zu to create, %zu to change, %zu to delete; %zu unchanged"
	                   : "Sync: %zu created, %zu changed, %zu deleted; %zu unchanged",
	         report_view_count(v, "create", result),
	         report_view_count(v, "patch", result) + report_view_count(v, "replace", result),
	         report_view_count(v, "delete", result), count_unchanged(v));
	for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
		size_t count = report_view_count(v, NULL, rest[i].result);
		if (count)
			buf_addf(out, ", %zu %s", count, rest[i].words);
	}
}

static void add_line(struct line_writer *w, enum tint tint, const char *text)
{
	line_begin_heading(w);
	line_add(w, tint, text);
	line_end(w);
}

static void add_estimate(struct text_rendering *r)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct sync_estimate estimate;

	if (!sync_estimate(r->view, &estimate))
		return;
	sync_estimate_add(&estimate, &text);
	add_line(&r->line, PLAIN, buf_str(&text));
}

static void add_end(struct text_rendering *r)
{
	CLEANUP(buf_done) struct buf counts = BUF_TEXT;
	bool nothing = render_is_nothing(r->view);

	if (node_get(r->view->frame, "workflows")->count)
		buf_addc(r->line.out, '\n');
	render_counts(r->view, &counts);
	add_line(&r->line, nothing ? PLAIN : BOLD, buf_str(&counts));
	if (report_view_is_plan(r->view) && !nothing)
		add_estimate(r);
}

bool render_text(struct report_view *view, const struct render_options *options)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct text_rendering r = {
		.view = view, .options = options,
		.line = { .out = &view->text, .colour = options->colour, .width = options->width, .margin = TEXT_MARGIN },
	};

	if (!options->verbose && !change_groups_find(view, &a, &r.groups))
		return false;
	if (!report_view_each(view, add_workflow, &r))
		return false;
	add_end(&r);
	return report_view_flush(view);
}
