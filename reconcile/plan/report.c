#include "reconcile/plan/report.h"

#include "reconcile/tree/node.h"

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
		"suspended",
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
		case RESULT_UNCHANGED: case RESULT_SUSPENDED: break;
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

static struct node *step_tree(struct arena *a, const struct plan_step *s)
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
	node_put(a, n, "changes", changes_tree(a, &s->diff));
	node_put(a, n, "settled", kept_tree(a, &s->settled));
	node_put(a, n, "refused", kept_tree(a, &s->refused));
	node_put(a, n, "attempts", node_int(a, s->attempts));
	node_put(a, n, "http_status", s->http_status ? node_int(a, s->http_status) : node_null(a));
	node_put(a, n, "error", text_node_or_null(a, s->error));
	node_put(a, n, "duration_s", seconds_node(a, s->duration_ms));
	return n;
}

static struct node *steps_tree(struct arena *a, const struct report *r)
{
	struct node *list = node_list(a);

	for (size_t i = 0; i < r->step_count; i++)
		if (r->verbose || r->steps[i].result != RESULT_UNCHANGED)
			node_add(a, list, step_tree(a, &r->steps[i]));
	return list;
}

static struct node *summary_tree(struct arena *a, const struct report *r)
{
	size_t actions[ACTION_DELETE + 1] = { 0 }, results[RESULT_SUSPENDED + 1] = { 0 };
	size_t settled = 0;
	struct node *n = node_map(a);

	for (size_t i = 0; i < r->step_count; i++) {
		settled += r->steps[i].settled.count > 0;
		actions[r->steps[i].action]++;
		results[r->steps[i].result]++;
	}
	node_put(a, n, "declared", node_int(a, (int64_t)r->source.specs));
	node_put(a, n, "observed", node_int(a, (int64_t)r->observed));
	node_put(a, n, "owned", node_int(a, (int64_t)r->owned));
	for (int i = ACTION_CREATE; i <= ACTION_DELETE; i++)
		node_put(a, n, action_word(i), node_int(a, (int64_t)actions[i]));
	node_put(a, n, "none", node_int(a, (int64_t)actions[ACTION_NONE]));
	node_put(a, n, "settled", node_int(a, (int64_t)settled));
	node_put(a, n, "deferred", node_int(a, (int64_t)results[RESULT_DEFERRED]));
	node_put(a, n, "failed", node_int(a, (int64_t)(results[RESULT_FAILED] + results[RESULT_REFUSED])));
	node_put(a, n, "blocked", node_int(a, (int64_t)results[RESULT_BLOCKED]));
	node_put(a, n, "conflict", node_int(a, (int64_t)results[RESULT_CONFLICT]));
	node_put(a, n, "suspended", node_int(a, (int64_t)results[RESULT_SUSPENDED]));
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

static struct node *requests_tree(struct arena *a, const struct report *r)
{
	struct node *n = node_map(a), *by = node_map(a);

	for (int i = 0; i < OPERATION_COUNT; i++)
		if (r->by_operation[i])
			node_put(a, by, operation_name(i), node_int(a, r->by_operation[i]));
	node_put(a, n, "total", node_int(a, r->requests));
	node_put(a, n, "by_operation", by);
	node_put(a, n, "retries", node_int(a, r->retries));
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

struct node *report_tree(struct arena *a, const struct report *r)
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
	node_put(a, n, "outcome", node_text(a, outcome_word(exit_status_outcome(&r->verdict))));
	node_put(a, n, "exit_code", node_int(a, exit_status_code(&r->verdict)));
	node_put(a, n, "summary", summary_tree(a, r));
	node_put(a, n, "guards", guards_tree(a, &r->guards));
	node_put(a, n, "workflows", steps_tree(a, r));
	node_put(a, n, "requests", requests_tree(a, r));
	node_put(a, n, "warnings", faults_tree(a, r->faults, true));
	node_put(a, n, "errors", faults_tree(a, r->faults, false));
	return n;
}
