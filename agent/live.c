#include "agent/live.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/boot.h"
#include "agent/ending.h"
#include "agent/fd.h"
#include "agent/machine_types.h"
#include "agent/run_shape.h"
#include "agent/stamp.h"
#include "agent/tell.h"
#include "agent/uuid.h"
#include "reconcile/json.h"

enum {
	LOG_PART = 128 << 10,	/* bytes of a log that are stored as one */
	LOG_MOST = ATTEMPT_HEAD_MAX + ATTEMPT_TAIL_MAX + (64 << 10),	/* a log that has more was not written by a keeper */
};

static size_t step_index(const struct live *l, const struct flow_step *step)
{
	return (size_t)(step - l->flow->steps);
}

static const char *attempt_folder(struct arena *a, const struct engine_world *w, const struct live *l,
                                  size_t step)
{
	return arena_printf(a, "%s/%" PRId64 "-%zu-%u", w->folder, l->run.id, step,
	                    l->flow->steps[step].attempts);
}

static struct active *find_active(const struct engine_world *w, const struct live *l, size_t step)
{
	for (size_t i = 0; i < w->active_count; i++)
		if (w->active[i]->live == l && w->active[i]->step == step)
			return w->active[i];
	return NULL;
}

/* ---- logs ---- */

struct log_place { const char *folder; int64_t run; size_t step; unsigned attempt; };

/* A step may have put anything in its place: a pipe would be waited for, and /dev/urandom has no end.
 * -1: it has no log that can be read. */
static int open_log(const char *folder)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int fd = open(arena_printf(&a, "%s/log", folder), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
		fd_close(&fd);
	return fd;
}

/* The whole lines among the next bytes of the log, room at most; 0: there are none yet. */
static size_t read_lines(int fd, int64_t from, char *out, size_t room)
{
	ssize_t len = from < LOG_MOST ? pread(fd, out, room, from) : 0;
	const char *end = len > 0 ? memrchr(out, '\n', (size_t)len) : NULL;
	size_t lines = end ? (size_t)(end - out) + 1 : 0;

	out[lines] = '\0';
	return lines;
}

static bool store_log(struct store *s, const struct log_place *log, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = open_log(log->folder);
	unsigned attempt;
	struct stat st;
	int64_t from;
	size_t len;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		return true;
	if (!runs_log_end(s, log->run, log->step, &attempt, &from, err))
		return false;
	from = attempt == log->attempt ? from : 0;
	size_t room = st.st_size < LOG_PART ? (size_t)st.st_size : LOG_PART;
	for (char *part = arena_new(&a, char, room + 1); (len = read_lines(fd, from, part, room)); from += len)
		if (!runs_log_add(s, log->run, log->step, log->attempt, from + (int64_t)len, part, err))
			return false;
	return true;
}

/* Lines of our own; upto 0: the attempt's own log is read from its beginning all the same. */
static bool store_notes(struct store *s, const struct log_place *log, const char *notes, struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	unsigned attempt;
	int64_t upto, now = stamp_now();

	if (!*notes)
		return true;
	if (!runs_log_end(s, log->run, log->step, &attempt, &upto, err))
		return false;
	for (const char *end; (end = strchr(notes, '\n')); notes = end + 1)
		buf_addf(&text, "%" PRId64 " %.*s\n", now, (int)(end - notes), notes);
	return runs_log_add(s, log->run, log->step, log->attempt, attempt == log->attempt ? upto : 0,
	                    buf_str(&text), err);
}

static int64_t log_size(const char *folder)
{
	CLEANUP(fd_close) int fd = open_log(folder);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_size : 0;
}

/* Logs that have grown. */
struct grown { struct log_place *logs; size_t count; };

static bool write_logs(struct engine_world *w, void *what, struct err *err)
{
	const struct grown *g = what;

	for (size_t i = 0; i < g->count; i++)
		if (!store_log(w->store, &g->logs[i], err))
			return false;
	return true;
}

void live_logs(struct engine_world *w)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct grown grown = { arena_new(&a, struct log_place, w->active_count) };

	for (size_t i = 0; i < w->active_count; i++) {
		struct active *at = w->active[i];
		if (!at->live)
			continue;
		const struct log_place log = {
			attempt_folder(&a, w, at->live, at->step), at->live->run.id, at->step,
			at->live->flow->steps[at->step].attempts,
		};
		int64_t size = log_size(log.folder);
		if (size <= at->stored || at->stored >= LOG_MOST)
			continue;
		at->stored = size;
		grown.logs[grown.count++] = log;
	}
	if (grown.count)
		world_commit(w, write_logs, &grown);
}

/* ---- writing down how it stands ---- */

/* What is written in one step. */
struct change {
	struct arena *arena;
	struct live *live;
	const struct flow_action *action;
	const struct log_place *ended;		/* whose log is to be read to its end; NULL: nobody's */
	const char *notes;			/* for that log */
};

/* Once, though it may be to begin more often: one that certainly did not is not counted. */
static bool note_start(struct store *s, const struct change *c, const struct flow_step *step, struct err *err)
{
	const struct log_place log = {
		.run = c->live->run.id, .step = step_index(c->live, step), .attempt = step->attempts,
	};
	unsigned noted;
	int64_t upto;

	if (step->attempts < 2)
		return true;
	if (!runs_log_end(s, log.run, log.step, &noted, &upto, err))
		return false;
	return noted == step->attempts ||
	       store_notes(s, &log, arena_printf(c->arena, "flowsync: attempt %u\n", step->attempts), err);
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
		const struct flow_tell *tell = &c->action->tells[i];
		if (!runs_tell_add(s, c->live->run.id, json_text(c->arena, tell->watcher),
		                   tell_news(c->arena, c->live, tell->event), stamp_now(), err))
			return false;
	}
	return true;
}

static bool write_change(struct engine_world *w, void *what, struct err *err)
{
	const struct change *c = what;
	struct live *l = c->live;
	const struct run_state state = { flow_save(c->arena, l->flow), l->reruns, boot_id(c->arena) };

	if (c->ended && (!store_log(w->store, c->ended, err) || !store_notes(w->store, c->ended, c->notes, err)))
		return false;
	l->run.status = l->flow->status;
	l->run.finished = l->flow->finished;
	l->run.stopped_by = l->flow->stopped_by;
	return write_starts(w->store, c, err) && write_tells(w->store, c, err) &&
	       runs_put(w->store, &l->run, json_text(c->arena, run_state_write(c->arena, &state)), err) &&
	       (l->run.finished < 0 || runs_rerun_end(w->store, &l->run, err));
}

/* ---- doing ---- */

struct refusal { enum flow_event_kind kind; const char *step, *message; };

static void limit(struct engine_world *w, struct active *at, const struct flow_step *step)
{
	const struct node *resources = node_get(step->body, "resources");
	const struct machine_type *type;
	struct err err;

	if (!w->cgroups)
		return;
	type = machine_type_find(node_get_int(resources, "instanceTypeId", MACHINE_TYPE_DEFAULT));
	if (type && !cgroup_make(w->cgroups, &at->arena, arena_printf(&at->arena, "%" PRIu64, at->id),
	                         type->cpu, machine_type_memory(type), &at->cgroup, &err))
		log_warn(w->options->log, "step \"%s\" runs without limits: %s", step->name, err.msg);
}

static struct active *new_active(struct engine_world *w, struct live *l, size_t step)
{
	struct active *at = calloc(1, sizeof *at);

	if (!at)
		abort();
	at->id = ++w->last_id;
	at->live = l;
	at->step = step;
	return at;
}

struct noted { struct log_place log; const char *notes; };

static bool write_notes(struct engine_world *w, void *what, struct err *err)
{
	const struct noted *n = what;

	return store_notes(w->store, &n->log, n->notes, err);
}

/* *why tells what was wrong with it; true: it runs. */
static bool begin_step(struct engine_world *w, struct live *l, const struct flow_start *start,
                       enum flow_event_kind *kind, struct err *why)
{
	CLEANUP(buf_done) struct buf notes = BUF(64 << 10);
	const struct prepare_run run = { l->run.uuid, l->workflow, l->run.workflow };
	struct active *at = new_active(w, l, step_index(l, start->step));
	const char *folder = attempt_folder(&at->arena, w, l, at->step);
	struct noted noted = { { folder, l->run.id, at->step, start->step->attempts }, "" };
	struct attempt attempt;

	*kind = FLOW_REFUSED;
	bool ok = prepare_attempt(&at->arena, &w->options->prepare, &run, start, folder, &attempt, &notes, why);
	noted.notes = buf_str(&notes);
	if (*noted.notes)
		world_commit(w, write_notes, &noted);
	if (ok) {
		*kind = FLOW_BROKEN;
		limit(w, at, start->step);
		attempt.cgroup = at->cgroup;
		ok = world_begin(w, at, &attempt, why);
		/* It is not the step's fault: it waits until there is another. */
		if (!ok && !runner_lives(w->runner))
			*kind = FLOW_UNBEGUN;
	}
	if (!ok)
		world_forget(w, at);
	return ok;
}

/* What could not begin is told to the run once all that could has. */
static void begin_steps(struct engine_world *w, struct live *l, struct arena *a,
                        const struct flow_action *action, struct refusal *refusals, size_t *count)
{
	for (size_t i = 0; i < action->start_count; i++) {
		enum flow_event_kind kind;
		struct err err;
		if (!begin_step(w, l, &action->starts[i], &kind, &err))
			refusals[(*count)++] = (struct refusal){ kind, action->starts[i].step->name,
			                                         arena_strdup(a, err.msg) };
	}
}

static void end_steps(struct engine_world *w, struct live *l, const struct flow_action *action)
{
	for (size_t i = 0; i < action->end_count; i++) {
		struct active *at = find_active(w, l, step_index(l, action->ends[i].step));
		if (at)
			runner_end(w->runner, at->id, ATTEMPT_GRACE_MS);
	}
}

static const struct flow_step *first_failed(const struct flow *flow)
{
	for (size_t i = 0; i < flow->count; i++)
		if (flow->steps[i].status == FLOW_FAILED)
			return &flow->steps[i];
	return NULL;
}

static void tell_over(struct engine_world *w, const struct live *l)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct flow_step *failed = first_failed(l->flow);
	bool told = failed && l->flow->status == FLOW_FAILED;

	if (w->options->brief)
		return;
	(told ? log_warn : log_info)(w->options->log, "workflow \"%s\": run %s: %s after %s%s%s%s%s", l->workflow,
	                             l->run.uuid, flow_status_words[l->flow->status],
	                             stamp_duration(&a, l->flow->finished - l->flow->began),
	                             told ? ": step " : "", told ? failed->name : "", told ? ": " : "",
	                             told ? failed->message : "");
}

/* Reruns that a step's last attempt belongs to. */
static void note_reruns(struct live *l, const struct flow_action *action)
{
	for (size_t i = 0; l->rerun && i < action->start_count; i++)
		node_put(&l->arena, l->reruns, action->starts[i].step->name, node_text(&l->arena, l->rerun));
}

/* Nothing of it ever began, and nothing is to be done: it waits for its first place.  The next engine finds
 * it as it was added, which is as good, and saves a commit for each run of many. */
static bool only_waits(const struct live *l, const struct flow_action *action, const struct log_place *ended)
{
	return !l->run.taken && !ended && action->waiting && !action->start_count && !action->end_count &&
	       !action->tell_count && !action->over;
}

static bool write_down(struct engine_world *w, struct live *l, struct change *change)
{
	if (!world_commit(w, write_change, change))
		return false;
	l->run.taken = true;
	return true;
}

static void take_event(struct engine_world *w, struct live *l, const struct flow_event *event, size_t places,
                       const struct log_place *ended, const char *notes)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct flow_action action = flow_take(l->flow, &a, event, places, stamp_now());
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
		live_take(w, l, &(struct flow_event){ .kind = refusals[i].kind, .step = refusals[i].step,
		                                      .message = refusals[i].message }, 0);
}

void live_take(struct engine_world *w, struct live *l, const struct flow_event *event, size_t places)
{
	take_event(w, l, event, places, NULL, "");
}

/* ---- the end of an attempt ---- */

static void lose(struct flow_event *e, bool begun)
{
	if (e->kind != FLOW_LOST || e->message)
		return;
	if (begun)
		e->message = "what watched over it was killed";
	else
		e->kind = FLOW_UNBEGUN;
}

/* A keeper alone that is killed before it begins anything counts as an attempt: who kills it may do so
 * each time. */
static bool is_confined(const struct engine_world *w, const struct flow_step *step)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return prepare_image(&a, &w->options->prepare, step->body);
}

void live_ended(struct engine_world *w, struct active *at, const char *why, bool gone, size_t places)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf notes = BUF(64 << 10);
	struct live *l = at->live;
	const struct flow_step *step = &l->flow->steps[at->step];
	const struct log_place log = { attempt_folder(&a, w, l, at->step), l->run.id, at->step, step->attempts };
	struct flow_event e = ending_read(&a, step, log.folder, is_confined(w, step), &notes);

	lose(&e, !gone || attempt_begun(log.folder));
	if (why)
		e = (struct flow_event){ .kind = FLOW_BROKEN, .step = step->name, .message = why };
	else if (e.kind == FLOW_ENDED && e.code && at->cgroup && cgroup_out_of_memory(at->cgroup))
		e.message = "killed: it used more memory than its resources allow";
	world_forget(w, at);
	take_event(w, l, &e, places, &log, buf_str(&notes));
	if (!w->stopping)
		world_remove(w, log.folder);
}

/* ---- from one engine to the next ---- */

static bool read_document(struct arena *a, const char *json, struct node **out, struct err *err)
{
	*out = NULL;
	return !json || json_read(a, json, strlen(json), out, err);
}

static bool load(struct engine_world *w, struct live *l, struct err *err)
{
	struct arena *a = &l->arena;
	struct stored_workflow workflow;
	struct stored_work work;
	struct node *body, *execute;
	struct run_state state;

	if (!runs_work(w->store, a, l->run.id, &work, err) ||
	    !store_get(w->store, a, l->run.workflow, &workflow, err))
		return false;
	if (!workflow.id)
		return err_set(err, "its workflow is gone");
	l->workflow = workflow.name;
	if (!read_document(a, workflow.body, &body, err) || !read_document(a, work.execute, &execute, err) ||
	    !run_state_read(a, work.state, &state, err) ||
	    !flow_load(a, body, execute, state.flow, &l->flow, err))
		return false;
	l->reruns = state.reruns ? node_copy(a, state.reruns) : node_map(a);
	l->same_boot = strcmp(state.boot, boot_id(a)) == 0;
	return true;
}

/* What it is made of stays as it was found: it may not even be there. */
static bool write_failed(struct engine_world *w, void *what, struct err *err)
{
	const struct stored_run *run = what;

	return runs_put(w->store, run, NULL, err) && runs_rerun_end(w->store, run, err);
}

static void give_up(struct engine_world *w, const struct stored_run *row, const struct err *err)
{
	struct stored_run run = *row;

	run.status = FLOW_FAILED;
	run.finished = stamp_now();
	log_error(w->options->log, "run %s cannot go on: %s", row->uuid, err->msg);
	world_commit(w, write_failed, &run);
}

static struct stored_run copy_run(struct arena *a, const struct stored_run *row)
{
	struct stored_run run = *row;

	run.uuid = arena_strdup(a, row->uuid);
	run.cause = arena_strdup(a, row->cause);
	run.stop_asked = row->stop_asked ? arena_strdup(a, row->stop_asked) : NULL;
	return run;
}

struct live *live_load(struct engine_world *w, const struct stored_run *row)
{
	struct live *l = calloc(1, sizeof *l);
	struct err err;

	if (!l)
		abort();
	l->run = copy_run(&l->arena, row);
	l->wake = -1;
	if (load(w, l, &err))
		return l;
	give_up(w, row, &err);
	live_free(l);
	return NULL;
}

void live_free(struct live *l)
{
	if (!l)
		return;
	arena_free(&l->arena);
	free(l);
}

static bool write_rerun(struct engine_world *w, void *what, struct err *err)
{
	struct live *l = what;
	const struct stored_run cut_short = {
		.id = l->run.id, .status = FLOW_STOPPED, .finished = stamp_now(), .stopped_by = "the service's end",
	};

	return runs_rerun_end(w->store, &cut_short, err) &&
	       runs_rerun_add(w->store, l->run.id, &(struct stored_rerun){
		.uuid = l->rerun, .status = FLOW_RUNNING, .began = cut_short.finished,
	}, err);
}

/* It goes on here: that is told as a rerun. */
static void begin_rerun(struct engine_world *w, struct live *l)
{
	char uuid[UUID_LEN + 1];

	uuid_make(uuid);
	l->rerun = arena_strdup(&l->arena, uuid);
	world_commit(w, write_rerun, l);
	log_info(w->options->log, "workflow \"%s\": run %s goes on, the service had ended in between",
	         l->workflow, l->run.uuid);
}

/* A step that is ended because the service ends mostly dies of that; one that has its say in the time it
 * is given has ended by itself. */
static bool died_with_service(const struct flow_event *e)
{
	return e->kind == FLOW_ENDED && (e->code == 128 + SIGTERM || e->code == 128 + SIGKILL);
}

/* All that ran has ended before the lock was ours. */
static struct flow_event became(struct arena *a, const struct engine_world *w, const struct live *l,
                                const struct flow_step *step, const char *folder, struct buf *notes)
{
	struct flow_event e = ending_read(a, step, folder, is_confined(w, step), notes);

	if (e.kind == FLOW_LOST && !e.message && l->same_boot && !attempt_begun(folder))
		e.kind = FLOW_UNBEGUN;
	if (died_with_service(&e))
		e = (struct flow_event){ .kind = FLOW_LOST, .step = step->name };
	return e;
}

bool live_is_active(const struct live *l)
{
	for (size_t i = 0; i < l->flow->count; i++)
		if (l->flow->steps[i].phase == STEP_ACTIVE)
			return true;
	return false;
}

const char *live_folder(struct arena *a, const struct engine_world *w, const struct live *l, size_t step)
{
	return l->flow->steps[step].phase == STEP_ACTIVE ? attempt_folder(a, w, l, step) : NULL;
}

void live_recover(struct engine_world *w, struct live *l)
{
	begin_rerun(w, l);
	/* What begins meanwhile has an attempt of its own: those that were under way before are few, and
	 * are told first of all. */
	size_t count = l->flow->count;
	bool *was = arena_new(&l->arena, bool, count);
	for (size_t i = 0; i < count; i++)
		was[i] = l->flow->steps[i].phase == STEP_ACTIVE;
	/* A step that is lost to a run that is to stop is stopped, and not one of its failures. */
	if (l->run.stop_asked && l->flow->status == FLOW_RUNNING)
		live_take(w, l, &(struct flow_event){ .kind = FLOW_STOP, .by = l->run.stop_asked }, 0);
	for (size_t i = 0; i < count && !w->stopping; i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(buf_done) struct buf notes = BUF(64 << 10);
		const struct flow_step *step = &l->flow->steps[i];
		if (!was[i])
			continue;
		const struct log_place log = { attempt_folder(&a, w, l, i), l->run.id, i, step->attempts };
		struct flow_event e = became(&a, w, l, step, log.folder, &notes);
		take_event(w, l, &e, 0, &log, buf_str(&notes));
		if (!w->stopping)
			world_remove(w, log.folder);
	}
}
