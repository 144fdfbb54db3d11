#include "reconcile/plan/report.h"

#include <string.h>

#include "reconcile/tree/json.h"
#include "reconcile/tree/node.h"
#include "reconcile/tree/pack.h"

#ifndef FLOWSYNC_VERSION
#error "FLOWSYNC_VERSION is given by the Makefile"
#endif

const char *action_word(enum action action)
{
	static const char *const words[] = { "none", "create", "patch", "replace", "delete" };
	return words[action];
}

const char *result_word(enum result result)
{
	static const char *const words[] = {
		"planned", "applied", "unchanged", "failed", "refused", "deferred", "blocked", "conflict",
		"suspended", "unplanned",
	};
	return words[result];
}

/* The name of the operation of an action (design, 6.1). */
static const char *operation_of(enum action action)
{
	static const char *const words[] = {
		NULL, "create_or_update", "patch", "create_or_update", "delete",
	};
	return words[action];
}

void report_judge(struct report *report)
{
	struct exit_status *v = &report->verdict;

	for (size_t i = 0; i < report->step_count; i++) {
		switch (report->steps[i].result) {
		case RESULT_PLANNED: v->pending = true; break;
		case RESULT_APPLIED: v->applied = true; break;
		case RESULT_FAILED: v->step_failed = true; break;
		case RESULT_REFUSED: v->step_failed = v->applied = true; break;
		case RESULT_DEFERRED: v->deferred = true; break;
		case RESULT_BLOCKED: v->blocked = true; break;
		case RESULT_CONFLICT: v->conflict = true; break;
		case RESULT_UNCHANGED: case RESULT_SUSPENDED: case RESULT_UNPLANNED: break;
		}
	}
}

/* ---- the document ---- */

static struct node *text_node_or_null(struct arena *a, const char *text)
{
	return text ? node_text(a, text) : node_null(a);
}

static struct node *seconds_node(struct arena *a, int64_t ms)
{
	struct node *n = node_int(a, 0);

	n->kind = NODE_REAL;
	n->real = (double)ms / 1000;
	n->text = arena_printf(a, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
	return n;
}

static void put_report_place(struct arena *a, struct node *map, struct pos at)
{
	node_put(a, map, "file", text_node_or_null(a, at.file));
	node_put(a, map, "line", at.line ? node_int(a, at.line) : node_null(a));
	node_put(a, map, "column", at.line ? node_int(a, at.col) : node_null(a));
}

static struct node *value_or_null(struct arena *a, const struct node *n)
{
	return n ? (struct node *)n : node_null(a);
}

static struct node *changes_tree(struct arena *a, const struct diff *diff)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < diff->count; i++) {
		const struct change *c = &diff->items[i];
		struct node *n = node_add(a, list, node_map(a));
		node_put(a, n, "op", node_text(a, change_op_word(c->op)));
		node_put(a, n, "path", node_text(a, c->path));
		if (c->item)
			node_put(a, n, "item", node_text(a, c->item));
		node_put(a, n, "from", value_or_null(a, c->from));
		node_put(a, n, "to", value_or_null(a, c->to));
		node_put(a, n, "reason", node_text(a, reason_word(c->reason)));
		put_report_place(a, n, c->at);
	}
	return list;
}

/* The sent values, and those that the service has instead. */
static struct node *kept_tree(struct arena *a, const struct diff *kept)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < kept->count; i++) {
		struct node *n = node_add(a, list, node_map(a));
		node_put(a, n, "path", node_text(a, kept->items[i].path));
		node_put(a, n, "sent", value_or_null(a, kept->items[i].to));
		node_put(a, n, "kept", value_or_null(a, kept->items[i].from));
	}
	return list;
}

/* ---- changes outside of memory ---- */

static bool spill_list(struct report_spill *spill, struct node *(*tree)(struct arena *, const struct diff *),
                       struct diff *diff, struct spilled *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf bytes = BUF_TEXT;

	if (!diff->count)
		return true;
	/* The list is read twice, for the document and for people, which costs JSON ten times as much. */
	pack_tree(tree(&a, diff), &bytes);
	out->len = bytes.len;
	return spill->put(spill->context, buf_str(&bytes), bytes.len, &out->place);
}

bool report_spill_step(struct report *r, struct plan_step *s)
{
	struct spilled diff = s->diff_spilled, settled = s->settled_spilled, refused = s->refused_spilled;

	if (!r->spill || !spill_list(r->spill, changes_tree, &s->diff, &diff) ||
	    !spill_list(r->spill, kept_tree, &s->settled, &settled) ||
	    !spill_list(r->spill, kept_tree, &s->refused, &refused))
		return false;
	s->diff_spilled = diff;
	s->settled_spilled = settled;
	s->refused_spilled = refused;
	s->diff = s->settled = s->refused = (struct diff){ 0 };
	return true;
}

/* NULL: it cannot be read. */
static struct node *read_spilled(struct arena *a, const struct report *r, const struct spilled *s)
{
	char *bytes = arena_alloc(a, s->len, 1, 1);

	return r->spill && r->spill->get(r->spill->context, s->place, s->len, bytes) ? pack_read(a, bytes, NULL) : NULL;
}

/* The list in memory, or the one that was spilled. */
static struct node *list_of(struct arena *a, const struct report *r,
                            struct node *(*tree)(struct arena *, const struct diff *), const struct diff *diff,
                            const struct spilled *spilled, bool *lost)
{
	struct node *list = diff->count || !spilled->len ? tree(a, diff) : read_spilled(a, r, spilled);

	*lost |= !list;
	return list ? list : node_list(a);
}

/* ---- the workflows ---- */

static struct node *step_tree(struct arena *a, const struct report *r, const struct plan_step *s, bool *lost)
{
	struct node *n = node_map(a);

	node_put(a, n, "name", node_text(a, s->name));
	node_put(a, n, "id", s->id ? node_int(a, s->id) : node_null(a));
	node_put(a, n, "action", node_text(a, action_word(s->action)));
	node_put(a, n, "operation", text_node_or_null(a, operation_of(s->action)));
	node_put(a, n, "result", node_text(a, result_word(s->result)));
	node_put(a, n, "reason", s->action == ACTION_NONE ? node_null(a)
	                                                  : node_text(a, reason_word(s->reason)));
	put_report_place(a, n, s->at);
	if (s->note)
		node_put(a, n, "note", node_text(a, s->note));
	node_put(a, n, "changes", list_of(a, r, changes_tree, &s->diff, &s->diff_spilled, lost));
	node_put(a, n, "settled", list_of(a, r, kept_tree, &s->settled, &s->settled_spilled, lost));
	node_put(a, n, "refused", list_of(a, r, kept_tree, &s->refused, &s->refused_spilled, lost));
	node_put(a, n, "attempts", node_int(a, s->attempts));
	node_put(a, n, "http_status", s->http_status ? node_int(a, s->http_status) : node_null(a));
	node_put(a, n, "error", text_node_or_null(a, s->error));
	node_put(a, n, "duration_s", seconds_node(a, s->duration_ms));
	return n;
}

static bool is_listed(const struct report *r, const struct plan_step *s)
{
	return r->verbose || s->result != RESULT_UNCHANGED;
}

static struct node *steps_tree(struct arena *a, const struct report *r)
{
	struct node *list = node_list(a);
	bool lost = false;

	for (size_t i = 0; i < r->step_count; i++)
		if (is_listed(r, &r->steps[i]))
			node_add(a, list, step_tree(a, r, &r->steps[i], &lost));
	return lost ? NULL : list;
}

static struct node *brief_steps_tree(struct arena *a, const struct report *r)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < r->step_count; i++) {
		if (!is_listed(r, &r->steps[i]))
			continue;
		struct node *n = node_add(a, list, node_map(a));
		node_put(a, n, "action", node_text(a, action_word(r->steps[i].action)));
		node_put(a, n, "result", node_text(a, result_word(r->steps[i].result)));
	}
	return list;
}

bool report_each_workflow(const struct report *r, bool (*each)(void *context, const struct node *workflow),
                          void *context)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	bool lost = false;

	for (size_t i = 0; i < r->step_count; i++) {
		if (!is_listed(r, &r->steps[i]))
			continue;
		const struct node *workflow = step_tree(&a, r, &r->steps[i], &lost);
		if (lost || !each(context, workflow))
			return false;
		arena_reset(&a);
	}
	return true;
}

static struct node *summary_tree(struct arena *a, const struct report *r)
{
	size_t actions[ACTION_DELETE + 1] = { 0 }, results[RESULT_UNPLANNED + 1] = { 0 };
	size_t settled = 0, stale = 0, unchanged = 0;
	struct node *n = node_map(a);

	for (size_t i = 0; i < r->step_count; i++) {
		stale += r->steps[i].stale;
		unchanged += r->steps[i].result == RESULT_UNCHANGED;
		settled += r->steps[i].settled.count > 0 || r->steps[i].settled_spilled.len > 0;
		actions[r->steps[i].action]++;
		results[r->steps[i].result]++;
	}
	node_put(a, n, "declared", node_int(a, (int64_t)r->source.specs));
	node_put(a, n, "observed", node_int(a, (int64_t)r->observed));
	node_put(a, n, "owned", node_int(a, (int64_t)r->owned));
	for (int i = ACTION_CREATE; i <= ACTION_DELETE; i++)
		node_put(a, n, action_word(i), node_int(a, (int64_t)actions[i]));
	node_put(a, n, "none", node_int(a, (int64_t)actions[ACTION_NONE]));
	node_put(a, n, "unchanged", node_int(a, (int64_t)unchanged));
	node_put(a, n, "settled", node_int(a, (int64_t)settled));
	node_put(a, n, "deferred", node_int(a, (int64_t)results[RESULT_DEFERRED]));
	node_put(a, n, "failed", node_int(a, (int64_t)(results[RESULT_FAILED] + results[RESULT_REFUSED])));
	node_put(a, n, "blocked", node_int(a, (int64_t)results[RESULT_BLOCKED]));
	node_put(a, n, "conflict", node_int(a, (int64_t)results[RESULT_CONFLICT]));
	node_put(a, n, "suspended", node_int(a, (int64_t)results[RESULT_SUSPENDED]));
	if (r->plan.file) {
		node_put(a, n, "stale", node_int(a, (int64_t)stale));
		node_put(a, n, "unplanned", node_int(a, (int64_t)results[RESULT_UNPLANNED]));
	}
	return n;
}

static struct node *guards_tree(struct arena *a, const struct guards *g)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < g->count; i++) {
		struct node *n = node_add(a, list, node_map(a));
		node_put(a, n, "name", node_text(a, g->items[i].name));
		node_put(a, n, "limit", node_text(a, g->items[i].limit));
		node_put(a, n, "value", node_text(a, g->items[i].value));
		node_put(a, n, "result", node_text(a, g->items[i].message ? "block" : "pass"));
	}
	return list;
}

static struct node *source_tree(struct arena *a, const struct report_source *s)
{
	struct node *n = node_map(a);

	node_put(a, n, "kind", text_node_or_null(a, s->kind));
	node_put(a, n, "location", text_node_or_null(a, s->location));
	node_put(a, n, "revision", text_node_or_null(a, s->revision));
	node_put(a, n, "tree", text_node_or_null(a, s->tree));
	node_put(a, n, "path", text_node_or_null(a, s->path));
	node_put(a, n, "specs", node_int(a, (int64_t)s->specs));
	node_put(a, n, "files", node_int(a, (int64_t)s->files));
	return n;
}

static struct node *applied_plan_tree(struct arena *a, const struct report *r)
{
	struct node *n = node_map(a);

	node_put(a, n, "file", node_text(a, r->plan.file));
	node_put(a, n, "digest", node_text(a, r->plan.digest));
	node_put(a, n, "created", node_text(a, r->plan.created));
	return n;
}

static struct node *requests_tree(struct arena *a, const struct report *r)
{
	struct node *n = node_map(a), *by = node_map(a);

	for (int i = 0; i < OPERATION_COUNT; i++)
		if (r->by_operation[i])
			node_put(a, by, operation_name(i), node_int(a, r->by_operation[i]));
	node_put(a, n, "total", node_int(a, r->requests));
	node_put(a, n, "by_operation", by);
	node_put(a, n, "retries", node_int(a, r->retries));
	node_put(a, n, "waited_s", seconds_node(a, r->waited_ms));
	node_put(a, n, "concurrency", node_int(a, r->concurrency));
	return n;
}

static struct node *faults_tree(struct arena *a, const struct diagnostics *faults, bool warnings)
{
	struct node *list = node_list(a);

	for (size_t i = 0; faults && i < faults->count; i++) {
		const struct diagnostic *f = &faults->items[i];
		if (f->warning != warnings)
			continue;
		struct node *n = node_add(a, list, node_map(a));
		node_put(a, n, "message", node_text(a, f->message));
		put_report_place(a, n, f->at);
	}
	/* Left out messages count as warnings if there are no errors. */
	if (faults && faults->left_out && warnings == !faults->errors) {
		struct node *n = node_add(a, list, node_map(a));
		node_put(a, n, "message", node_text(a, arena_printf(a, "%zu more %s not shown", faults->left_out,
		                                                    faults->left_out == 1 ? "is" : "are")));
		put_report_place(a, n, (struct pos){ 0 });
	}
	return list;
}

static struct node *document_with(struct arena *a, const struct report *r, struct node *workflows)
{
	struct node *n = node_map(a), *tool = node_map(a), *service = node_map(a);

	node_put(a, tool, "name", node_text(a, "flowsync"));
	node_put(a, tool, "version", node_text(a, FLOWSYNC_VERSION));
	node_put(a, service, "endpoint", text_node_or_null(a, r->endpoint));
	node_put(a, n, "report_version", node_int(a, REPORT_VERSION));
	node_put(a, n, "tool", tool);
	node_put(a, n, "mode", node_text(a, r->mode));
	node_put(a, n, "cycle_id", text_node_or_null(a, r->cycle_id));
	node_put(a, n, "sync", text_node_or_null(a, r->sync));
	node_put(a, n, "trigger", text_node_or_null(a, r->trigger));
	node_put(a, n, "started", text_node_or_null(a, r->started));
	node_put(a, n, "finished", text_node_or_null(a, r->finished));
	node_put(a, n, "duration_s", seconds_node(a, r->duration_ms));
	node_put(a, n, "source", source_tree(a, &r->source));
	node_put(a, n, "service", service);
	node_put(a, n, "owner", text_node_or_null(a, r->owner));
	if (r->plan.file)
		node_put(a, n, "plan", applied_plan_tree(a, r));
	node_put(a, n, "outcome", node_text(a, outcome_word(exit_status_outcome(&r->verdict))));
	node_put(a, n, "exit_code", node_int(a, exit_status_code(&r->verdict)));
	node_put(a, n, "summary", summary_tree(a, r));
	node_put(a, n, "guards", guards_tree(a, &r->guards));
	node_put(a, n, "workflows", workflows);
	node_put(a, n, "requests", requests_tree(a, r));
	node_put(a, n, "warnings", faults_tree(a, r->faults, true));
	node_put(a, n, "errors", faults_tree(a, r->faults, false));
	return n;
}

struct node *report_tree(struct arena *a, const struct report *r)
{
	struct node *steps = steps_tree(a, r);

	return steps ? document_with(a, r, steps) : NULL;
}

struct node *report_frame(struct arena *a, const struct report *r)
{
	return document_with(a, r, brief_steps_tree(a, r));
}

/* ---- writing ---- */

struct report_writing {
	const struct report_output *out;
	bool begun;		/* a workflow was written */
};

static bool flush_text(const struct report_writing *w, struct buf *text)
{
	bool ok = w->out->add(w->out->context, buf_str(text), text->len);

	buf_reset(text);
	return ok;
}

static bool write_workflow(void *writing, const struct node *workflow)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct report_writing *w = writing;

	buf_adds(&text, w->begun ? ",\n    " : "[\n    ");
	json_write_inside(workflow, 2, &text);
	w->begun = true;
	return flush_text(w, &text);
}

bool report_write(const struct report *r, const struct report_output *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct report_writing w = { .out = out };
	const struct node *frame = document_with(&a, r, node_list(&a));

	for (size_t i = 0; i < frame->count; i++) {
		const struct entry *e = &frame->entries[i];
		buf_addf(&text, "%s\n  \"%s\": ", i ? "," : "{", e->key);
		if (strcmp(e->key, "workflows") != 0) {
			json_write_inside(e->value, 1, &text);
			continue;
		}
		if (!flush_text(&w, &text) || !report_each_workflow(r, write_workflow, &w))
			return false;
		buf_adds(&text, w.begun ? "\n  ]" : "[]");
	}
	buf_adds(&text, "\n}\n");
	return flush_text(&w, &text);
}
