#include "reconcile/plan/unlisted.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/plan/task_outcome.h"
#include "reconcile/plan/task_record.h"

enum { SAMPLE = 20 };

/* A record also matters if its workflow is the one that a selected spec renames. */
static bool record_matters(const struct cycle *c, const char *name)
{
	if (cycle_selects(&c->options, name))
		return true;
	for (size_t i = 0; i < c->count; i++)
		if (c->tasks[i].spec->renamed_from && strcmp(c->tasks[i].spec->renamed_from, name) == 0)
			return true;
	return false;
}

static int order_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of a workflow that was created again by hand, with another id, only the name is listed. */
static void find_replaced(struct cycle *c)
{
	size_t count = c->unlisted_count ? c->list.count : 0;
	const char **names = arena_new(c->arena, const char *, count + 1);

	for (size_t i = 0; i < count; i++)
		names[i] = c->list.items[i].name;
	if (count)
		qsort(names, count, sizeof *names, order_names);
	for (size_t i = 0; count && i < c->unlisted_count; i++)
		c->unlisted[i].replaced = bsearch(&c->unlisted[i].record->name, names, count, sizeof *names, order_names);
}

static void collect_unlisted(struct cycle *c)
{
	const struct applied_records *records = c->memory.records;
	size_t most = records ? records->count : 0;
	const struct applied_record **missing = arena_new(c->arena, const struct applied_record *, most + 1);

	for (size_t i = 0; i < most; i++) {
		const struct applied_record *r = &records->items[i];
		if (r->id <= 0 || !record_matters(c, r->name))
			continue;
		c->recorded++;
		if (!operation_list_has(&c->list, r->id))
			missing[c->unlisted_count++] = r;
	}
	/* Each is large, and as a rule there are few. */
	c->unlisted = arena_new(c->arena, struct unlisted, c->unlisted_count + 1);
	for (size_t i = 0; i < c->unlisted_count; i++)
		c->unlisted[i] = (struct unlisted){ .cycle = c, .record = missing[i] };
	find_replaced(c);
}

/* ---- one workflow ---- */

static void set_unknown(struct unlisted *u, const char *why)
{
	u->state = UNLISTED_UNKNOWN;
	u->error = arena_printf(u->cycle->arena, "the list does not show it, and it is unknown whether it exists: %s", why);
}

/* Another workflow may have got its id, or someone may have renamed it and removed our tags. */
static bool is_recorded_workflow(struct unlisted *u, const struct node *described, const char *name)
{
	const struct cycle *c = u->cycle;
	struct owner_tags m = owner_tags_read(&u->arena, node_get(described, "tags"));

	return strcmp(name, u->record->name) == 0 || specs_find(c->specs, name) ||
	       owner_tags_owned(&u->arena, &m, c->options.owner, u->record->name) ||
	       owner_tags_owned(&u->arena, &m, c->options.owner, name);
}

static void take_description(struct unlisted *u, const struct node *described)
{
	const char *name = node_get_text(described, "name");

	if (is_recorded_workflow(u, described, name) && operation_list_add(&u->cycle->list, described))
		u->state = UNLISTED_FOUND;
	else
		set_unknown(u, arena_printf(&u->arena, "workflow %lld is called \"%s\" now and does not have our tags; give it "
		                            "its name back, or delete it", (long long)u->record->id, name));
}

static enum task_next unlisted_step(struct task *task, const struct answer *answer, struct request *next)
{
	struct unlisted *u = (struct unlisted *)task;
	struct operation_task *op = &u->call.op;

	if (!answer)
		operation_describe_init(&u->call, &u->arena, u->record->id, u->record->name);
	if (op->task.step(&op->task, answer, next) == TASK_ASK)
		return TASK_ASK;
	assert(answer);		/* without one the step asks */
	u->status = op->status;
	u->deferred = answer->failure == FAILURE_GIVEN_UP;
	if (op->ok)
		take_description(u, u->call.answer);
	else if (op->gone && task_record_attempted(u->cycle, u->record->name))
		set_unknown(u, arena_printf(&u->arena, "it was created less than 15 minutes ago, and may be shown late: %s",
		                            op->err.msg));
	else if (op->gone)
		u->state = UNLISTED_GONE;
	else
		set_unknown(u, op->err.msg);
	task_outcome_count_forbidden(u->cycle, op->status);
	u->cycle->finished++;
	arena_free(&u->arena);
	return TASK_DONE;
}

/* ---- all of them ---- */

static void request_one(struct cycle *c, struct unlisted *u)
{
	if (u->requested)
		return;
	u->requested = true;
	u->task.step = unlisted_step;
	c->to_do++;
	dispatch_add(c->dispatch, &u->task);
}

static void request_all(struct cycle *c)
{
	for (size_t i = 0; i < c->unlisted_count; i++)
		request_one(c, &c->unlisted[i]);
}

static size_t count_missing_names(const struct cycle *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->unlisted_count; i++)
		count += !c->unlisted[i].replaced;
	return count;
}

/* Twenty of those that are missing, from the first name to the last; and all of those that are replaced. */
static void request_sample(struct cycle *c, size_t missing)
{
	size_t nth = 0;

	for (size_t i = 0; i < c->unlisted_count; i++) {
		struct unlisted *u = &c->unlisted[i];
		if (u->replaced || nth * SAMPLE / missing != (nth + 1) * SAMPLE / missing)
			request_one(c, u);
		nth += !u->replaced;
	}
}

/* True if all that are missing and were requested are gone, and the guard blocks. */
static bool sample_decides(const struct cycle *c)
{
	for (size_t i = 0; i < c->unlisted_count; i++) {
		const struct unlisted *u = &c->unlisted[i];
		if (u->requested && !u->replaced && u->state != UNLISTED_GONE)
			return false;
	}
	return !guards_allow_missing(&c->options.limits);
}

static void close_open(struct cycle *c, bool gone)
{
	for (size_t i = 0; i < c->unlisted_count; i++) {
		struct unlisted *u = &c->unlisted[i];
		bool counts_as_gone = gone && !u->requested;
		if (u->state != UNLISTED_OPEN)
			continue;
		u->state = counts_as_gone ? UNLISTED_GONE : UNLISTED_UNKNOWN;
		u->deferred = !counts_as_gone;
		u->error = counts_as_gone ? NULL : TASK_NOT_DESCRIBED;
	}
}

bool unlisted_request(struct cycle *c)
{
	bool first = !c->unlisted, gone = false;
	size_t to_do = c->to_do;

	if (first)
		collect_unlisted(c);
	size_t missing = count_missing_names(c);
	bool sample = missing > SAMPLE && missing * 3 > c->recorded;

	if (first && sample)
		request_sample(c, missing);
	else if (!sample || !(gone = sample_decides(c)))
		request_all(c);
	if (c->to_do > to_do)
		return true;
	close_open(c, gone);
	return false;
}

static int order_by_record(const void *name, const void *unlisted)
{
	return strcmp(name, ((const struct unlisted *)unlisted)->record->name);
}

const struct unlisted *unlisted_find(const struct cycle *c, const char *name)
{
	return name && c->unlisted_count ? bsearch(name, c->unlisted, c->unlisted_count, sizeof *c->unlisted,
	                                           order_by_record) : NULL;
}

void unlisted_fail_step(const struct unlisted *u, struct plan_step *step)
{
	step->id = u->record->id;
	step->http_status = u->status;
	step->result = u->deferred ? RESULT_DEFERRED : RESULT_FAILED;
	step->error = u->error;
}
