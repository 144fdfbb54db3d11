#include "agent/service/engine/execution.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/id128.h"
#include "agent/service/exec/attempt_outcome.h"
#include "agent/service/steps/instance_types.h"
#include "agent/service/engine/execution_document.h"
#include "agent/util/clock.h"
#include "agent/service/engine/notification_queue.h"
#include "reconcile/tree/json.h"

static size_t step_index(const struct execution *l, const struct dag_step *step)
{
	return (size_t)(step - l->flow->steps);
}

static const char *attempt_folder(struct arena *a, const struct engine_state *w, const struct execution *l,
                                  size_t step)
{
	return arena_printf(a, "%s/%" PRId64 "-%zu-%u", w->folder, l->run.id, step,
	                    l->flow->steps[step].attempts);
}

static struct active_attempt *find_active(const struct engine_state *w, const struct execution *l, size_t step)
{
	for (size_t i = 0; i < w->active_count; i++)
		if (w->active[i]->live == l && w->active[i]->step == step)
			return w->active[i];
	return NULL;
}

/* ---- logs ---- */

/* Logs that have grown. */
struct grown { struct log_ingest *logs; size_t count; };

static bool write_logs(struct engine_state *w, void *what, struct err *err)
{
	const struct grown *g = what;

	for (size_t i = 0; i < g->count; i++)
		if (!log_ingest_store(w->store, &g->logs[i], err))
			return false;
	return true;
}

void execution_ingest_logs(struct engine_state *w)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct grown grown = { arena_new(&a, struct log_ingest, w->active_count) };

	for (size_t i = 0; i < w->active_count; i++) {
		struct active_attempt *at = w->active[i];
		if (!at->live)
			continue;
		const struct log_ingest log = {
			attempt_folder(&a, w, at->live, at->step), at->live->run.id, at->step,
			at->live->flow->steps[at->step].attempts,
		};
		int64_t size = log_ingest_size(log.folder);
		if (size <= at->stored || at->stored >= LOG_INGEST_MAX)
			continue;
		at->stored = size;
		grown.logs[grown.count++] = log;
	}
	if (grown.count)
		engine_state_commit(w, write_logs, &grown);
}

/* ---- writing down how it stands ---- */

/* What is written in one step. */
struct change {
	struct arena *arena;
	struct execution *live;
	const struct dag_action *action;
	const struct log_ingest *ended;		/* whose log is to be read to its end; NULL: nobody's */
	const char *notes;			/* for that log */
};

/* Once, though it may be to begin more often: one that certainly did not is not counted. */
static bool note_start(struct store *s, const struct change *c, const struct dag_step *step, struct err *err)
{
	const struct log_ingest log = {
		.run = c->live->run.id, .step = step_index(c->live, step), .attempt = step->attempts,
	};
	unsigned noted;
	int64_t upto;

	if (step->attempts < 2)
		return true;
	if (!execution_store_log_end(s, log.run, log.step, &noted, &upto, err))
		return false;
	return noted == step->attempts ||
	       log_ingest_note(s, &log, arena_printf(c->arena, "flowsync: attempt %u\n", step->attempts), err);
}

/* Whoever reads the log learns there, too, why it stops: what its own lines cannot tell. */
static bool note_end(struct store *s, const struct change *c, struct err *err)
{
	const struct dag_step *step = &c->live->flow->steps[c->ended->step];
	const char *plain = arena_printf(c->arena, "exit code %d", step->code);

	if (!*step->message || step->phase == STEP_ACTIVE || strcmp(step->message, plain) == 0)
		return true;
	return log_ingest_note(s, c->ended, arena_printf(c->arena, "flowsync: %s\n", step->message), err);
}

static bool write_starts(struct store *s, const struct change *c, struct err *err)
{
	for (size_t i = 0; i < c->action->start_count; i++)
		if (!note_start(s, c, c->action->starts[i].step, err))
			return false;
	return true;
}

static bool write_tells(struct store *s, const struct change *c, struct err *err)
{
	for (size_t i = 0; i < c->action->tell_count; i++) {
		const struct dag_notification *tell = &c->action->tells[i];
		if (!execution_store_add_notification(s, c->live->run.id, json_text(c->arena, tell->watcher),
		                   notification_queue_describe(c->arena, c->live, tell->event), clock_now(), err))
			return false;
	}
	return true;
}

static bool write_change(struct engine_state *w, void *what, struct err *err)
{
	const struct change *c = what;
	struct execution *l = c->live;
	const struct execution_state state = { dag_run_save(c->arena, l->flow), l->reruns, boot_id(c->arena) };

	if (c->ended && (!log_ingest_store(w->store, c->ended, err) || !log_ingest_note(w->store, c->ended, c->notes, err) ||
	                 !note_end(w->store, c, err)))
		return false;
	l->run.status = l->flow->status;
	l->run.finished = l->flow->finished;
	l->run.stopped_by = l->flow->stopped_by;
	return write_starts(w->store, c, err) && write_tells(w->store, c, err) &&
	       execution_store_put(w->store, &l->run, json_text(c->arena, execution_document_write_state(c->arena, &state)), err) &&
	       (l->run.finished < 0 || execution_store_rerun_end(w->store, &l->run, err));
}

/* ---- doing ---- */

struct refusal { enum dag_event_kind kind; const char *step, *message; };

static void limit(struct engine_state *w, struct active_attempt *at, const struct dag_step *step)
{
	const struct node *resources = node_get(step->body, "resources");
	const struct instance_type *type;
	struct err err;

	if (!w->cgroups)
		return;
	type = instance_type_find(node_get_int(resources, "instanceTypeId", MACHINE_TYPE_DEFAULT));
	if (type && !cgroup_make(w->cgroups, &at->arena, arena_printf(&at->arena, "%" PRIu64, at->id),
	                         type->cpu, instance_type_memory(type), &at->cgroup, &err))
		log_warn(w->options->log, "step \"%s\" runs without limits: %s", step->name, err.msg);
}

static struct active_attempt *new_active(struct engine_state *w, struct execution *l, size_t step)
{
	struct active_attempt *at = calloc(1, sizeof *at);

	if (!at)
		abort();
	at->id = ++w->last_id;
	at->live = l;
	at->step = step;
	return at;
}

struct noted { struct log_ingest log; const char *notes; };

static bool write_notes(struct engine_state *w, void *what, struct err *err)
{
	const struct noted *n = what;

	return log_ingest_note(w->store, &n->log, n->notes, err);
}

/* *why tells what was wrong with it; true: it runs. */
static bool begin_step(struct engine_state *w, struct execution *l, const struct dag_start *start,
                       enum dag_event_kind *kind, struct err *why)
{
	CLEANUP(buf_done) struct buf notes = BUF(64 << 10);
	const struct step_execution run = { l->run.uuid, l->workflow, l->run.workflow };
	struct active_attempt *at = new_active(w, l, step_index(l, start->step));
	const char *folder = attempt_folder(&at->arena, w, l, at->step);
	struct noted noted = { { folder, l->run.id, at->step, start->step->attempts }, "" };
	struct attempt attempt;

	*kind = DAG_REFUSED;
	bool ok = step_command_prepare(&at->arena, &w->options->prepare, &run, start, folder, &attempt, &notes, why);
	if (!ok)
		buf_addf(&notes, "flowsync: %s\n", why->msg);
	noted.notes = buf_str(&notes);
	if (*noted.notes)
		engine_state_commit(w, write_notes, &noted);
	if (ok) {
		*kind = DAG_BROKEN;
		limit(w, at, start->step);
		attempt.cgroup = at->cgroup;
		ok = engine_state_begin(w, at, &attempt, why);
		/* It is not the step's fault: it waits until there is another. */
		if (!ok && !runner_client_is_alive(w->runner))
			*kind = DAG_UNBEGUN;
	}
	if (!ok)
		engine_state_forget(w, at);
	return ok;
}

/* What could not begin is told to the run once all that could has. */
static void begin_steps(struct engine_state *w, struct execution *l, struct arena *a,
                        const struct dag_action *action, struct refusal *refusals, size_t *count)
{
	for (size_t i = 0; i < action->start_count; i++) {
		enum dag_event_kind kind;
		struct err err;
		if (!begin_step(w, l, &action->starts[i], &kind, &err))
			refusals[(*count)++] = (struct refusal){ kind, action->starts[i].step->name,
			                                         arena_strdup(a, err.msg) };
	}
}

static void end_steps(struct engine_state *w, struct execution *l, const struct dag_action *action)
{
	for (size_t i = 0; i < action->end_count; i++) {
		struct active_attempt *at = find_active(w, l, step_index(l, action->ends[i].step));
		if (at)
			runner_client_end(w->runner, at->id, ATTEMPT_GRACE_MS);
	}
}

static const struct dag_step *first_failed(const struct dag_run *flow)
{
	for (size_t i = 0; i < flow->count; i++)
		if (flow->steps[i].status == DAG_FAILED)
			return &flow->steps[i];
	return NULL;
}

static void tell_over(struct engine_state *w, const struct execution *l)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct dag_step *failed = first_failed(l->flow);
	bool told = failed && l->flow->status == DAG_FAILED;

	if (w->options->brief)
		return;
	(told ? log_warn : log_info)(w->options->log, "workflow \"%s\": run %s: %s after %s%s%s%s%s", l->workflow,
	                             l->run.uuid, flow_status_words[l->flow->status],
	                             duration_text(&a, l->flow->finished - l->flow->began),
	                             told ? ": step " : "", told ? failed->name : "", told ? ": " : "",
	                             told ? failed->message : "");
}

/* Reruns that a step's last attempt belongs to. */
static void note_reruns(struct execution *l, const struct dag_action *action)
{
	for (size_t i = 0; l->rerun && i < action->start_count; i++)
		node_put(&l->arena, l->reruns, action->starts[i].step->name, node_text(&l->arena, l->rerun));
}

/* Nothing of it ever began, and nothing is to be done: it waits for its first place.  The next engine finds
 * it as it was added, which is as good, and saves a commit for each run of many. */
static bool only_waits(const struct execution *l, const struct dag_action *action, const struct log_ingest *ended)
{
	return !l->run.taken && !ended && action->waiting && !action->start_count && !action->end_count &&
	       !action->tell_count && !action->over;
}

static bool write_down(struct engine_state *w, struct execution *l, struct change *change)
{
	if (!engine_state_commit(w, write_change, change))
		return false;
	l->run.taken = true;
	return true;
}

void execution_handle_attempt_end(struct engine_state *w, struct execution *l, const struct dag_event *event, size_t places,
                   const struct log_ingest *ended, const char *notes)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct dag_action action = dag_run_handle(l->flow, &a, event, places, clock_now());
	struct change change = { &a, l, &action, ended, notes };
	struct refusal *refusals = arena_new(&a, struct refusal, action.start_count);
	size_t count = 0;

	note_reruns(l, &action);
	if ((action.changed || ended) && !only_waits(l, &action, ended) && !write_down(w, l, &change))
		return;		/* the engine ends; the next one finds what the last commit left */
	w->new_tells |= action.tell_count > 0;
	end_steps(w, l, &action);
	begin_steps(w, l, &a, &action, refusals, &count);
	l->wake = action.wake;
	l->waiting = action.waiting > 0;
	if (action.over && !l->over)
		tell_over(w, l);
	l->over = action.over;
	for (size_t i = 0; i < count; i++)
		execution_handle_event(w, l, &(struct dag_event){ .kind = refusals[i].kind, .step = refusals[i].step,
		                                      .message = refusals[i].message }, 0);
}

void execution_handle_event(struct engine_state *w, struct execution *l, const struct dag_event *event, size_t places)
{
	execution_handle_attempt_end(w, l, event, places, NULL, "");
}

/* ---- the end of an attempt ---- */

/* A keeper alone that is killed before it begins anything counts as an attempt: who kills it may do so
 * each time. */
static void lose(struct dag_event *e, bool begun)
{
	if (e->kind != DAG_LOST || e->message)
		return;
	if (begun)
		e->message = "what watched over it was killed";
	else
		e->kind = DAG_UNBEGUN;
}

bool execution_is_confined(const struct engine_state *w, const struct dag_step *step)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return step_command_image(&a, &w->options->prepare, step->body);
}

void execution_attempt_ended(struct engine_state *w, struct active_attempt *at, const char *why, bool gone, size_t places)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf notes = BUF(64 << 10);
	struct execution *l = at->live;
	const struct dag_step *step = &l->flow->steps[at->step];
	const struct log_ingest log = { attempt_folder(&a, w, l, at->step), l->run.id, at->step, step->attempts };
	struct dag_event e = attempt_outcome_read(&a, step, log.folder, execution_is_confined(w, step), &notes);

	lose(&e, !gone || attempt_begun(log.folder));
	if (why)
		e = (struct dag_event){ .kind = DAG_BROKEN, .step = step->name, .message = why };
	else if (e.kind == DAG_ENDED && e.code && at->cgroup && cgroup_out_of_memory(at->cgroup))
		e.message = "killed: it used more memory than its resources allow";
	engine_state_forget(w, at);
	execution_handle_attempt_end(w, l, &e, places, &log, buf_str(&notes));
	if (!w->stopping)
		engine_state_remove(w, log.folder);
}

/* ---- how it stands ---- */

bool execution_is_active(const struct execution *l)
{
	for (size_t i = 0; i < l->flow->count; i++)
		if (l->flow->steps[i].phase == STEP_ACTIVE)
			return true;
	return false;
}

const char *execution_attempt_directory(struct arena *a, const struct engine_state *w, const struct execution *l, size_t step)
{
	return l->flow->steps[step].phase == STEP_ACTIVE ? attempt_folder(a, w, l, step) : NULL;
}

void execution_free(struct execution *l)
{
	if (!l)
		return;
	arena_free(&l->arena);
	free(l);
}
