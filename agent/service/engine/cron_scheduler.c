#include "agent/service/engine/cron_scheduler.h"

#include <string.h>

#include "agent/service/engine/execution_start.h"
#include "agent/service/engine/cron_time.h"
#include "agent/util/clock.h"
#include "agent/util/id128.h"
#include "reconcile/tree/json.h"

enum { AT_A_TIME = 100, AGAIN_MS = 5000 };

struct firing {
	struct arena *arena;
	const struct stored_cron *cron;
	int64_t now;
	enum execution_start_result result;
	const char *workflow;
	struct err why;
};

static bool begin_run(struct engine_state *w, struct firing *f, const struct stored_workflow *workflow,
                      struct err *err)
{
	char uuid[UUID_LEN + 1];
	struct node *body;

	f->workflow = workflow->name;
	/* It was damaged, and will be at the next time too. */
	if (!json_read(f->arena, workflow->body, strlen(workflow->body), &body, &f->why))
		return true;
	uuid_make(uuid);
	f->result = execution_start(w->store, f->arena, &(struct execution_start_request){
		.workflow = workflow, .body = body, .cause = "cron", .uuid = uuid, .now = f->now,
	}, &f->why);
	if (f->result == EXECUTION_START_FAILED)
		*err = f->why;
	return f->result != EXECUTION_START_FAILED;
}

/* Who is due was read a while ago: since then it may have been changed, or paused. */
static bool is_still_due(const struct stored_workflow *workflow, const struct firing *f)
{
	if (f->cron->position >= workflow->trigger_count)
		return false;
	const struct stored_trigger *t = &workflow->triggers[f->cron->position];
	return t->cron && strcmp(t->cron, f->cron->cron) == 0 && t->due >= 0 && t->due <= f->now;
}

/* The run and when the cron is due next are one step: it is never begun twice. */
static bool write_firing(struct engine_state *w, void *what, struct err *err)
{
	struct firing *f = what;
	struct stored_workflow workflow;

	if (!workflow_store_get(w->store, f->arena, f->cron->workflow, &workflow, err))
		return false;
	if (!workflow.id || !is_still_due(&workflow, f))
		return true;
	if (workflow.triggers[f->cron->position].due != DUE_UNKNOWN && !begin_run(w, f, &workflow, err))
		return false;
	/* It stays due until there is room: tomorrow's run is no answer to a busy midnight. */
	return f->result == EXECUTION_TOO_MANY || workflow_store_put_due(w->store, f->cron->workflow, f->cron->position,
	                                              cron_time_next(f->cron->cron, f->now), err);
}

/* EXECUTION_START_FAILED: the engine ends. */
static enum execution_start_result fire(struct engine_state *w, const struct stored_cron *cron)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct firing f = { .arena = &a, .cron = cron, .now = clock_now(), .result = EXECUTION_NOT_VALID };

	if (!engine_state_commit(w, write_firing, &f))
		return EXECUTION_START_FAILED;
	if (f.workflow && f.result != EXECUTION_STARTED && f.result != EXECUTION_TOO_MANY)
		log_warn(w->options->log, "workflow \"%s\": no run at its time: %s", f.workflow, f.why.msg);
	return f.result;
}

/* Of those that are due the first AT_A_TIME, or until *full; returns how many there were, -1: nobody knows. */
static int begin_some(struct engine_state *w, bool *begun, bool *full)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stored_cron *crons;
	size_t count;
	struct err err;

	if (!workflow_store_list_due(w->store, &a, clock_now(), AT_A_TIME, &crons, &count, &err)) {
		log_error(w->options->log, "crons: %s", err.msg);
		return -1;
	}
	for (size_t i = 0; i < count && !*full && !w->stopping; i++) {
		enum execution_start_result result = fire(w, &crons[i]);
		*begun |= result == EXECUTION_STARTED;
		*full = result == EXECUTION_TOO_MANY;
	}
	return (int)count;
}

static void tell_full(struct engine_state *w, bool full)
{
	if (full && !w->full)
		log_warn(w->options->log, "crons that are due wait: as many runs as there may be are under way");
	w->full = full;
}

bool cron_scheduler_start_due(struct engine_state *w, int64_t *next)
{
	bool begun = false, full = false;
	struct err err;
	int count;

	while ((count = begin_some(w, &begun, &full)) == AT_A_TIME && !full && !w->stopping)
		;
	tell_full(w, full);
	if (count < 0 || full || !workflow_store_next_due(w->store, next, &err))
		*next = clock_now() + AGAIN_MS;
	return begun;
}

/* ---- at the start ---- */

static bool write_all(struct engine_state *w, void *what, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int64_t now = clock_now();
	struct stored_cron *crons;
	size_t count;

	if (!workflow_store_list_crons(w->store, &a, &crons, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		bool missed = crons[i].due > DUE_UNKNOWN && crons[i].due <= now;
		int64_t due = missed ? crons[i].due : cron_time_next(crons[i].cron, now);
		if (due != crons[i].due &&
		    !workflow_store_put_due(w->store, crons[i].workflow, crons[i].position, due, err))
			return false;
	}
	return true;
}

/* Whoever wrote them may wait for long. */
static void tell_never(struct engine_state *w)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stored_cron *crons;
	size_t count;
	struct err ignored;

	if (!workflow_store_list_crons(w->store, &a, &crons, &count, &ignored))
		return;
	for (size_t i = 0; i < count; i++)
		if (crons[i].due < 0)
			log_warn(w->options->log, "workflow %lld: its cron \"%s\" never comes, as this service reads crons",
			         (long long)crons[i].workflow, crons[i].cron);
}

void cron_scheduler_init(struct engine_state *w)
{
	if (engine_state_commit(w, write_all, NULL))
		tell_never(w);
}

static bool write_forgotten(struct engine_state *w, void *what, struct err *err)
{
	return execution_store_drop_old(w->store, *(int64_t *)what, AT_A_TIME, err);
}

/* The rest waits for the next time: whoever asks is told of none of them, and what they all printed would
 * keep others from writing for long. */
void cron_scheduler_forget_old_executions(struct engine_state *w, int64_t before)
{
	engine_state_commit(w, write_forgotten, &before);
}
