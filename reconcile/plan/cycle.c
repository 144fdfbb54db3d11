#include "reconcile/plan/cycle.h"

#include <fnmatch.h>
#include <string.h>

#include "reconcile/schema/mask.h"
#include "reconcile/plan/duplicates.h"
#include "reconcile/plan/ownership.h"
#include "reconcile/plan/saved_review.h"
#include "reconcile/plan/unlisted.h"

bool cycle_selects(const struct cycle_options *o, const char *name)
{
	for (size_t i = 0; i < o->only_count; i++)
		if (fnmatch(o->only[i], name, 0) == 0)
			return true;
	return o->only_count == 0;
}

/* Nothing is created or deleted in this cycle. */
static void hold_cycle(struct cycle *c, const char *why)
{
	if (!c->held)
		c->held = why;
	c->options.prune = false;
}

void cycle_begin(struct cycle *c, struct arena *a, struct dispatch *dispatch,
                 const struct specs *specs, const struct cycle_options *options,
                 struct report *report, struct diagnostics *faults)
{
	*c = (struct cycle){
		.arena = a, .dispatch = dispatch, .options = *options, .report = report, .faults = faults,
		.specs = specs, .tasks = arena_new(a, struct workflow_task, specs->count + 1), .to_do = 1,
	};
	c->owner_named = options->owner;
	if (!c->owner_named)
		c->options.owner = "default";
	report->steps = arena_new(&c->first_steps, struct plan_step, specs->count + 1);
	for (size_t i = 0; i < specs->count; i++) {
		const struct spec *spec = &specs->items[i];
		if (!cycle_selects(options, spec->name))
			continue;
		report->steps[c->count] = (struct plan_step){ .name = spec->name, .at = spec->at };
		c->tasks[c->count] = (struct workflow_task){ .cycle = c, .spec = spec, .step = &report->steps[c->count] };
		c->count++;
	}
	report->step_count = c->count;
	report->source.specs = c->count;
	if (options->hold)
		hold_cycle(c, TASK_HELD);
	operation_list_init(&c->list, a);
	c->list.dispatch = dispatch;
	dispatch_add(dispatch, &c->list.op.task);
	operation_call_init(&c->resources, a, OP_DEFAULT_RESOURCE, "/resources/defaults", NULL,
	             "get the default resource");
	if (options->whole || options->explanation)
		dispatch_add(dispatch, &c->resources.op.task);
}

/* ---- what is remembered ---- */

static void commit_changes(struct cycle *c, bool last)
{
	if (c->memory.commit)
		c->memory.commit(c->memory.context, last);
}

static void commit_round(void *cycle)
{
	commit_changes(cycle, false);
}

void cycle_remember(struct cycle *c, const struct cycle_memory *memory)
{
	c->memory = *memory;
	c->dispatch->commit = commit_round;
	c->dispatch->commit_context = c;
	warm_begin(c);
}

/* ---- the phases ---- */

static void begin_phase(struct cycle *c, enum cycle_phase phase)
{
	c->phase = phase;
	c->finished = c->to_do = 0;
}

static void fail_whole(struct cycle *c, const char *sentence)
{
	diagnostics_add(c->faults, (struct pos){ 0 }, "%s", sentence);
	c->report->verdict.failed = true;
}

enum { NAMES_SHOWN = 5 };

static bool fits_any(const struct cycle *c, const char *glob)
{
	for (size_t i = 0; i < c->specs->count; i++)
		if (fnmatch(glob, c->specs->items[i].name, 0) == 0)
			return true;
	/* Workflows to delete are no longer declared. */
	for (size_t i = 0; c->options.prune && i < c->list.count; i++)
		if (fnmatch(glob, c->list.items[i].name, 0) == 0)
			return true;
	return false;
}

/* A pattern that matches nothing is most likely a mistake, which would not be noticed otherwise. */
static void check_patterns(const struct cycle *c)
{
	for (size_t i = 0; !c->options.explanation && i < c->options.only_count; i++)
		if (!fits_any(c, c->options.only[i]))
			diagnostics_warn(c->faults, (struct pos){ 0 }, "only \"%s\": no declared workflow has such a name%s",
			                 c->options.only[i],
			                 strchr(c->options.only[i], ',') ? "; give each name by an --only of its own" : "");
}

static void start_observing(struct cycle *c)
{
	begin_phase(c, CYCLE_OBSERVE);
	c->report->observed = c->list.count;
	check_patterns(c);
	warm_plan(c);
	ownership_resolve(c, &c->facts);
}

static void complete_list(struct cycle *c)
{
	begin_phase(c, CYCLE_UNLISTED);
	if (!unlisted_request(c))
		start_observing(c);
}

static void take_list(struct cycle *c)
{
	if (c->list.changing)
		hold_cycle(c, TASK_LIST_CHANGED);
	if (c->list.op.ok) {
		complete_list(c);
		return;
	}
	fail_whole(c, c->list.op.err.msg);
	c->report->step_count = 0;	/* nothing is known of the workflows, so there are no steps */
	c->phase = CYCLE_DONE;
}

/* Describes what was to be described right before its write.  False if there is nothing. */
static bool observe_postponed(struct cycle *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++) {
		if (!c->tasks[i].postponed)
			continue;
		workflow_task_observe(&c->tasks[i]);
		count++;
	}
	return count;
}

static void check_guards(struct cycle *c)
{
	struct report *r = c->report;

	c->facts.updates = 0;
	for (size_t i = 0; i < c->count; i++)
		c->facts.updates += r->steps[i].result == RESULT_PLANNED &&
		                    r->steps[i].action != ACTION_CREATE;
	c->facts.declared = c->specs->count;
	c->facts.owner = c->options.owner;
	c->facts.revisions = c->memory.revisions;
	c->facts.meant = c->count;
	r->guards = guards_check(c->arena, &c->facts, &c->options.limits);
}

/* "Nothing is written when one blocks" (design, 6.3). */
static bool is_blocked_by_guard(struct cycle *c)
{
	struct report *r = c->report;

	for (size_t i = 0; i < r->guards.count; i++)
		if (r->guards.items[i].message)
			diagnostics_add(c->faults, (struct pos){ 0 }, "guard %s: %s", r->guards.items[i].name,
			          r->guards.items[i].message);
	for (size_t i = 0; r->guards.blocked && i < r->step_count; i++)
		if (r->steps[i].result == RESULT_PLANNED)
			r->steps[i].result = RESULT_BLOCKED;
	r->verdict.blocked |= r->guards.blocked;
	return r->guards.blocked;
}

static void start_applying(struct cycle *c)
{
	begin_phase(c, CYCLE_APPLY);
	/* Otherwise they would count as missing for ever. */
	for (size_t i = 0; c->memory.forget && i < c->over_count; i++)
		c->memory.forget(c->memory.context, c->over[i], true);
	for (size_t i = 0; i < c->count; i++)
		if (c->tasks[i].step->result == RESULT_PLANNED)
			workflow_task_apply(&c->tasks[i]);
}

static void list_again(struct cycle *c)
{
	begin_phase(c, CYCLE_LIST_AGAIN);
	if (duplicates_request(c))
		return;
	begin_phase(c, CYCLE_DUPLICATES);
	if (c->readings_again)
		duplicates_resolve(c);
}

/* "Deletes wait while a create or a rename of this cycle has not succeeded" (design, 6.1): a workflow that looks
 * undeclared may be the one to rename. */
static bool deletes_wait(const struct cycle *c)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct plan_step *s = c->tasks[i].step;
		bool moved = s->action == ACTION_CREATE || c->tasks[i].old_name;
		/* What the plan leaves alone was no rename when it was made. */
		if (moved && s->result != RESULT_UNPLANNED && s->result != RESULT_APPLIED && s->result != RESULT_REFUSED)
			return true;
	}
	return saved_review_holds_deletes(c);
}

/* A task for each step behind those of the specs: the deletes.  NULL: there are none. */
static struct workflow_task *make_delete_tasks(struct cycle *c)
{
	struct report *r = c->report;
	size_t count = r->step_count - c->count;
	struct workflow_task *tasks = count ? arena_new(c->arena, struct workflow_task, count) : NULL;

	for (size_t i = 0; i < count; i++)
		tasks[i] = (struct workflow_task){ .cycle = c, .step = &r->steps[c->count + i] };
	return tasks;
}

/* A plan shows what a sync would delete; one that is saved also says what the workflow was like. */
static void start_inspecting(struct cycle *c)
{
	struct report *r = c->report;
	struct workflow_task *tasks = make_delete_tasks(c);

	begin_phase(c, CYCLE_INSPECT);
	for (size_t i = c->count; i < r->step_count; i++)
		if (r->steps[i].result == RESULT_PLANNED)
			workflow_task_inspect(&tasks[i - c->count]);
}

static void start_deleting(struct cycle *c)
{
	struct report *r = c->report;
	size_t before = c->count;
	bool wait = deletes_wait(c);
	struct workflow_task *tasks = make_delete_tasks(c);

	begin_phase(c, CYCLE_DELETE);
	for (size_t i = before; i < r->step_count; i++) {
		struct workflow_task *w = &tasks[i - before];
		if (r->steps[i].result != RESULT_PLANNED)
			continue;
		if (!wait) {
			workflow_task_delete(w);
			continue;
		}
		r->steps[i].result = RESULT_DEFERRED;
		r->steps[i].error = "waits for a create or a rename that has not succeeded";
	}
}

static void warn_of_tally(struct cycle *c, const struct tally *t, const char *one, const char *many)
{
	if (t->count == 1)
		diagnostics_warn(c->faults, (struct pos){ 0 }, "workflow \"%s\" %s", t->name, one);
	else if (t->count)
		diagnostics_warn(c->faults, (struct pos){ 0 }, "%zu workflows (\"%s\" and others) %s", t->count, t->name,
		           many);
}

/* "Without a record the report warns once" (design, 5.3). */
static void warn_of_missing_records(struct cycle *c)
{
	static const char words[] = "no record of an earlier apply: keys removed from the spec cannot be detected";
	const struct cycle_memory *m = &c->memory;
	const char *one = arena_printf(c->arena, "has %s", words), *many = arena_printf(c->arena, "have %s", words);
	const char *why = c->unmatched.count && m->explain ? m->explain(m->context) : NULL;

	warn_of_tally(c, &c->unrecorded, one, many);
	if (why) {
		one = arena_printf(c->arena, "%s; %s", one, why);
		many = arena_printf(c->arena, "%s; %s", many, why);
	}
	warn_of_tally(c, &c->unmatched, one, many);
}

/* A workflow that was renamed in its file is still there under its old name, and runs. */
static void warn_of_undeclared(struct cycle *c)
{
	size_t count = c->undeclared_count;
	const char *them = count == 1 ? "it" : "them";

	if (!count)
		return;
	const char *folder = c->owner_named ? "" : arena_printf(c->arena, "; no owner was named, so another folder may have "
	                                                        "created %s: name an owner for each folder", them);
	diagnostics_warn(c->faults, (struct pos){ 0 }, "%zu workflow%s of ours %s no longer declared (%s); --owner %s --prune "
	                 "would delete %s%s", count, count == 1 ? "" : "s", count == 1 ? "is" : "are",
	                 name_list(c->arena, c->undeclared, count, NAMES_SHOWN, "\""), c->options.owner, them, folder);
}

static void warn_of_renamed(struct cycle *c)
{
	size_t count = c->renamed_count;
	const char *them = count == 1 ? "it" : "them";

	if (count)
		diagnostics_warn(c->faults, (struct pos){ 0 }, "%zu workflow%s of ours %s no longer declared, and not called as "
		                 "flowsync called %s (%s); --prune does not delete %s, flowsync workflow delete does", count,
		                 count == 1 ? "" : "s", count == 1 ? "is" : "are", them,
		                 name_list(c->arena, c->renamed, count, NAMES_SHOWN, "\""), them);
}

static void add_cycle_warnings(struct cycle *c)
{
	struct arena *a = c->arena;

	/* With invalid specs it is unknown what is declared. */
	if (!c->held && !c->report->verdict.invalid) {
		warn_of_undeclared(c);
		warn_of_renamed(c);
	}
	warn_of_tally(c, &c->unseen,
	        arena_printf(a, "declares %s, which this service does not show: a change there is not seen",
	                     c->unseen_path),
	        arena_printf(a, "declare what this service does not show, such as %s: a change there is not "
	                     "seen", c->unseen_path));
	warn_of_tally(c, &c->unmarked, "has no owner tag yet, so it is not pruned; --mark writes the tag",
	        "have no owner tag yet, so they are not pruned; --mark writes the tags");
	warn_of_tally(c, &c->tagless,
	        "does not keep flowsync's tags on this service: it is never pruned, and without a state what "
	        "the service hides or changes is written at each sync",
	        "do not keep flowsync's tags on this service: they are never pruned, and without a state what "
	        "the service hides or changes is written at each sync");
	warn_of_missing_records(c);
}

/* Planned steps that were not started, because the cycle was stopped or its time limit passed, are deferred. */
static void close_open_steps(struct cycle *c)
{
	struct report *r = c->report;

	begin_phase(c, CYCLE_DONE);
	if (c->dispatch->unauthorised && c->list.op.ok)
		fail_whole(c, "the service no longer accepts the token: the cycle was stopped");
	else if (c->forbade)
		fail_whole(c, "the service forbade five workflows in a row: the cycle was stopped");
	for (size_t i = 0; i < r->step_count && c->options.apply; i++) {
		if (r->steps[i].result != RESULT_PLANNED)
			continue;
		r->steps[i].result = RESULT_DEFERRED;
		r->steps[i].error = i < c->count && c->tasks[i].postponed ? TASK_NOT_DESCRIBED : TASK_NOT_BEGUN;
	}
	warm_end(c);
	if (!r->verdict.failed)
		add_cycle_warnings(c);
	if (c->held)
		diagnostics_warn(c->faults, (struct pos){ 0 }, "%s: workflows are neither created nor deleted", c->held);
	report_judge(r);
	r->requests = c->dispatch->total;
	r->retries = c->dispatch->retries;
	r->waited_ms = c->dispatch->waited_ms;
	r->concurrency = c->dispatch->most;
	memcpy(r->by_operation, c->dispatch->by_operation, sizeof r->by_operation);
}

bool cycle_advance(struct cycle *c)
{
	switch (c->phase) {
	case CYCLE_LIST:
		take_list(c);
		break;
	case CYCLE_UNLISTED:
		complete_list(c);
		break;
	case CYCLE_OBSERVE:
		if (c->options.saved)
			saved_review_steps(c);
		check_guards(c);
		if (c->report->guards.blocked && observe_postponed(c))
			break;
		if (is_blocked_by_guard(c))
			c->phase = CYCLE_DONE;
		else if (c->options.apply)
			start_applying(c);
		else
			start_inspecting(c);
		break;
	case CYCLE_APPLY:
	case CYCLE_LIST_AGAIN:
		list_again(c);
		break;
	case CYCLE_DUPLICATES:
		start_deleting(c);
		break;
	case CYCLE_DELETE:
	case CYCLE_INSPECT:
	case CYCLE_DONE:
		c->phase = CYCLE_DONE;
		break;
	}
	if (c->phase != CYCLE_DONE)
		return true;
	commit_changes(c, true);
	close_open_steps(c);
	return false;
}

void cycle_done(struct cycle *c)
{
	for (size_t i = 0; i < c->count; i++) {
		arena_free(&c->tasks[i].arena);
		arena_free(&c->tasks[i].forms.arena);
		arena_free(&c->tasks[i].planned);
	}
	arena_free(&c->list.page);
	arena_free(&c->again.page);
	arena_free(&c->again_arena);
	arena_join(c->arena, &c->first_steps);
}
