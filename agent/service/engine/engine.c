#include "agent/service/engine/engine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/service/engine/cron_scheduler.h"
#include "agent/util/fd.h"
#include "agent/util/directory.h"
#include "agent/service/engine/execution.h"
#include "agent/util/clock.h"
#include "agent/service/exec/orphans.h"
#include "agent/service/engine/notification_queue.h"
#include "agent/service/engine/wakeup.h"

enum {
	STORE_PATIENCE_MS = 5000,
	LOCK_MS = 200,			/* between tries of a lock that another engine holds */
	AGAIN_MS = 5000,		/* and where it cannot begin */
	LOG_MS = 250,			/* between looks at what running steps have printed */
	LONGEST_MS = 60 * 1000,		/* a clock that was set is noticed after so long, */
	IDLE_MS = 3600 * 1000,		/* where nothing is due at all after so long */
	READ_MS = 1000,			/* until what could not be read is looked at again */
	PAGE = 100,			/* runs that are taken at a time */
	STRAYS_MS = 10 * 1000,		/* what was killed so long ago and lives is not waited for any more */
};

static const int64_t CLEAN_MS = 60 * 1000, DAY_MS = 24 * 3600 * 1000;

struct engine {
	struct engine_options options;
	struct engine_state world;
	struct arena arena;
	int stop_fd, wake_fd, lock_fd;	/* lock_fd -1: it is another engine's */
	pthread_t thread;

	/* The thread's own. */
	struct execution **runs;
	size_t run_count, run_room;
	int64_t last_run;		/* the newest that was taken */
	int64_t next_due, next_tell, next_clean, next_logs;
	bool look;			/* something was written into the store */
	bool again;			/* and could not be read */
	size_t turn;			/* whose it is first among the runs that wait for a place */
	int64_t last_now;
	unsigned waits;			/* for the lock */

	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t changed;
	bool ours, idle, decided, stop_all;
	unsigned rounds;		/* of the loop */
};

/* ---- places ---- */

static size_t free_places(const struct engine *g)
{
	size_t jobs = runner_client_is_alive(g->world.runner) ? (size_t)g->options.jobs : 0;

	return g->world.active_steps < jobs ? jobs - g->world.active_steps : 0;
}

static size_t count_waiting(const struct engine *g)
{
	size_t count = 0;

	for (size_t i = 0; i < g->run_count; i++)
		count += g->runs[i]->waiting;
	return count;
}

/* None as long as others wait: serve_waiting() shares them out. */
static size_t places_for(const struct engine *g, const struct execution *l)
{
	return count_waiting(g) == l->waiting ? free_places(g) : 0;
}

static void tick(struct engine *g, struct execution *l)
{
	execution_handle_event(&g->world, l, &(struct dag_event){ .kind = DAG_TICK }, places_for(g, l));
}

/* A run with many steps keeps no other from all places: each gets its share, in turn. */
static void serve_waiting(struct engine *g)
{
	size_t waiting = count_waiting(g), places;

	for (size_t i = 0; i < g->run_count && (places = free_places(g)) && !g->world.stopping; i++) {
		struct execution *l = g->runs[(g->turn + i) % g->run_count];
		if (!l->waiting)
			continue;
		execution_handle_event(&g->world, l, &(struct dag_event){ .kind = DAG_TICK },
		          places > waiting ? places / waiting : 1);
		waiting--;
	}
	g->turn++;
}

/* ---- the runs ---- */

static void stop_run(struct engine *g, struct execution *l, const char *by)
{
	if (l->flow->status == DAG_RUNNING)
		execution_handle_event(&g->world, l, &(struct dag_event){ .kind = DAG_STOP, .by = by }, 0);
}

/* A stop that was accepted comes before whatever could begin. */
static void set_going(struct engine *g, struct execution *l)
{
	if (l->run.stop_asked)
		stop_run(g, l, l->run.stop_asked);
	tick(g, l);
}

static struct execution *add_run(struct engine *g, const struct stored_execution *row)
{
	struct execution *l = execution_load(&g->world, row);

	g->last_run = row->id;
	if (!l)
		return NULL;
	arena_grow(&g->arena, g->runs, g->run_count, g->run_room);
	return g->runs[g->run_count++] = l;
}

static void drop_over(struct engine *g)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->run_count; i++) {
		if (g->runs[i]->over)
			execution_free(g->runs[i]);
		else
			g->runs[kept++] = g->runs[i];
	}
	g->run_count = kept;
}

/* False: it could not be read what there is. */
static bool take_new(struct engine *g)
{
	size_t count = PAGE;

	while (count == PAGE && !g->world.stopping) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct stored_execution *rows;
		struct err err;
		if (!execution_store_list_new(g->world.store, &a, g->last_run, PAGE, &rows, &count, &err)) {
			log_error(g->options.log, "runs: %s", err.msg);
			return false;
		}
		for (size_t i = 0; i < count; i++) {
			struct execution *l = add_run(g, &rows[i]);
			if (!l)
				continue;
			if (!g->options.brief)
				log_info(g->options.log, "workflow \"%s\": run %s begins (%s)", l->workflow, l->run.uuid,
				         l->run.cause);
			set_going(g, l);
		}
	}
	return true;
}

static bool take_stops(struct engine *g)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stored_execution *rows;
	size_t count;
	struct err err;

	if (!execution_store_stop_requests(g->world.store, &a, &rows, &count, &err)) {
		log_error(g->options.log, "runs: %s", err.msg);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		for (size_t r = 0; r < g->run_count; r++)
			if (g->runs[r]->run.id == rows[i].id)
				stop_run(g, g->runs[r], rows[i].stop_asked);
	return true;
}

static void ended(struct engine *g, struct active_attempt *at, const char *why, bool gone)
{
	if (at->live)
		execution_attempt_ended(&g->world, at, why, gone, places_for(g, at->live));
	else
		notification_queue_attempt_ended(&g->world, at, why);
	g->next_tell = 0;
}

/* ---- the runner ---- */

/* Of runs that have steps under way, when neither a runner nor a keeper lives: a keeper that was killed
 * together with the runner has ended nothing. */
static void end_strays(struct engine *g)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char **marks = arena_new(&a, const char *, g->run_count + 1);
	size_t count = 0;

	for (size_t r = 0; r < g->run_count; r++)
		if (execution_is_active(g->runs[r]))
			marks[count++] = step_command_mark(&a, g->runs[r]->run.uuid);
	if (!orphans_kill(marks, count, STRAYS_MS))
		log_error(g->options.log, "something that a step left was killed, and does not end");
}

static struct active_attempt *first_until(const struct engine *g, uint64_t last)
{
	for (size_t i = 0; i < g->world.active_count; i++)
		if (g->world.active[i]->id <= last)
			return g->world.active[i];
	return NULL;
}

/* It was killed: so were all that it had, which are those up to now. */
static void start_again(struct engine *g)
{
	uint64_t last = g->world.last_id;
	struct active_attempt *at;
	struct err err;

	log_error(g->options.log, "the process that runs steps was killed, and they with it");
	runner_client_stop(g->world.runner, 0);
	g->world.runner = NULL;
	while (!runner_client_start(g->lock_fd, &g->world.runner, &err)) {
		log_error(g->options.log, "steps cannot be run: %s", err.msg);
		g->world.stopping = engine_state_pause(&g->world, 1000);
		if (g->world.stopping)
			return;
	}
	end_strays(g);
	while (!g->world.stopping && (at = first_until(g, last)))
		ended(g, at, NULL, true);
}

static void take_runner(struct engine *g)
{
	struct runner_event e;

	while (!g->world.stopping && g->world.runner && runner_client_next(g->world.runner, &e)) {
		struct active_attempt *at = e.kind == RUNNER_GONE ? NULL : engine_state_find(&g->world, e.id);
		if (e.kind == RUNNER_GONE) {
			start_again(g);
			return;
		}
		if (at)
			ended(g, at, e.kind == RUNNER_ATTEMPT_NOT_BEGUN ? e.message : NULL, false);
	}
}

/* ---- time ---- */

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Not at every turn: what steps print is a commit each time.  A clock that was set back keeps nobody. */
static void take_logs(struct engine *g, int64_t now)
{
	if (now < g->next_logs && g->next_logs - now <= LOG_MS)
		return;
	execution_ingest_logs(&g->world);
	g->next_logs = now + LOG_MS;
}

/* What is due then was reckoned for a time that will not come for long. */
static void mind_the_clock(struct engine *g, int64_t now)
{
	bool set_back = g->last_now - now > LONGEST_MS;

	g->last_now = now;
	if (!set_back)
		return;
	g->next_tell = 0;
	if (!g->options.crons)
		return;
	cron_scheduler_init(&g->world);
	g->next_due = 0;
}

static void take_time(struct engine *g)
{
	int64_t now = clock_now();

	mind_the_clock(g, now);
	for (size_t i = 0; i < g->run_count && !g->world.stopping; i++)
		if (g->runs[i]->wake >= 0 && g->runs[i]->wake <= now)
			tick(g, g->runs[i]);
	if (g->options.crons && (g->look || (g->next_due >= 0 && g->next_due <= now)) &&
	    cron_scheduler_start_due(&g->world, &g->next_due))
		take_new(g);
	if (g->next_clean <= now) {
		cron_scheduler_forget_old_executions(&g->world, now - EXECUTIONS_KEPT_DAYS * DAY_MS);
		g->next_clean = now + CLEAN_MS;
	}
	take_logs(g, now);
}

/* After all that may have written some. */
static void take_tells(struct engine *g)
{
	if (g->world.new_tells)
		g->next_tell = 0;
	g->world.new_tells = false;
	if (g->next_tell >= 0 && g->next_tell <= clock_now() && !g->world.stopping)
		notification_queue_send_due(&g->world, &g->next_tell);
}

static int wait_ms(const struct engine *g)
{
	int64_t now = clock_now(), wake = sooner(g->next_due, g->next_tell);

	for (size_t i = 0; i < g->run_count; i++)
		wake = sooner(wake, g->runs[i]->wake);
	if (g->world.active_steps)
		wake = sooner(wake, sooner(g->next_logs, now + LOG_MS));
	if (g->look)
		wake = sooner(wake, now + READ_MS);
	if (wake < 0)
		return g->options.crons ? IDLE_MS : -1;
	return wake <= now ? 0 : wake - now < LONGEST_MS ? (int)(wake - now) : LONGEST_MS;
}

/* ---- the thread ---- */

static void publish(struct engine *g, bool decided)
{
	pthread_mutex_lock(&g->lock);
	g->ours = g->lock_fd >= 0;
	g->idle = g->run_count == 0 && g->world.active_count == 0 && !g->look;
	g->decided = g->decided || decided;
	g->rounds++;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static bool asked_to_stop_all(struct engine *g)
{
	pthread_mutex_lock(&g->lock);
	bool asked = g->stop_all;
	pthread_mutex_unlock(&g->lock);
	return asked;
}

static void wait_for_something(struct engine *g)
{
	struct pollfd fds[] = {
		{ .fd = g->stop_fd, .events = POLLIN }, { .fd = g->wake_fd, .events = POLLIN },
		{ .fd = runner_client_fd(g->world.runner), .events = POLLIN },
	};

	if (poll(fds, ARRAY_LEN(fds), wait_ms(g)) < 0)
		return;
	if (fds[0].revents)
		g->world.stopping = true;
	if (fds[1].revents) {
		wakeup_take(g->wake_fd);
		g->look = true;
	}
}

static void look(struct engine *g)
{
	if (g->look)
		g->again = !take_new(g) || !take_stops(g);
	if (asked_to_stop_all(g))
		for (size_t i = 0; i < g->run_count; i++)
			stop_run(g, g->runs[i], "local");
}

static void loop(struct engine *g)
{
	while (!g->world.stopping) {
		take_runner(g);
		look(g);
		take_time(g);
		serve_waiting(g);
		drop_over(g);
		take_tells(g);
		g->look = g->again;
		g->again = false;
		publish(g, true);
		if (!g->world.stopping)		/* else there may be no runner */
			wait_for_something(g);
	}
}

/* ---- taking over from the last engine ---- */

static bool is_needed(const struct engine *g, const char *name)
{
	for (size_t r = 0; r < g->run_count; r++)
		for (size_t i = 0; i < g->runs[r]->flow->count; i++) {
			CLEANUP(arena_free) struct arena a = { 0 };
			const char *folder = execution_attempt_directory(&a, &g->world, g->runs[r], i);
			if (folder && strcmp(strrchr(folder, '/') + 1, name) == 0)
				return true;
		}
	return false;
}

/* Folders of attempts whose end was written down. */
static void sweep(struct engine *g)
{
	DIR *dir = opendir(g->world.folder);

	for (struct dirent *e; dir && (e = readdir(dir)); ) {
		CLEANUP(arena_free) struct arena a = { 0 };
		if (e->d_name[0] != '.' && !is_needed(g, e->d_name))
			engine_state_remove(&g->world, arena_printf(&a, "%s/%s", g->world.folder, e->d_name));
	}
	if (dir)
		closedir(dir);
}

static bool load_all(struct engine *g, struct err *err)
{
	size_t count = PAGE;

	while (count == PAGE) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct stored_execution *rows;
		if (!execution_store_list_new(g->world.store, &a, g->last_run, PAGE, &rows, &count, err))
			return false;
		for (size_t i = 0; i < count; i++)
			add_run(g, &rows[i]);
	}
	return true;
}

static void recover(struct engine *g)
{
	end_strays(g);
	if (g->world.cgroups)
		cgroup_sweep(g->world.cgroups);
	notification_queue_recover(&g->world);
	sweep(g);
	for (size_t i = 0; i < g->run_count && !g->world.stopping; i++) {
		if (g->runs[i]->run.taken)
			execution_recover(&g->world, g->runs[i]);
		set_going(g, g->runs[i]);
	}
	g->look = true;		/* what was asked for meanwhile */
}

/* Where the machine lets us not, that is told once. */
static void open_cgroups(struct engine *g)
{
	struct err err;

	if (!g->options.cgroup || g->world.cgroups)
		return;
	if (!cgroup_open(g->options.cgroup, &g->world.cgroups, &err))
		(g->options.brief ? log_debug : log_warn)(g->options.log, "steps run without limits of processor and "
		                                          "memory: %s", err.msg);
}

/* False without a message: another engine has it. */
static bool take_lock(struct engine *g, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *path = arena_printf(&a, "%s.lock", g->options.database);
	CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	*err = (struct err){ 0 };
	if (fd < 0)
		return err_sys(err, errno, "open \"%s\"", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno != EWOULDBLOCK && err_sys(err, errno, "lock \"%s\"", path);
	g->lock_fd = fd;
	fd = -1;
	return true;
}

static bool begin(struct engine *g, struct err *err)
{
	g->last_run = 0;
	g->waits = 0;
	g->next_tell = g->next_clean = 0;
	g->next_due = g->options.crons ? 0 : -1;
	open_cgroups(g);
	if (!directory_make(g->world.folder, err) || !runner_client_start(g->lock_fd, &g->world.runner, err) ||
	    !load_all(g, err))
		return false;
	recover(g);
	if (g->options.crons)
		cron_scheduler_init(&g->world);
	return true;
}

static void end(struct engine *g)
{
	runner_client_stop(g->world.runner, ATTEMPT_GRACE_MS);
	g->world.runner = NULL;
	while (g->world.active_count)
		engine_state_forget(&g->world, g->world.active[0]);
	for (size_t i = 0; i < g->run_count; i++)
		execution_free(g->runs[i]);
	g->run_count = 0;
	fd_close(&g->lock_fd);
}

/* What a killed service leaves holds the lock for some seconds: that is not told. */
static int wait_for_turn(struct engine *g)
{
	enum { TOLD_AT = 10 * 1000 / LOCK_MS };

	if (++g->waits == TOLD_AT && !g->options.brief)
		log_info(g->options.log, "another flowsync runs the workflows of \"%s\": this one answers only, and takes "
		         "over when that ends", g->options.database);
	return LOCK_MS;
}

/* One turn at the file, if it is ours to take; gives how long to wait before the next. */
static int take_turn(struct engine *g)
{
	struct err err;
	bool locked = take_lock(g, &err);

	if (locked && begin(g, &err))
		loop(g);
	else if (*err.msg)
		log_error(g->options.log, "workflows cannot be run: %s", err.msg);
	else
		return wait_for_turn(g);
	if (locked)
		end(g);
	return AGAIN_MS;
}

static void *run(void *context)
{
	struct engine *g = context;

	while (!g->world.stopping) {
		int wait = take_turn(g);
		publish(g, true);
		g->world.stopping = g->world.stopping || engine_state_pause(&g->world, wait);
	}
	return NULL;
}

/* ---- from outside ---- */

static void engine_free(struct engine *g)
{
	cgroup_close(g->world.cgroups);
	workflow_store_close(g->world.store);
	fd_close(&g->stop_fd);
	fd_close(&g->wake_fd);
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
	arena_free(&g->world.arena);
	arena_free(&g->arena);
	free(g);
}

static bool open_all(struct engine *g, struct err *err)
{
	g->world.folder = arena_printf(&g->arena, "%s.runs", g->options.database);
	g->stop_fd = g->world.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->stop_fd < 0)
		return err_sys(err, errno, "make a descriptor");
	return wakeup_open(g->options.database, &g->wake_fd, err) &&
	       workflow_store_open(g->options.database, STORE_PATIENCE_MS, &g->world.store, err);
}

/* Signals are for the thread that waits for them. */
static bool start_thread(struct engine *g, struct err *err)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int code = pthread_create(&g->thread, NULL, run, g);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code == 0 || err_sys(err, code, "start a thread");
}

bool engine_start(const struct engine_options *options, struct engine **out, struct err *err)
{
	struct engine *g = calloc(1, sizeof *g);

	if (!g)
		abort();
	g->options = *options;
	g->world.options = &g->options;
	g->stop_fd = g->wake_fd = g->lock_fd = -1;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	if (!open_all(g, err) || !start_thread(g, err)) {
		engine_free(g);
		return false;
	}
	*out = g;
	return true;
}

bool engine_is_ours(struct engine *g)
{
	pthread_mutex_lock(&g->lock);
	while (!g->decided)
		pthread_cond_wait(&g->changed, &g->lock);
	bool ours = g->ours;
	pthread_mutex_unlock(&g->lock);
	return ours;
}

static void stop_all(struct engine *g)
{
	pthread_mutex_lock(&g->lock);
	g->stop_all = true;
	pthread_mutex_unlock(&g->lock);
	wakeup_send(g->wake_fd);
}

/* What was written before `since` has been seen two rounds later. */
static bool is_done(struct engine *g, unsigned since)
{
	pthread_mutex_lock(&g->lock);
	bool done = g->decided && (!g->ours || (g->idle && g->rounds - since >= 2));
	pthread_mutex_unlock(&g->lock);
	return done;
}

static unsigned rounds(struct engine *g)
{
	pthread_mutex_lock(&g->lock);
	unsigned now = g->rounds;
	pthread_mutex_unlock(&g->lock);
	return now;
}

void engine_drain(struct engine *g, int stop_fd)
{
	enum { LOOK_MS = 20 };
	struct pollfd fd = { .fd = stop_fd, .events = POLLIN };

	for (unsigned since = rounds(g); !is_done(g, since); ) {
		wakeup_send(g->wake_fd);
		if (poll(&fd, 1, LOOK_MS) <= 0 || fd.fd < 0)
			continue;
		stop_all(g);
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
