#include "reconcile/dag/dag_run.h"

#include <assert.h>
#include <string.h>

#include "reconcile/dag/dag_graph.h"
#include "reconcile/dag/dag_conditions.h"
#include "reconcile/dag/dag_step_env.h"

static const int64_t NEVER = -1;
static const double MINUTE_MS = 60 * 1000;

const char *const dag_status_words[DAG_STATUS_COUNT] = {
	[DAG_PENDING] = "Pending", [DAG_RUNNING] = "Running", [DAG_STOPPING] = "Stopping",
	[DAG_SUCCESS] = "Success", [DAG_FAILED] = "Failed", [DAG_STOPPED] = "Stopped",
	[DAG_SKIPPED] = "Skipped",
};

/* One call of dag_run_handle(): the run, and the action that is returned. */
struct handling {
	struct dag_run *run;
	struct arena *arena;
	struct dag_action *action;
	size_t start_room, end_room, tell_room;
};

static const struct dag_vertex *vertex_of(const struct dag_run *run, const struct dag_step *step)
{
	return &run->graph->vertices[step - run->steps];
}

/* ---- time ---- */

/* If the caller's clock is set back, the time until each deadline stays the same, as in sync_scheduler.c. */
static void set_dag_clock(struct dag_run *run, int64_t now)
{
	if (now + run->shift < run->now)
		run->shift = run->now - now;
	run->now = now + run->shift;
}

static bool dag_time_passed(const struct dag_run *run, int64_t due)
{
	return due != NEVER && due <= run->now;
}

static int64_t earlier_dag_time(int64_t a, int64_t b)
{
	return a == NEVER || (b != NEVER && b < a) ? b : a;
}

/* When the running step times out. */
static int64_t timeout_at(const struct dag_run *run, const struct dag_step *step)
{
	int64_t timeout = vertex_of(run, step)->timeout_ms;

	return step->phase == STEP_ACTIVE && step->ending == ENDING_NOT && timeout
	       ? step->began + timeout : NEVER;
}

static int64_t retry_at(const struct dag_step *step)
{
	return step->phase == STEP_RETRIES ? step->due : NEVER;
}

static const struct node *watcher_events(const struct dag_run *run, size_t watcher)
{
	return node_get(run->graph->watchers->entries[watcher].value, "events");
}

/* When the watcher has to be notified that the run takes long. */
static int64_t exceeded_at(const struct dag_run *run, size_t watcher)
{
	const struct node *n = node_get(watcher_events(run, watcher), "runtimeExceeded");
	double minutes = !n ? 0 : n->kind == NODE_INT ? (double)n->integer :
	                 n->kind == NODE_REAL ? n->real : 0;

	if (run->status != DAG_RUNNING || run->notified[watcher] || !(minutes > 0) || minutes > INT32_MAX)
		return NEVER;
	return run->began + (int64_t)(minutes * MINUTE_MS);
}

/* ---- actions ---- */

struct dag_start dag_run_start(const struct dag_run *run, struct arena *a, size_t step)
{
	const struct node *declared = dag_given(run->steps[step].body, "parameters");
	struct dag_start start = { .step = &run->steps[step], .secrets = dag_given(declared, "secrets") };

	start.env = dag_step_env(run, step, a, &start.missing);
	return start;
}

static void add_start_action(struct handling *t, struct dag_step *step)
{
	struct dag_action *x = t->action;

	arena_grow(t->arena, x->starts, x->start_count, t->start_room);
	x->starts[x->start_count++] = dag_run_start(t->run, t->arena, (size_t)(step - t->run->steps));
}

static void add_end_action(struct handling *t, struct dag_step *step, enum dag_ending why)
{
	struct dag_action *x = t->action;

	/* Requested once only; a stop during a timeout makes the step Stopped. */
	if (step->ending == ENDING_NOT) {
		arena_grow(t->arena, x->ends, x->end_count, t->end_room);
		x->ends[x->end_count++] = (struct dag_end){ step, why };
	}
	step->ending = why;
	t->run->changed = true;
}

static void add_notification_action(struct handling *t, size_t watcher, const char *event)
{
	struct dag_action *x = t->action;

	arena_grow(t->arena, x->tells, x->tell_count, t->tell_room);
	x->tells[x->tell_count++] = (struct dag_notification){
		.watcher = t->run->graph->watchers->entries[watcher].value, .index = watcher,
		.event = event,
	};
}

/* ---- the end of a step ---- */

static void set_step_message(struct dag_run *run, struct dag_step *step, const char *message)
{
	step->message = arena_strdup(run->arena, message);
}

/* Ends a step.  Children that wait for no other step are judged next. */
static void close_step(struct dag_run *run, struct dag_step *step, enum dag_status status,
                       enum dag_counts counts)
{
	const struct dag_links *children = &vertex_of(run, step)->children;

	step->status = status;
	step->counts = counts;
	step->phase = STEP_OVER;
	step->due = NEVER;
	step->finished = run->now;
	run->changed = true;
	for (size_t i = 0; i < children->count; i++)
		if (--run->steps[children->to[i]].waits == 0)
			run->judged[run->judge_tail++] = children->to[i];
}

static void stop_step(struct dag_run *run, struct dag_step *step, const char *message)
{
	set_step_message(run, step, message);
	close_step(run, step, DAG_STOPPED, COUNTS_NEITHER);
}

static const char *stop_message(const struct dag_step *step)
{
	return step->attempts ? "stopped before its next attempt" : "stopped before it started";
}

static bool is_retry_code(const struct node *codes, int code)
{
	if (!codes)
		return true;
	for (size_t i = 0; i < codes->count; i++) {
		const struct node *n = codes->entries[i].value;
		if (n->kind == NODE_INT && code >= 0 && n->integer == code)
			return true;
	}
	return false;
}

static void fail_step(struct dag_run *run, struct dag_step *step, bool for_good)
{
	const struct dag_retry *retry = &vertex_of(run, step)->retry;

	if (for_good || step->attempts > retry->most || !is_retry_code(retry->codes, step->code)) {
		close_step(run, step, DAG_FAILED, COUNTS_FAILURE);
		return;
	}
	step->phase = STEP_RETRIES;
	step->due = run->now + retry->wait_ms * (retry->doubles ? 1 << (step->attempts - 1) : 1);
}

static void undo_attempt(struct dag_run *run, struct dag_step *step)
{
	if (--step->attempts == 0) {
		step->status = DAG_PENDING;
		step->started = NEVER;
	}
	if (step->ending == ENDING_STOP) {
		stop_step(run, step, stop_message(step));
		return;
	}
	step->phase = STEP_READY;
	step->ending = ENDING_NOT;
}

static void set_step_result(struct dag_run *run, struct dag_step *step, const struct dag_event *e,
                        bool well)
{
	struct arena *a = run->arena;
	bool http = vertex_of(run, step)->http;

	step->code = e->kind == DAG_ENDED ? e->code : -1;
	step->outputs = dag_step_outputs(a, e->kind == DAG_ENDED ? e->outputs : NULL);
	if (step->ending == ENDING_TIMEOUT)
		step->message = arena_printf(a, "it took longer than its stepTimeout of %lld seconds",
		                             (long long)vertex_of(run, step)->timeout_ms / 1000);
	else if (e->message)
		set_step_message(run, step, e->message);
	else if (e->kind == DAG_LOST)
		step->message = "the service ended while it ran";
	else if (e->kind == DAG_BROKEN || e->kind == DAG_REFUSED)
		step->message = "it could not start";
	else if (well)
		step->message = "";
	else
		step->message = arena_printf(a, http ? "the answer has status %d" : "exit code %d",
		                             e->code);
}

static bool ended_well(const struct dag_run *run, const struct dag_step *step,
                       const struct dag_event *e)
{
	if (e->kind != DAG_ENDED || step->ending == ENDING_TIMEOUT)
		return false;
	return vertex_of(run, step)->http ? e->code >= 200 && e->code <= 299 : e->code == 0;
}

static struct dag_step *find_dag_step(struct dag_run *run, const char *name)
{
	size_t at = dag_graph_find(run->graph, name);

	return at < run->count ? &run->steps[at] : NULL;
}

static void handle_step_end(struct dag_run *run, const struct dag_event *e)
{
	struct dag_step *step = find_dag_step(run, e->step);

	assert(step && step->phase == STEP_ACTIVE);
	run->changed = true;
	if (e->kind == DAG_UNBEGUN) {
		undo_attempt(run, step);
		return;
	}
	bool well = ended_well(run, step, e);
	set_step_result(run, step, e, well);
	if (step->ending == ENDING_STOP)
		stop_step(run, step, "stopped");
	else if (well)
		close_step(run, step, DAG_SUCCESS, COUNTS_SUCCESS);
	else
		fail_step(run, step, e->kind == DAG_REFUSED);
}

static void handle_stop_event(struct handling *t, const char *by)
{
	struct dag_run *run = t->run;

	if (run->status != DAG_RUNNING)
		return;
	run->status = DAG_STOPPING;
	run->stopped_by = arena_strdup_or_null(run->arena, by);
	run->changed = true;
	for (size_t i = 0; i < run->count; i++) {
		struct dag_step *step = &run->steps[i];
		if (step->phase == STEP_ACTIVE)
			add_end_action(t, step, ENDING_STOP);
		else if (step->phase != STEP_OVER)
			stop_step(run, step, stop_message(step));
	}
}

static void handle_dag_event(struct handling *t, const struct dag_event *e)
{
	switch (e->kind) {
	case DAG_TICK:
		break;
	case DAG_ENDED:
	case DAG_BROKEN:
	case DAG_REFUSED:
	case DAG_LOST:
	case DAG_UNBEGUN:
		handle_step_end(t->run, e);
		break;
	case DAG_STOP:
		handle_stop_event(t, e->by);
		break;
	}
}

/* ---- timers, conditions and starts ---- */

static void handle_timers(struct handling *t)
{
	struct dag_run *run = t->run;

	for (size_t i = 0; i < run->count; i++) {
		struct dag_step *step = &run->steps[i];
		if (dag_time_passed(run, timeout_at(run, step)))
			add_end_action(t, step, ENDING_TIMEOUT);
		if (dag_time_passed(run, retry_at(step))) {
			step->phase = STEP_READY;
			step->due = NEVER;
			run->changed = true;
		}
	}
	for (size_t i = 0; i < run->graph->watcher_count; i++)
		if (dag_time_passed(run, exceeded_at(run, i))) {
			add_notification_action(t, i, "runtimeExceeded");
			run->notified[i] = run->changed = true;
		}
}

static void judge_step(struct dag_run *run, size_t at)
{
	struct dag_step *step = &run->steps[at];
	const char *why = "";

	if (step->phase != STEP_WAITS)	/* it was stopped in the meantime */
		return;
	enum dag_verdict verdict = dag_conditions_judge(run, at, &why);
	step->message = why;
	switch (verdict) {
	case VERDICT_RUN:
		step->phase = STEP_READY;
		run->changed = true;
		break;
	case VERDICT_PASS:
		close_step(run, step, DAG_SKIPPED, COUNTS_SUCCESS);
		break;
	case VERDICT_SKIP:
		close_step(run, step, DAG_SKIPPED, COUNTS_NEITHER);
		break;
	case VERDICT_SKIP_DAG:
		close_step(run, step, DAG_SKIPPED, COUNTS_SKIP_DAG);
		break;
	case VERDICT_FAIL:
		close_step(run, step, DAG_FAILED, COUNTS_FAILURE);
		break;
	}
}

static void start_dag_step(struct handling *t, struct dag_step *step)
{
	step->phase = STEP_ACTIVE;
	step->status = DAG_RUNNING;
	step->ending = ENDING_NOT;
	step->attempts++;
	step->began = t->run->now;
	if (step->started == NEVER)
		step->started = t->run->now;
	t->run->changed = true;
	add_start_action(t, step);
}

static void start_ready_steps(struct handling *t, size_t places)
{
	for (size_t i = 0; i < t->run->count; i++) {
		struct dag_step *step = &t->run->steps[i];
		if (step->phase != STEP_READY)
			continue;
		if (t->action->start_count < places)
			start_dag_step(t, step);
		else
			t->action->waiting++;
	}
}

/* ---- the end of the run ---- */

static bool all_steps_over(const struct dag_run *run)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->steps[i].phase != STEP_OVER)
			return false;
	return true;
}

static enum dag_status final_status(const struct dag_run *run)
{
	if (run->status == DAG_STOPPING)
		return DAG_STOPPED;
	for (size_t i = 0; i < run->count; i++)
		if (run->steps[i].status == DAG_FAILED)
			return DAG_FAILED;
	return DAG_SUCCESS;
}

static void notify_run_end(struct handling *t)
{
	const char *event = t->run->status == DAG_SUCCESS ? "success" : "fail";

	for (size_t i = 0; i < t->run->graph->watcher_count; i++) {
		const struct node *wants = node_get(watcher_events(t->run, i), event);
		if (wants && wants->kind == NODE_BOOL && wants->boolean)
			add_notification_action(t, i, event);
	}
}

static void finish_run(struct handling *t)
{
	t->run->status = final_status(t->run);
	t->run->finished = t->run->now;
	t->run->changed = true;
	if (t->run->status != DAG_STOPPED)
		notify_run_end(t);
}

static int64_t next_dag_wake(const struct dag_run *run)
{
	int64_t wake = NEVER;

	for (size_t i = 0; i < run->count; i++)
		wake = earlier_dag_time(wake, earlier_dag_time(timeout_at(run, &run->steps[i]),
		                             retry_at(&run->steps[i])));
	for (size_t i = 0; i < run->graph->watcher_count; i++)
		wake = earlier_dag_time(wake, exceeded_at(run, i));
	return wake == NEVER ? NEVER : wake - run->shift;
}

static bool run_has_ended(const struct dag_run *run)
{
	return run->status != DAG_RUNNING && run->status != DAG_STOPPING;
}

struct dag_action dag_run_handle(struct dag_run *run, struct arena *a, const struct dag_event *event,
                             size_t places, int64_t now)
{
	struct dag_action action = { .wake = NEVER, .over = run_has_ended(run) };
	struct handling t = { .run = run, .arena = a, .action = &action };

	if (action.over)
		return action;
	set_dag_clock(run, now);
	run->changed = false;
	handle_dag_event(&t, event);
	handle_timers(&t);
	while (run->judge_head < run->judge_tail)
		judge_step(run, run->judged[run->judge_head++]);
	start_ready_steps(&t, places);
	if (all_steps_over(run))
		finish_run(&t);
	action.changed = run->changed;
	action.over = run_has_ended(run);
	if (!action.over)
		action.wake = next_dag_wake(run);
	return action;
}

/* ---- the beginning ---- */

bool dag_run_begin(struct arena *a, const struct node *body, const struct node *execute, int64_t now,
                struct dag_run **out, struct err *err)
{
	const struct dag_graph *g;

	if (!dag_graph_make(a, body, execute, &g, err))
		return false;
	struct dag_run *run = arena_new(a, struct dag_run, 1);
	*run = (struct dag_run){
		.steps = arena_new(a, struct dag_step, g->count), .count = g->count,
		.status = DAG_RUNNING, .began = now, .finished = NEVER, .arena = a, .graph = g,
		.now = now, .notified = arena_new(a, bool, g->watcher_count),
		.judged = arena_new(a, size_t, g->count),
	};
	for (size_t i = 0; i < g->count; i++) {
		const struct dag_vertex *v = &g->vertices[i];
		run->steps[i] = (struct dag_step){
			.name = v->name, .body = v->body, .left_out = !v->chosen, .started = NEVER,
			.finished = NEVER, .code = -1, .message = "", .began = NEVER, .due = NEVER,
			.waits = v->parents.count + v->named.count,
		};
		if (run->steps[i].waits == 0)
			run->judged[run->judge_tail++] = i;
	}
	*out = run;
	return true;
}

const struct dag_step *dag_run_find(const struct dag_run *run, const char *name)
{
	size_t at = name ? dag_graph_find(run->graph, name) : run->count;

	return at < run->count ? &run->steps[at] : NULL;
}
