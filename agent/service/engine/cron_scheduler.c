#include "agent/service/engine/cron_scheduler.h"

#include <string.h>

#include "agent/service/engine/execution_start.h"
#include "agent/service/engine/cron_time.h"
#include "agent/util/clock.h"
#include "agent/util/id128.h"
#include "reconcile/tree/json.h"

enum { CRONS_AT_A_TIME = 100, CRON_RETRY_MS = 5000 };

/* A cron that fires: what the transaction needs, and what came of it. */
struct cron_firing {
	struct arena *arena;
	const struct stored_cron *cron;
	int64_t now;
	enum execution_start_result result;
	const char *workflow;		/* its name; NULL: the cron is not due any more */
	struct err why;			/* why no execution was started */
};

static bool start_cron_execution(struct engine_state *es, struct cron_firing *f,
                                 const struct stored_workflow *workflow, struct err *err)
{
	char uuid[UUID_LEN + 1];
	struct node *body;

	f->workflow = workflow->name;
	/* The body is damaged in the database.  That is no reason to try again now: the cron gets its next time. */
	if (!json_read(f->arena, workflow->body, strlen(workflow->body), &body, &f->why))
		return true;
	uuid_make(uuid);
	f->result = execution_start(es->store, f->arena, &(struct execution_start_request){
		.workflow = workflow, .body = body, .cause = "cron", .uuid = uuid, .now = f->now,
	}, &f->why);
	if (f->result == EXECUTION_START_FAILED)
		*err = f->why;
	return f->result != EXECUTION_START_FAILED;
}

/* The list of due crons was read a while ago: since then the workflow may have been changed or paused. */
static bool is_cron_still_due(const struct stored_workflow *workflow, const struct cron_firing *f)
{
	if (f->cron->position >= workflow->trigger_count)
		return false;
	const struct stored_trigger *t = &workflow->triggers[f->cron->position];
	return t->cron && strcmp(t->cron, f->cron->cron) == 0 && t->due >= 0 && t->due <= f->now;
}

/* Starts the execution and sets the next time of the cron in one transaction, so that the cron never fires twice. */
static bool commit_cron_firing(struct engine_state *es, void *what, struct err *err)
{
	struct cron_firing *f = what;
	struct stored_workflow workflow;

	if (!workflow_store_get(es->store, f->arena, f->cron->workflow, &workflow, err))
		return false;
	if (!workflow.id || !is_cron_still_due(&workflow, f))
		return true;
	if (workflow.triggers[f->cron->position].due != DUE_UNKNOWN && !start_cron_execution(es, f, &workflow, err))
		return false;
	/* With too many open executions the cron stays due, or a busy midnight would skip a daily workflow. */
	return f->result == EXECUTION_TOO_MANY ||
	       workflow_store_put_due(es->store, f->cron->workflow, f->cron->position,
	                              cron_time_next(f->cron->cron, f->now), err);
}

/* EXECUTION_START_FAILED: the engine ends. */
static enum execution_start_result fire_cron(struct engine_state *es, const struct stored_cron *cron)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct cron_firing f = { .arena = &a, .cron = cron, .now = clock_now(), .result = EXECUTION_NOT_VALID };

	if (!engine_state_commit_with_retry(es, commit_cron_firing, &f))
		return EXECUTION_START_FAILED;
	if (f.workflow && f.result != EXECUTION_STARTED && f.result != EXECUTION_TOO_MANY)
		log_warn(es->options->log, "workflow \"%s\": its cron started no execution: %s", f.workflow, f.why.msg);
	return f.result;
}

/* Fires the first CRONS_AT_A_TIME of the due crons, until *full.  Returns how many were due, -1: the store failed. */
static int fire_due_crons(struct engine_state *es, bool *started, bool *full)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stored_cron *crons;
	size_t count;
	struct err err;

	if (!workflow_store_list_due(es->store, &a, clock_now(), CRONS_AT_A_TIME, &crons, &count, &err)) {
		log_error(es->options->log, "cannot read which crons are due: %s", err.msg);
		return -1;
	}
	for (size_t i = 0; i < count && !*full && !es->stopping; i++) {
		enum execution_start_result result = fire_cron(es, &crons[i]);
		*started |= result == EXECUTION_STARTED;
		*full = result == EXECUTION_TOO_MANY;
	}
	return (int)count;
}

static void log_crons_waiting(struct engine_state *es, bool full)
{
	if (full && !es->crons_waiting)
		log_warn(es->options->log, "crons that are due wait: too many executions are in progress");
	es->crons_waiting = full;
}

bool cron_scheduler_run(struct engine_state *es, int64_t *next)
{
	bool started = false, full = false;
	struct err err;
	int count;

	while ((count = fire_due_crons(es, &started, &full)) == CRONS_AT_A_TIME && !full && !es->stopping)
		;
	log_crons_waiting(es, full);
	if (count < 0 || full || !workflow_store_next_due(es->store, next, &err))
		*next = clock_now() + CRON_RETRY_MS;
	return started;
}

/* ---- setting all times ---- */

static bool commit_cron_times(struct engine_state *es, void *what, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int64_t now = clock_now();
	struct stored_cron *crons;
	size_t count;

	if (!workflow_store_list_crons(es->store, &a, &crons, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		bool missed = crons[i].due > DUE_UNKNOWN && crons[i].due <= now;
		int64_t due = missed ? crons[i].due : cron_time_next(crons[i].cron, now);
		if (due != crons[i].due &&
		    !workflow_store_put_due(es->store, crons[i].workflow, crons[i].position, due, err))
			return false;
	}
	return true;
}

static void warn_of_dead_crons(struct engine_state *es)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stored_cron *crons;
	size_t count;
	struct err ignored;

	if (!workflow_store_list_crons(es->store, &a, &crons, &count, &ignored))
		return;
	for (size_t i = 0; i < count; i++)
		cron_time_warn(es->options->log, crons[i].workflow, crons[i].cron);
}

void cron_scheduler_set_times(struct engine_state *es)
{
	if (engine_state_commit_with_retry(es, commit_cron_times, NULL))
		warn_of_dead_crons(es);
}
