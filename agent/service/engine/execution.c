#include "agent/service/engine/execution.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/id128.h"
#include "agent/service/exec/attempt_outcome.h"
#include "agent/service/steps/exec_limits.h"
#include "agent/service/steps/instance_types.h"
#include "agent/service/engine/execution_document.h"
#include "agent/service/engine/execution_secrets.h"
#include "agent/util/clock.h"
#include "agent/service/engine/notification_queue.h"
#include "reconcile/tree/json.h"

static size_t execution_step_index(const struct execution *x, const struct dag_step *step)
{
	return (size_t)(step - x->dag->steps);
}

static const char *execution_step_directory(struct arena *a, const struct engine_state *es, const struct execution *x,
                                            size_t step)
{
	return arena_printf(a, "%s/%" PRId64 "-%zu-%u", es->directory, x->stored.id, step,
	                    x->dag->steps[step].attempts);
}

static struct active_attempt *find_active_attempt(const struct engine_state *es, const struct execution *x,
                                                  size_t step)
{
	for (size_t i = 0; i < es->active_count; i++)
		if (es->active[i]->execution == x && es->active[i]->step == step)
			return es->active[i];
	return NULL;
}

/* ---- logs ---- */

/* The logs that have grown since the last call. */
struct grown_logs { struct log_ingest *logs; size_t count; };

static bool commit_grown_logs(struct engine_state *es, void *what, struct err *err)
{
	const struct grown_logs *g = what;

	for (size_t i = 0; i < g->count; i++)
		if (!log_ingest_store(es->store, &g->logs[i], err))
			return false;
	return true;
}

void execution_ingest_logs(struct engine_state *es)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct grown_logs grown = { arena_new(&a, struct log_ingest, es->active_count) };

	for (size_t i = 0; i < es->active_count; i++) {
		struct active_attempt *at = es->active[i];
		if (!at->execution)
			continue;
		const struct log_ingest log = {
			execution_step_directory(&a, es, at->execution, at->step), at->execution->stored.id, at->step,
			at->execution->dag->steps[at->step].attempts,
		};
		int64_t size = log_ingest_size(log.folder);
		if (size <= at->log_bytes || at->log_bytes >= LOG_INGEST_MAX)
			continue;
		at->log_bytes = size;
		grown.logs[grown.count++] = log;
	}
	if (grown.count)
		engine_state_commit_with_retry(es, commit_grown_logs, &grown);
}

/* ---- saving the new state ---- */

/* What one transaction writes: the state after an event, and what the event and its action add to logs and
 * notifications. */
struct execution_change {
	struct arena *arena;
	struct execution *execution;
	const struct dag_action *action;
	const struct log_ingest *ended;		/* log of the attempt that has ended; NULL: none has */
	const char *notes;			/* lines to append to that log */
};

/* Not for the first attempt.  An attempt that did not even begin is tried again with the same number: that is noted
 * once. */
static bool write_attempt_number(struct store *s, const struct execution_change *c, const struct dag_step *step,
                                 struct err *err)
{
	const struct log_ingest log = {
		.execution = c->execution->stored.id, .step = execution_step_index(c->execution, step),
		.attempt = step->attempts,
	};
	unsigned noted;
	int64_t upto;

	if (step->attempts < 2)
		return true;
	if (!execution_store_log_end(s, log.execution, log.step, &noted, &upto, err))
		return false;
	return noted == step->attempts ||
	       log_ingest_note(s, &log, arena_printf(c->arena, "flowsync: attempt %u\n", step->attempts), err);
}

static bool write_attempt_numbers(struct store *s, const struct execution_change *c, struct err *err)
{
	for (size_t i = 0; i < c->action->start_count; i++)
		if (!write_attempt_number(s, c, c->action->starts[i].step, err))
			return false;
	return true;
}

/* Appends to the log why the step failed, if that is more than an exit code: its own lines cannot say it. */
static bool write_failure_reason(struct store *s, const struct execution_change *c, struct err *err)
{
	const struct dag_step *step = &c->execution->dag->steps[c->ended->step];
	const char *plain = arena_printf(c->arena, "exit code %d", step->code);

	if (!*step->message || step->phase == STEP_ACTIVE || strcmp(step->message, plain) == 0)
		return true;
	return log_ingest_note(s, c->ended, arena_printf(c->arena, "flowsync: %s\n", step->message), err);
}

static bool write_rest_of_log(struct store *s, const struct execution_change *c, struct err *err)
{
	return !c->ended || (log_ingest_store(s, c->ended, err) && log_ingest_note(s, c->ended, c->notes, err) &&
	                     write_failure_reason(s, c, err));
}

static bool write_notifications(struct store *s, const struct execution_change *c, struct err *err)
{
	for (size_t i = 0; i < c->action->tell_count; i++) {
		const struct dag_notification *n = &c->action->tells[i];
		const char *document = notification_queue_document(c->arena, c->execution, n->event);
		const char *watcher = json_text(c->arena, n->watcher);
		if (!execution_store_add_notification(s, c->execution->stored.id, watcher, document, clock_now(), err))
			return false;
	}
	return true;
}

static bool write_state(struct store *s, const struct execution_change *c, struct err *err)
{
	struct execution *x = c->execution;
	const struct execution_state state = { dag_run_save(c->arena, x->dag), x->reruns, boot_id(c->arena) };
	const char *json = json_text(c->arena, execution_document_write_state(c->arena, &state));

	x->stored.status = x->dag->status;
	x->stored.finished = x->dag->finished;
	x->stored.stopped_by = x->dag->stopped_by;
	return execution_store_put(s, &x->stored, json, err) &&
	       (x->stored.finished < 0 || execution_store_rerun_end(s, &x->stored, err));
}

static bool commit_execution_change(struct engine_state *es, void *what, struct err *err)
{
	const struct execution_change *c = what;

	return execution_secrets_save(es, c->execution, err) && write_rest_of_log(es->store, c, err) &&
	       write_attempt_numbers(es->store, c, err) && write_notifications(es->store, c, err) &&
	       write_state(es->store, c, err);
}

/* Whether the execution has never started a step and cannot start one now, as there is no free slot.  Its row in the
 * store, as execution_start() added it, says the same; of many waiting executions each saves a commit. */
static bool is_only_waiting(const struct execution_change *c)
{
	const struct dag_action *action = c->action;

	return !c->execution->stored.taken && !c->ended && action->waiting && !action->start_count &&
	       !action->end_count && !action->tell_count && !action->over;
}

/* False: the engine ends. */
static bool save_execution_change(struct engine_state *es, struct execution_change *c)
{
	if ((!c->action->changed && !c->ended) || is_only_waiting(c))
		return true;
	if (!engine_state_commit_with_retry(es, commit_execution_change, c))
		return false;
	c->execution->stored.taken = true;
	if (c->execution->dag->finished >= 0)
		execution_secrets_remove(es, c->execution);
	return true;
}

/* ---- starting and stopping attempts ---- */

static void make_step_cgroup(struct engine_state *es, struct active_attempt *at, const struct dag_step *step)
{
	const struct node *resources = node_get(step->body, "resources");
	const struct instance_type *type;
	struct err err;

	if (!es->cgroups)
		return;
	type = instance_type_find(node_get_int(resources, "instanceTypeId", MACHINE_TYPE_DEFAULT));
	if (type && !cgroup_make(es->cgroups, &at->arena, arena_printf(&at->arena, "%" PRIu64, at->id),
	                         type->cpu, instance_type_memory(type), &at->cgroup, &err))
		log_warn(es->options->log, "step \"%s\" runs without limits: %s", step->name, err.msg);
}

static struct active_attempt *new_step_attempt(struct engine_state *es, struct execution *x, size_t step)
{
	struct active_attempt *at = calloc(1, sizeof *at);

	if (!at)
		abort();
	at->id = ++es->last_attempt_id;
	at->execution = x;
	at->step = step;
	return at;
}

/* Lines of flowsync's own for the log of a step. */
struct log_note { struct log_ingest log; const char *notes; };

static bool commit_log_note(struct engine_state *es, void *what, struct err *err)
{
	const struct log_note *n = what;

	return log_ingest_note(es->store, &n->log, n->notes, err);
}

/* A webhook's body that is too long for a variable is passed on in a file.  Not to an http step, which takes any length,
 * nor into an image, where the step would not see the file. */
static bool pass_payload_in_file(struct engine_state *es, struct execution *x, struct arena *a, struct dag_start *start,
                                 struct buf *notes, struct err *err)
{
	static const char name[] = "payload";
	const char *payload = node_get_text(start->env, name), *path;

	if (strcmp(x->stored.cause, "webhook") != 0 || !payload || node_is_text(start->step->body, "type", "http") ||
	    execution_is_confined(es, start->step) || strlen(name) + 1 + strlen(payload) <= exec_limits_text())
		return true;
	if (!execution_secrets_put_file(es, x, a, name, payload, &path, err))
		return false;
	struct node *env = node_copy(a, start->env);
	node_drop(env, name);
	node_put(a, env, "payload_file", node_text(a, path));
	start->env = env;
	buf_adds(notes, "flowsync: payload is too long for a variable; it is in the file $payload_file\n");
	return true;
}

/* Starts the attempt.  If false, *why says why not, and *kind is the event that the state machine gets of it. */
static bool start_step_attempt(struct engine_state *es, struct execution *x, const struct dag_start *start,
                               enum dag_event_kind *kind, struct err *why)
{
	CLEANUP(buf_done) struct buf notes = BUF(64 << 10);
	const struct step_execution run = {
		x->stored.uuid, x->workflow, x->stored.workflow, execution_secrets_masks(es, x),
	};
	struct active_attempt *at = new_step_attempt(es, x, execution_step_index(x, start->step));
	const char *folder = execution_step_directory(&at->arena, es, x, at->step);
	struct log_note note = { { folder, x->stored.id, at->step, start->step->attempts }, "" };
	struct attempt attempt = { 0 };

	struct dag_start fitting = *start;

	*kind = DAG_REFUSED;
	bool ok = pass_payload_in_file(es, x, &at->arena, &fitting, &notes, why) &&
	          step_command_prepare(&at->arena, &es->options->steps, &run, &fitting, folder, &attempt, &notes, why);
	execution_secrets_add(x, attempt.masks);
	if (!ok)
		buf_addf(&notes, "flowsync: %s\n", why->msg);
	note.notes = buf_str(&notes);
	if (*note.notes)
		engine_state_commit_with_retry(es, commit_log_note, &note);
	if (ok) {
		*kind = DAG_BROKEN;
		make_step_cgroup(es, at, start->step);
		attempt.cgroup = at->cgroup;
		ok = engine_state_start_attempt(es, at, &attempt, why);
		/* Without a runner the step is not to blame: it waits for the next runner. */
		if (!ok && !runner_client_is_alive(es->runner))
			*kind = DAG_UNBEGUN;
	}
	if (!ok)
		engine_state_free_attempt(es, at);
	return ok;
}

/* Starts all steps of the action.  Returns how many could not be started; *failures are the events of those, in a,
 * for the state machine, which takes them only after the action is carried out. */
static size_t start_steps(struct engine_state *es, struct execution *x, struct arena *a,
                          const struct dag_action *action, struct dag_event **failures)
{
	struct dag_event *events = arena_new(a, struct dag_event, action->start_count);
	size_t count = 0;

	for (size_t i = 0; i < action->start_count; i++) {
		enum dag_event_kind kind;
		struct err err;
		if (!start_step_attempt(es, x, &action->starts[i], &kind, &err))
			events[count++] = (struct dag_event){
				.kind = kind, .step = action->starts[i].step->name,
				.message = arena_strdup(a, err.msg),
			};
	}
	*failures = events;
	return count;
}

static void stop_steps(struct engine_state *es, struct execution *x, const struct dag_action *action)
{
	for (size_t i = 0; i < action->end_count; i++) {
		struct active_attempt *at = find_active_attempt(es, x, execution_step_index(x, action->ends[i].step));
		if (at)
			runner_client_end(es->runner, at->id, ATTEMPT_GRACE_MS);
	}
}

/* ---- handling an event ---- */

static const struct dag_step *first_failed_step(const struct dag_run *dag)
{
	for (size_t i = 0; i < dag->count; i++)
		if (dag->steps[i].status == DAG_FAILED)
			return &dag->steps[i];
	return NULL;
}

static void log_execution_end(struct engine_state *es, const struct execution *x)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct dag_step *step = x->dag->status == DAG_FAILED ? first_failed_step(x->dag) : NULL;
	const char *why = step ? arena_printf(&a, ": step %s: %s", step->name, step->message) : "";

	if (es->options->brief)
		return;
	(step ? log_warn : log_info)(es->options->log, "workflow \"%s\": execution %s: %s after %s%s", x->workflow,
	                             x->stored.uuid, dag_status_words[x->dag->status],
	                             duration_text(&a, x->dag->finished - x->dag->began), why);
}

/* The steps that start now belong to the current rerun. */
static void record_rerun_of_steps(struct execution *x, const struct dag_action *action)
{
	for (size_t i = 0; x->rerun_id && i < action->start_count; i++)
		node_put(&x->arena, x->reruns, action->starts[i].step->name, node_text(&x->arena, x->rerun_id));
}

/* What the engine's loop reads of the execution. */
static void update_for_loop(struct engine_state *es, struct execution *x, const struct dag_action *action)
{
	es->new_notifications |= action->tell_count > 0;
	x->wake_at = action->wake;
	x->waiting_for_slot = action->waiting > 0;
	if (action->over && !x->finished)
		log_execution_end(es, x);
	x->finished = action->over;
}

void execution_handle_event_with_log(struct engine_state *es, struct execution *x, const struct dag_event *event,
                                     size_t slots, const struct log_ingest *log, const char *notes)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct dag_event checked = *event;
	execution_secrets_check(es, x, &a, &checked);
	struct dag_action action = dag_run_handle(x->dag, &a, &checked, slots, clock_now());
	struct execution_change change = { &a, x, &action, log, notes };
	struct dag_event *failures;

	record_rerun_of_steps(x, &action);
	if (!save_execution_change(es, &change))
		return;
	stop_steps(es, x, &action);
	size_t failure_count = start_steps(es, x, &a, &action, &failures);
	update_for_loop(es, x, &action);
	for (size_t i = 0; i < failure_count; i++)
		execution_handle_event(es, x, &failures[i], 0);
}

void execution_handle_event(struct engine_state *es, struct execution *x, const struct dag_event *event, size_t slots)
{
	execution_handle_event_with_log(es, x, event, slots, NULL, "");
}

/* ---- the end of an attempt ---- */

/* An attempt without a result.  If only its supervisor was killed, it counts as a failed attempt even when it had not
 * begun: a step that kills its supervisor each time would be tried for ever. */
static void classify_lost_attempt(struct dag_event *e, bool begun)
{
	if (e->kind != DAG_LOST || e->message)
		return;
	if (begun)
		e->message = "its supervisor was killed";
	else
		e->kind = DAG_UNBEGUN;
}

bool execution_is_confined(const struct engine_state *es, const struct dag_step *step)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return step_command_image(&a, &es->options->steps, step->body);
}

void execution_handle_attempt_end(struct engine_state *es, struct active_attempt *at, const char *why,
                                  bool runner_killed, size_t slots)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf notes = BUF(64 << 10);
	struct execution *x = at->execution;
	const struct dag_step *step = &x->dag->steps[at->step];
	const char *folder = execution_step_directory(&a, es, x, at->step);
	const struct log_ingest log = { folder, x->stored.id, at->step, step->attempts };
	struct dag_event e = attempt_outcome_read(&a, step, folder, execution_is_confined(es, step), &notes);

	classify_lost_attempt(&e, !runner_killed || attempt_begun(folder));
	if (why)
		e = (struct dag_event){ .kind = DAG_BROKEN, .step = step->name, .message = why };
	else if (e.kind == DAG_ENDED && e.code && at->cgroup && cgroup_out_of_memory(at->cgroup))
		e.message = "killed: it used more memory than its resources allow";
	engine_state_free_attempt(es, at);
	execution_handle_event_with_log(es, x, &e, slots, &log, buf_str(&notes));
	if (!es->stopping)
		engine_state_remove_directory(es, folder);
}

/* ---- reading it ---- */

bool execution_is_active(const struct execution *x)
{
	for (size_t i = 0; i < x->dag->count; i++)
		if (x->dag->steps[i].phase == STEP_ACTIVE)
			return true;
	return false;
}

const char *execution_attempt_directory(struct arena *a, const struct engine_state *es, const struct execution *x,
                                        size_t step)
{
	return x->dag->steps[step].phase == STEP_ACTIVE ? execution_step_directory(a, es, x, step) : NULL;
}

void execution_free(struct execution *x)
{
	if (!x)
		return;
	arena_free(&x->arena);
	free(x);
}
