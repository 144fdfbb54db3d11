#include "agent/service/engine/engine.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/service/engine/cron_scheduler.h"
#include "agent/service/engine/execution_secrets.h"
#include "agent/util/fd.h"
#include "agent/util/memory_trim.h"
#include "agent/util/file_lock.h"
#include "agent/util/directory.h"
#include "agent/service/engine/execution.h"
#include "agent/util/clock.h"
#include "agent/service/exec/orphans.h"
#include "agent/service/engine/notification_queue.h"
#include "agent/service/engine/wakeup.h"

enum {
	STORE_TIMEOUT_MS = 5000,
	LOCK_RETRY_MS = 200,		/* while another engine has the lock */
	BEGIN_RETRY_MS = 5000,		/* after this engine could not begin */
	LOG_INGEST_MS = 250,		/* between looks at what running steps have printed */
	POLL_MAX_MS = 60 * 1000,	/* a clock that was set is noticed after so long, */
	POLL_IDLE_MS = 3600 * 1000,	/* or after so long where nothing has a time at all */
	LOAD_RETRY_MS = 1000,		/* after the store could not be read */
	LOAD_PAGE_SIZE = 100,		/* executions that are loaded at a time */
	ORPHANS_TIMEOUT_MS = 10 * 1000,	/* a killed process that still exists after so long is not waited for */
	CLEANUP_SIZE = 100,		/* executions that are deleted at a time */
};

static const int64_t CLEANUP_INTERVAL_MS = 60 * 1000, DAY_MS = 24 * 3600 * 1000;

struct engine {
	struct engine_options options;
	struct engine_state state;
	struct memory_trim trim;
	struct arena arena;
	int stop_fd, wake_fd, lock_fd;	/* lock_fd -1: this engine does not have the lock */
	pthread_t thread;

	/* For the thread alone. */
	struct execution **executions;	/* in progress */
	size_t execution_count, execution_room;
	int64_t last_execution;		/* highest id that was loaded */
	int64_t next_cron, next_notification, next_cleanup, next_log_ingest;	/* ms since 1970, -1: never */
	bool store_changed;		/* the store may have new executions and stop requests */
	bool load_failed;		/* they could not be read: store_changed has to stay set */
	size_t first_waiting;		/* whose turn it is among the executions that wait for a slot */
	int64_t last_now;
	unsigned lock_attempts;

	/* For the other threads, under the mutex. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool has_lock, idle, decided, stop_all_requested;	/* decided: it is known whether it has the lock */
	unsigned rounds;		/* of the loop */
};

/* ---- slots: how many steps may start ---- */

static size_t free_slots(const struct engine *g)
{
	size_t jobs = runner_client_is_alive(g->state.runner) ? (size_t)g->options.jobs : 0;

	return g->state.active_steps < jobs ? jobs - g->state.active_steps : 0;
}

static size_t count_waiting_executions(const struct engine *g)
{
	size_t count = 0;

	for (size_t i = 0; i < g->execution_count; i++)
		count += g->executions[i]->waiting_for_slot;
	return count;
}

/* For an event of one execution.  None while others wait: assign_slots() shares the slots out. */
static size_t slots_for_execution(const struct engine *g, const struct execution *x)
{
	return count_waiting_executions(g) == x->waiting_for_slot ? free_slots(g) : 0;
}

static void tick_execution(struct engine *g, struct execution *x)
{
	execution_handle_event(&g->state, x, &(struct dag_event){ .kind = DAG_TICK }, slots_for_execution(g, x));
}

/* Gives each waiting execution its share of the free slots, in turn: one with many steps does not block the others. */
static void assign_slots(struct engine *g)
{
	size_t waiting = count_waiting_executions(g), slots;

	for (size_t i = 0; i < g->execution_count && waiting > 0 && (slots = free_slots(g)) && !g->state.stopping; i++) {
		struct execution *x = g->executions[(g->first_waiting + i) % g->execution_count];
		if (!x->waiting_for_slot)
			continue;
		execution_handle_event(&g->state, x, &(struct dag_event){ .kind = DAG_TICK },
		                       slots > waiting ? slots / waiting : 1);
		waiting--;
	}
	g->first_waiting++;
}

/* ---- executions ---- */

static void stop_execution(struct engine *g, struct execution *x, const char *by)
{
	if (x->dag->status == DAG_RUNNING)
		execution_handle_event(&g->state, x, &(struct dag_event){ .kind = DAG_STOP, .by = by }, 0);
}

/* A stop that was requested comes before any step could start. */
static void stop_or_tick_execution(struct engine *g, struct execution *x)
{
	if (x->stored.stop_asked)
		stop_execution(g, x, x->stored.stop_asked);
	tick_execution(g, x);
}

static struct execution *add_execution(struct engine *g, const struct stored_execution *row)
{
	struct execution *x = execution_load(&g->state, row);

	g->last_execution = row->id;
	if (!x)
		return NULL;
	arena_grow(&g->arena, g->executions, g->execution_count, g->execution_room);
	return g->executions[g->execution_count++] = x;
}

static void drop_finished_executions(struct engine *g)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->execution_count; i++) {
		if (g->executions[i]->finished)
			execution_free(g->executions[i]);
		else
			g->executions[kept++] = g->executions[i];
	}
	g->execution_count = kept;
}

/* Loads the executions that were added since the last one was, and starts their first steps.  False: the store cannot
 * be read. */
static bool load_executions_after_last(struct engine *g)
{
	size_t count = LOAD_PAGE_SIZE;

	while (count == LOAD_PAGE_SIZE && !g->state.stopping) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct stored_execution *rows;
		struct err err;
		if (!execution_store_list_new(g->state.store, &a, g->last_execution, LOAD_PAGE_SIZE, &rows, &count,
		                              &err)) {
			log_error(g->options.log, "cannot load new executions: %s", err.msg);
			return false;
		}
		for (size_t i = 0; i < count; i++) {
			struct execution *x = add_execution(g, &rows[i]);
			if (!x)
				continue;
			if (!g->options.brief)
				log_info(g->options.log, "workflow \"%s\": execution %s started (%s)", x->workflow,
				         x->stored.uuid, x->stored.cause);
			stop_or_tick_execution(g, x);
		}
	}
	return true;
}

static bool load_stop_requests(struct engine *g)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stored_execution *rows;
	size_t count;
	struct err err;

	if (!execution_store_stop_requests(g->state.store, &a, &rows, &count, &err)) {
		log_error(g->options.log, "cannot load stop requests: %s", err.msg);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		for (size_t r = 0; r < g->execution_count; r++)
			if (g->executions[r]->stored.id == rows[i].id)
				stop_execution(g, g->executions[r], rows[i].stop_asked);
	return true;
}

static void engine_attempt_ended(struct engine *g, struct active_attempt *at, const char *why, bool runner_killed)
{
	if (at->execution)
		execution_handle_attempt_end(&g->state, at, why, runner_killed, slots_for_execution(g, at->execution));
	else
		notification_queue_attempt_ended(&g->state, at, why);
	g->next_notification = 0;
}

/* ---- attempts that have ended ---- */

/* Kills the processes of the steps that were active, when no runner and no supervisor lives: a supervisor that was
 * killed together with the runner has killed nothing. */
static void kill_orphaned_processes(struct engine *g)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char **marks = arena_new(&a, const char *, g->execution_count + 1);
	size_t count = 0;

	for (size_t r = 0; r < g->execution_count; r++)
		if (execution_is_active(g->executions[r]))
			marks[count++] = step_command_mark(&a, g->executions[r]->stored.uuid);
	if (!orphans_kill(marks, count, ORPHANS_TIMEOUT_MS))
		log_error(g->options.log, "a process that a step left behind was killed, but does not end");
}

static struct active_attempt *first_attempt_up_to(const struct engine *g, uint64_t last)
{
	for (size_t i = 0; i < g->state.active_count; i++)
		if (g->state.active[i]->id <= last)
			return g->state.active[i];
	return NULL;
}

/* The runner was killed, and all attempts that it had with it: those with an id up to the last one now. */
static void restart_runner(struct engine *g)
{
	uint64_t last = g->state.last_attempt_id;
	struct active_attempt *at;
	struct err err;

	log_error(g->options.log, "the process that runs steps was killed, and the steps with it");
	runner_client_stop(g->state.runner, 0);
	g->state.runner = NULL;
	while (!runner_client_start(g->lock_fd, &g->state.runner, &err)) {
		log_error(g->options.log, "cannot start the process that runs steps: %s", err.msg);
		g->state.stopping = engine_state_wait(&g->state, 1000);
		if (g->state.stopping)
			return;
	}
	kill_orphaned_processes(g);
	while (!g->state.stopping && (at = first_attempt_up_to(g, last)))
		engine_attempt_ended(g, at, NULL, true);
}

static void reap_attempts(struct engine *g)
{
	struct runner_event e;

	while (!g->state.stopping && g->state.runner && runner_client_next(g->state.runner, &e)) {
		struct active_attempt *at = e.kind == RUNNER_GONE ? NULL : engine_state_find_attempt(&g->state, e.id);
		if (e.kind == RUNNER_GONE) {
			restart_runner(g);
			return;
		}
		if (at)
			engine_attempt_ended(g, at, e.kind == RUNNER_ATTEMPT_NOT_BEGUN ? e.message : NULL, false);
	}
}

/* ---- timers ---- */

static int64_t engine_earlier_time(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Not in each round of the loop, as each call may be a commit.  If the clock was set back, it is called at once. */
static void ingest_logs(struct engine *g, int64_t now)
{
	if (now < g->next_log_ingest && g->next_log_ingest - now <= LOG_INGEST_MS)
		return;
	execution_ingest_logs(&g->state);
	g->next_log_ingest = now + LOG_INGEST_MS;
}

/* If the clock was set back, the times that were computed before are too far in the future. */
static void check_clock(struct engine *g, int64_t now)
{
	bool set_back = g->last_now - now > POLL_MAX_MS;

	g->last_now = now;
	if (!set_back)
		return;
	g->next_notification = 0;
	if (!g->options.crons)
		return;
	cron_scheduler_set_times(&g->state);
	g->next_cron = 0;
}

static bool commit_deletion(struct engine_state *es, void *what, struct err *err)
{
	return execution_store_drop_old(es->store, *(int64_t *)what, CLEANUP_SIZE, err);
}

/* Deletes executions that are older than the store keeps them, only a few at a time: their logs may be large, and
 * no other process can write meanwhile.  Requests do not see old ones that are not deleted yet. */
static void delete_old_executions(struct engine *g, int64_t now)
{
	int64_t before = now - EXECUTIONS_KEPT_DAYS * DAY_MS;

	if (g->next_cleanup > now)
		return;
	engine_state_commit_with_retry(&g->state, commit_deletion, &before);
	g->next_cleanup = now + CLEANUP_INTERVAL_MS;
}

static void fire_crons(struct engine *g, int64_t now)
{
	if (!g->options.crons || !(g->store_changed || (g->next_cron >= 0 && g->next_cron <= now)))
		return;
	if (cron_scheduler_run(&g->state, &g->next_cron))
		load_executions_after_last(g);
}

static void run_timers(struct engine *g)
{
	int64_t now = clock_now();

	check_clock(g, now);
	for (size_t i = 0; i < g->execution_count && !g->state.stopping; i++)
		if (g->executions[i]->wake_at >= 0 && g->executions[i]->wake_at <= now)
			tick_execution(g, g->executions[i]);
	fire_crons(g, now);
	delete_old_executions(g, now);
	ingest_logs(g, now);
}

/* Last in the loop, after everything that may have written one. */
static void send_notifications(struct engine *g)
{
	if (g->state.new_notifications)
		g->next_notification = 0;
	g->state.new_notifications = false;
	if (g->next_notification >= 0 && g->next_notification <= clock_now() && !g->state.stopping)
		notification_queue_send_due(&g->state, &g->next_notification);
}

static int poll_timeout_ms(const struct engine *g)
{
	int64_t now = clock_now(), wake = engine_earlier_time(g->next_cron, g->next_notification);

	for (size_t i = 0; i < g->execution_count; i++)
		wake = engine_earlier_time(wake, g->executions[i]->wake_at);
	if (g->state.active_steps)
		wake = engine_earlier_time(wake, engine_earlier_time(g->next_log_ingest, now + LOG_INGEST_MS));
	if (g->store_changed)
		wake = engine_earlier_time(wake, now + LOAD_RETRY_MS);
	if (wake < 0)
		return g->options.crons ? POLL_IDLE_MS : -1;
	return wake <= now ? 0 : wake - now < POLL_MAX_MS ? (int)(wake - now) : POLL_MAX_MS;
}

/* ---- the loop ---- */

static void publish_progress(struct engine *g, bool decided)
{
	pthread_mutex_lock(&g->lock);
	g->has_lock = g->lock_fd >= 0;
	g->idle = g->execution_count == 0 && g->state.active_count == 0 && !g->store_changed;
	g->decided = g->decided || decided;
	g->rounds++;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static bool is_stop_all_requested(struct engine *g)
{
	pthread_mutex_lock(&g->lock);
	bool asked = g->stop_all_requested;
	pthread_mutex_unlock(&g->lock);
	return asked;
}

static void wait_for_events(struct engine *g)
{
	struct pollfd fds[] = {
		{ .fd = g->stop_fd, .events = POLLIN }, { .fd = g->wake_fd, .events = POLLIN },
		{ .fd = runner_client_fd(g->state.runner), .events = POLLIN },
	};

	if (memory_trim_poll(&g->trim, fds, ARRAY_LEN(fds), poll_timeout_ms(g)) < 0)
		return;
	if (fds[0].revents)
		g->state.stopping = true;
	if (fds[1].revents) {
		wakeup_take(g->wake_fd);
		g->store_changed = true;
	}
}

static void load_new_executions(struct engine *g)
{
	if (g->store_changed)
		g->load_failed = !load_executions_after_last(g) || !load_stop_requests(g);
	if (is_stop_all_requested(g))
		for (size_t i = 0; i < g->execution_count; i++)
			stop_execution(g, g->executions[i], "local");
}

static void engine_loop(struct engine *g)
{
	while (!g->state.stopping) {
		reap_attempts(g);
		load_new_executions(g);
		run_timers(g);
		assign_slots(g);
		drop_finished_executions(g);
		send_notifications(g);
		g->store_changed = g->load_failed;
		g->load_failed = false;
		publish_progress(g, true);
		if (!g->state.stopping)		/* if so, there may be no runner */
			wait_for_events(g);
	}
}

/* ---- beginning: taking over from the last engine ---- */

static bool is_directory_of_open_execution(const struct engine *g, const char *name)
{
	for (size_t r = 0; r < g->execution_count; r++) {
		if (execution_secrets_is_directory(g->executions[r], name))
			return true;
		for (size_t i = 0; i < g->executions[r]->dag->count; i++) {
			CLEANUP(arena_free) struct arena a = { 0 };
			const char *folder = execution_attempt_directory(&a, &g->state, g->executions[r], i);
			if (folder && strcmp(strrchr(folder, '/') + 1, name) == 0)
				return true;
		}
	}
	return false;
}

/* Directories of attempts whose end is saved: the last engine did not come to remove them. */
static void remove_finished_directories(struct engine *g)
{
	DIR *dir = opendir(g->state.directory);

	for (struct dirent *e; dir && (e = readdir(dir)); ) {
		CLEANUP(arena_free) struct arena a = { 0 };
		if (e->d_name[0] != '.' && !is_directory_of_open_execution(g, e->d_name))
			engine_state_remove_directory(&g->state,
			                              arena_printf(&a, "%s/%s", g->state.directory, e->d_name));
	}
	if (dir)
		closedir(dir);
}

static bool load_open_executions(struct engine *g, struct err *err)
{
	size_t count = LOAD_PAGE_SIZE;

	while (count == LOAD_PAGE_SIZE) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct stored_execution *rows;
		if (!execution_store_list_new(g->state.store, &a, g->last_execution, LOAD_PAGE_SIZE, &rows, &count,
		                              err))
			return false;
		for (size_t i = 0; i < count; i++)
			add_execution(g, &rows[i]);
	}
	return true;
}

static void recover_executions(struct engine *g)
{
	kill_orphaned_processes(g);
	if (g->state.cgroups)
		cgroup_sweep(g->state.cgroups);
	notification_queue_recover(&g->state);
	remove_finished_directories(g);
	for (size_t i = 0; i < g->execution_count && !g->state.stopping; i++) {
		if (g->executions[i]->stored.taken)
			execution_recover(&g->state, g->executions[i]);
		stop_or_tick_execution(g, g->executions[i]);
	}
	g->store_changed = true;	/* stop requests that were made meanwhile */
}

/* The machine may not allow it: that is logged once. */
static void open_cgroups(struct engine *g)
{
	struct err err;

	if (!g->options.cgroup || g->state.cgroups)
		return;
	if (!cgroup_open(g->options.cgroup, &g->state.cgroups, &err))
		(g->options.brief ? log_debug : log_warn)(g->options.log, "steps run without CPU and memory limits: %s",
		                                          err.msg);
}

/* ERR_CONFLICT: another engine has the lock. */
static bool engine_take_lock(struct engine *g, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return file_lock_take(arena_printf(&a, "%s.lock", g->options.database), false, &g->lock_fd, err);
}

static bool engine_begin(struct engine *g, struct err *err)
{
	g->last_execution = 0;
	g->lock_attempts = 0;
	g->next_notification = g->next_cleanup = 0;
	g->next_cron = g->options.crons ? 0 : -1;
	open_cgroups(g);
	if (!directory_make(g->state.directory, err) || !runner_client_start(g->lock_fd, &g->state.runner, err) ||
	    !load_open_executions(g, err))
		return false;
	recover_executions(g);
	if (g->options.crons)
		cron_scheduler_set_times(&g->state);
	return true;
}

static void engine_end(struct engine *g)
{
	runner_client_stop(g->state.runner, ATTEMPT_GRACE_MS);
	g->state.runner = NULL;
	while (g->state.active_count)
		engine_state_free_attempt(&g->state, g->state.active[0]);
	for (size_t i = 0; i < g->execution_count; i++)
		execution_free(g->executions[i]);
	g->execution_count = 0;
	fd_close(&g->lock_fd);
}

/* A killed service may keep the lock for some seconds, until its processes have ended: that is not logged. */
static void log_standby(struct engine *g)
{
	enum { LOG_AT = 10 * 1000 / LOCK_RETRY_MS };

	if (++g->lock_attempts == LOG_AT && !g->options.brief)
		log_info(g->options.log, "another process is executing workflows of \"%s\"; standing by (API only)",
		         g->options.database);
}

/* Executes until the engine ends, if it can get the lock and begin.  Returns how many milliseconds to wait before the
 * next call. */
static int engine_try_to_execute(struct engine *g)
{
	struct err err;
	bool locked = engine_take_lock(g, &err);

	if (locked && engine_begin(g, &err)) {
		engine_loop(g);
	} else if (!locked && err.kind == ERR_CONFLICT) {
		log_standby(g);
		return LOCK_RETRY_MS;
	} else {
		log_error(g->options.log, "cannot execute workflows: %s", err.msg);
	}
	if (locked)
		engine_end(g);
	return BEGIN_RETRY_MS;
}

static void *engine_thread(void *context)
{
	struct engine *g = context;

	while (!g->state.stopping) {
		int wait = engine_try_to_execute(g);
		publish_progress(g, true);
		g->state.stopping = g->state.stopping || engine_state_wait(&g->state, wait);
	}
	return NULL;
}

/* ---- called by other threads ---- */

static void engine_free(struct engine *g)
{
	cgroup_close(g->state.cgroups);
	workflow_store_close(g->state.store);
	fd_close(&g->stop_fd);
	fd_close(&g->wake_fd);
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
	arena_free(&g->state.arena);
	arena_free(&g->arena);
	free(g);
}

static bool engine_open(struct engine *g, struct err *err)
{
	g->state.directory = arena_printf(&g->arena, "%s.runs", g->options.database);
	g->stop_fd = g->state.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->stop_fd < 0)
		return err_sys(err, errno, "make a descriptor");
	return wakeup_open(g->options.database, &g->wake_fd, err) &&
	       workflow_store_open(g->options.database, STORE_TIMEOUT_MS, &g->state.store, err);
}

/* The thread blocks all signals: the thread that called us handles them. */
static bool start_thread(struct engine *g, struct err *err)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int code = pthread_create(&g->thread, NULL, engine_thread, g);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code == 0 || err_sys(err, code, "start a thread");
}

bool engine_start(const struct engine_options *options, struct engine **out, struct err *err)
{
	struct engine *g = calloc(1, sizeof *g);

	if (!g)
		abort();
	g->options = *options;
	g->state.options = &g->options;
	g->stop_fd = g->wake_fd = g->lock_fd = -1;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	if (!engine_open(g, err) || !start_thread(g, err)) {
		engine_free(g);
		return false;
	}
	*out = g;
	return true;
}

bool engine_has_lock(struct engine *g)
{
	pthread_mutex_lock(&g->lock);
	while (!g->decided)
		pthread_cond_wait(&g->changed, &g->lock);
	bool has_lock = g->has_lock;
	pthread_mutex_unlock(&g->lock);
	return has_lock;
}

static void request_stop_all(struct engine *g)
{
	pthread_mutex_lock(&g->lock);
	g->stop_all_requested = true;
	pthread_mutex_unlock(&g->lock);
	wakeup_send(g->wake_fd);
}

/* After two rounds of the loop, everything that was in the store before `since` has been loaded. */
static bool engine_is_drained(struct engine *g, unsigned since)
{
	pthread_mutex_lock(&g->lock);
	bool done = g->decided && (!g->has_lock || (g->idle && g->rounds - since >= 2));
	pthread_mutex_unlock(&g->lock);
	return done;
}

static unsigned engine_rounds(struct engine *g)
{
	pthread_mutex_lock(&g->lock);
	unsigned now = g->rounds;
	pthread_mutex_unlock(&g->lock);
	return now;
}

void engine_drain(struct engine *g, int stop_fd)
{
	enum { CHECK_MS = 20 };
	struct pollfd fd = { .fd = stop_fd, .events = POLLIN };

	for (unsigned since = engine_rounds(g); !engine_is_drained(g, since); ) {
		wakeup_send(g->wake_fd);
		if (poll(&fd, 1, CHECK_MS) <= 0 || fd.fd < 0)
			continue;
		request_stop_all(g);
		fd.fd = -1;
	}
}

void engine_stop(struct engine *g)
{
	if (!g)
		return;
	eventfd_write(g->stop_fd, 1);
	pthread_join(g->thread, NULL);
	engine_free(g);
}
