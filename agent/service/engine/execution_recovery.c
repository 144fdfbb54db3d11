/* A run on its way from one engine to the next: taken from the store, and what became of its steps. */
#include "agent/service/engine/execution.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/id128.h"
#include "agent/service/exec/attempt_outcome.h"
#include "agent/service/engine/execution_document.h"
#include "agent/util/clock.h"
#include "reconcile/tree/json.h"

/* ---- taking it ---- */

static bool read_document(struct arena *a, const char *json, struct node **out, struct err *err)
{
	*out = NULL;
	return !json || json_read(a, json, strlen(json), out, err);
}

static bool load(struct engine_state *w, struct execution *l, struct err *err)
{
	struct arena *a = &l->arena;
	struct stored_workflow workflow;
	struct execution_details work;
	struct node *body, *execute;
	struct execution_state state;

	if (!execution_store_get_details(w->store, a, l->run.id, &work, err) ||
	    !workflow_store_get(w->store, a, l->run.workflow, &workflow, err))
		return false;
	if (!workflow.id)
		return err_set(err, "its workflow is gone");
	l->workflow = workflow.name;
	if (!read_document(a, workflow.body, &body, err) || !read_document(a, work.execute, &execute, err) ||
	    !execution_document_read_state(a, work.state, &state, err) ||
	    !dag_run_load(a, body, execute, state.flow, &l->flow, err))
		return false;
	l->reruns = state.reruns ? node_copy(a, state.reruns) : node_map(a);
	l->same_boot = strcmp(state.boot, boot_id(a)) == 0;
	return true;
}

/* What it is made of stays as it was found: it may not even be there. */
static bool write_failed(struct engine_state *w, void *what, struct err *err)
{
	const struct stored_execution *run = what;

	return execution_store_put(w->store, run, NULL, err) && execution_store_rerun_end(w->store, run, err);
}

static void give_up(struct engine_state *w, const struct stored_execution *row, const struct err *err)
{
	struct stored_execution run = *row;

	run.status = DAG_FAILED;
	run.finished = clock_now();
	log_error(w->options->log, "run %s cannot go on: %s", row->uuid, err->msg);
	engine_state_commit(w, write_failed, &run);
}

static struct stored_execution copy_run(struct arena *a, const struct stored_execution *row)
{
	struct stored_execution run = *row;

	run.uuid = arena_strdup(a, row->uuid);
	run.cause = arena_strdup(a, row->cause);
	run.stop_asked = row->stop_asked ? arena_strdup(a, row->stop_asked) : NULL;
	return run;
}

struct execution *execution_load(struct engine_state *w, const struct stored_execution *row)
{
	struct execution *l = calloc(1, sizeof *l);
	struct err err;

	if (!l)
		abort();
	l->run = copy_run(&l->arena, row);
	l->wake = -1;
	if (load(w, l, &err))
		return l;
	give_up(w, row, &err);
	execution_free(l);
	return NULL;
}

static bool write_rerun(struct engine_state *w, void *what, struct err *err)
{
	struct execution *l = what;
	const struct stored_execution cut_short = {
		.id = l->run.id, .status = DAG_STOPPED, .finished = clock_now(), .stopped_by = "the service's end",
	};

	return execution_store_rerun_end(w->store, &cut_short, err) &&
	       execution_store_rerun_add(w->store, l->run.id, &(struct stored_rerun){
		.uuid = l->rerun, .status = DAG_RUNNING, .began = cut_short.finished,
	}, err);
}

/* It goes on here: that is told as a rerun. */
static void begin_rerun(struct engine_state *w, struct execution *l)
{
	char uuid[UUID_LEN + 1];

	uuid_make(uuid);
	l->rerun = arena_strdup(&l->arena, uuid);
	engine_state_commit(w, write_rerun, l);
	log_info(w->options->log, "workflow \"%s\": run %s goes on, the service had ended in between",
	         l->workflow, l->run.uuid);
}

/* A step that is ended because the service ends mostly dies of that; one that has its say in the time it
 * is given has ended by itself. */
static bool died_with_service(const struct dag_event *e)
{
	return e->kind == DAG_ENDED && (e->code == 128 + SIGTERM || e->code == 128 + SIGKILL);
}

/* All that ran has ended before the lock was ours. */
static struct dag_event became(struct arena *a, const struct engine_state *w, const struct execution *l,
                                const struct dag_step *step, const char *folder, struct buf *notes)
{
	struct dag_event e = attempt_outcome_read(a, step, folder, execution_is_confined(w, step), notes);

	if (e.kind == DAG_LOST && !e.message && l->same_boot && !attempt_begun(folder))
		e.kind = DAG_UNBEGUN;
	if (died_with_service(&e))
		e = (struct dag_event){ .kind = DAG_LOST, .step = step->name };
	return e;
}

static void recover_step(struct engine_state *w, struct execution *l, size_t i)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf notes = BUF(64 << 10);
	const struct dag_step *step = &l->flow->steps[i];
	const struct log_ingest log = { execution_attempt_directory(&a, w, l, i), l->run.id, i, step->attempts };
	struct dag_event e = became(&a, w, l, step, log.folder, &notes);

	execution_handle_attempt_end(w, l, &e, 0, &log, buf_str(&notes));
	if (!w->stopping)
		engine_state_remove(w, log.folder);
}

void execution_recover(struct engine_state *w, struct execution *l)
{
	size_t count = l->flow->count;
	bool *was = arena_new(&l->arena, bool, count);

	begin_rerun(w, l);
	/* What begins meanwhile has an attempt of its own: those that were under way before are few, and
	 * are told first of all. */
	for (size_t i = 0; i < count; i++)
		was[i] = l->flow->steps[i].phase == STEP_ACTIVE;
	/* A step that is lost to a run that is to stop is stopped, and not one of its failures. */
	if (l->run.stop_asked && l->flow->status == DAG_RUNNING)
		execution_handle_event(w, l, &(struct dag_event){ .kind = DAG_STOP, .by = l->run.stop_asked }, 0);
	for (size_t i = 0; i < count && !w->stopping; i++)
		if (was[i])
			recover_step(w, l, i);
}
