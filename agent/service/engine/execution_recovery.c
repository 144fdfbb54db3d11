/* How an engine takes over an execution: loads it from the store, and finds out what became of the attempts that were
 * active when the last engine ended. */
#include "agent/service/engine/execution.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/id128.h"
#include "agent/service/exec/attempt_outcome.h"
#include "agent/service/engine/execution_document.h"
#include "agent/service/engine/execution_secrets.h"
#include "agent/util/clock.h"
#include "reconcile/tree/json.h"

/* ---- loading ---- */

static bool read_optional_document(struct arena *a, const char *json, struct node **out, struct err *err)
{
	*out = NULL;
	return !json || json_read(a, json, strlen(json), out, err);
}

static bool load_execution(struct engine_state *es, struct execution *x, struct err *err)
{
	struct arena *a = &x->arena;
	struct stored_workflow workflow;
	struct execution_details details;
	struct node *body, *execute;
	struct execution_state state;

	if (!execution_store_get_details(es->store, a, x->stored.id, &details, err) ||
	    !workflow_store_get(es->store, a, x->stored.workflow, &workflow, err))
		return false;
	if (!workflow.id)
		return err_set(err, "its workflow does not exist any more");
	x->workflow = workflow.name;
	if (!read_optional_document(a, workflow.body, &body, err) ||
	    !read_optional_document(a, details.execute, &execute, err) ||
	    !execution_document_read_state(a, details.state, &state, err) ||
	    !dag_run_load(a, body, execute, state.flow, &x->dag, err))
		return false;
	x->reruns = state.reruns ? node_copy(a, state.reruns) : node_map(a);
	execution_secrets_load(es, x);
	x->same_boot = strcmp(state.boot, boot_id(a)) == 0;
	return true;
}

/* Writes only the status: the documents stay as they were found, for the person who looks for the damage. */
static bool commit_failed_execution(struct engine_state *es, void *what, struct err *err)
{
	const struct stored_execution *failed = what;

	return execution_store_put(es->store, failed, NULL, err) && execution_store_rerun_end(es->store, failed, err);
}

static void fail_unreadable_execution(struct engine_state *es, const struct stored_execution *row,
                                      const struct err *err)
{
	struct stored_execution failed = *row;

	failed.status = DAG_FAILED;
	failed.finished = clock_now();
	log_error(es->options->log, "execution %s cannot continue: %s", row->uuid, err->msg);
	engine_state_commit_with_retry(es, commit_failed_execution, &failed);
}

static struct stored_execution copy_stored_execution(struct arena *a, const struct stored_execution *row)
{
	struct stored_execution copy = *row;

	copy.uuid = arena_strdup(a, row->uuid);
	copy.cause = arena_strdup(a, row->cause);
	copy.stop_asked = arena_strdup_or_null(a, row->stop_asked);
	return copy;
}

struct execution *execution_load(struct engine_state *es, const struct stored_execution *row)
{
	struct execution *x = calloc(1, sizeof *x);
	struct err err;

	if (!x)
		abort();
	x->stored = copy_stored_execution(&x->arena, row);
	x->wake_at = -1;
	if (load_execution(es, x, &err))
		return x;
	fail_unreadable_execution(es, row, &err);
	execution_free(x);
	return NULL;
}

/* ---- continuing ---- */

static bool commit_rerun(struct engine_state *es, void *what, struct err *err)
{
	struct execution *x = what;
	const struct stored_execution cut_short = {
		.id = x->stored.id, .status = DAG_STOPPED, .finished = clock_now(),
		.stopped_by = "a restart of the service",
	};

	return execution_store_rerun_end(es->store, &cut_short, err) &&
	       execution_store_rerun_add(es->store, x->stored.id, &(struct stored_rerun){
		.uuid = x->rerun_id, .status = DAG_RUNNING, .began = cut_short.finished,
	}, err);
}

/* In the answers of the REST interface, what this engine does of the execution is a rerun. */
static void start_rerun(struct engine_state *es, struct execution *x)
{
	char uuid[UUID_LEN + 1];

	uuid_make(uuid);
	x->rerun_id = arena_strdup(&x->arena, uuid);
	engine_state_commit_with_retry(es, commit_rerun, x);
	log_info(es->options->log, "workflow \"%s\": execution %s continues after a restart of the service",
	         x->workflow, x->stored.uuid);
}

/* When the service ends, it signals its steps.  A step that dies of the signal is lost with the service; a step that
 * handles it and exits in time has ended by itself. */
static bool ended_by_service_stop(const struct dag_event *e)
{
	return e->kind == DAG_ENDED && (e->code == 128 + SIGTERM || e->code == 128 + SIGKILL);
}

/* Call it only while this engine has the lock: then no process of the attempt is left that could still write. */
static struct dag_event recover_attempt_outcome(struct arena *a, const struct engine_state *es,
                                                const struct execution *x,
                                                const struct dag_step *step, const char *folder, struct buf *notes)
{
	struct dag_event e = attempt_outcome_read(a, step, folder, execution_is_confined(es, step), notes);

	if (e.kind == DAG_LOST && !e.message && x->same_boot && !attempt_begun(folder))
		e.kind = DAG_UNBEGUN;
	if (ended_by_service_stop(&e))
		e = (struct dag_event){ .kind = DAG_LOST, .step = step->name };
	return e;
}

static void recover_step_attempt(struct engine_state *es, struct execution *x, size_t i)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf notes = BUF(64 << 10);
	const struct dag_step *step = &x->dag->steps[i];
	const struct log_ingest log = { execution_attempt_directory(&a, es, x, i), x->stored.id, i, step->attempts };
	struct dag_event e = recover_attempt_outcome(&a, es, x, step, log.folder, &notes);

	execution_handle_event_with_log(es, x, &e, 0, &log, buf_str(&notes));
	if (!es->stopping)
		engine_state_remove_directory(es, log.folder);
}

void execution_recover(struct engine_state *es, struct execution *x)
{
	size_t count = x->dag->count;
	bool *was_active = arena_new(&x->arena, bool, count);

	start_rerun(es, x);
	/* Note them first: handling the end of one attempt may start others, which are not lost. */
	for (size_t i = 0; i < count; i++)
		was_active[i] = x->dag->steps[i].phase == STEP_ACTIVE;
	/* Before the lost steps: in an execution that stops, they count as stopped and not as failed. */
	if (x->stored.stop_asked && x->dag->status == DAG_RUNNING)
		execution_handle_event(es, x, &(struct dag_event){ .kind = DAG_STOP, .by = x->stored.stop_asked }, 0);
	for (size_t i = 0; i < count && !es->stopping; i++)
		if (was_active[i])
			recover_step_attempt(es, x, i);
}
