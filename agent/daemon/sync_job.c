#include "agent/daemon/sync_job.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/util/diagnostics_text.h"
#include "agent/util/subprocess.h"
#include "agent/config/config_file.h"
#include "agent/util/fd.h"
#include "agent/git/git_fetch.h"
#include "agent/config/cycle_job.h"
#include "agent/source/source.h"
#include "agent/util/clock.h"
#include "agent/source/dir_watch.h"
#include "agent/state/report_store.h"
#include "agent/sync/cycle_summary.h"
#include "reconcile/tree/json.h"
#include "reconcile/sched/sync_scheduler.h"

enum { GRACE_MS = 60 * 1000 };	/* a cycle gets this beyond its timeout, to write its report */

struct sync_job {
	struct sync_job_shared *shared;
	struct arena arena;		/* of the settings */
	struct settings settings;
	struct log log;			/* the agent's log with the name of this sync */
	const char *config_path, *config_text;	/* NULL: no configuration file */
	struct sync_scheduler sched;
	struct dir_watch *watch;		/* of a directory */
	bool degraded;			/* it was logged that the watch only scans */
	bool git;
	struct subprocess fetch, cycle;
	int64_t fetch_began, fetch_ends, cycle_ends;	/* of clock_monotonic(); ends: when it is killed */
	struct arena found_arena;
	struct git_revision found;	/* by the last successful fetch; commit "" before the first */
	struct texts warnings;		/* of that fetch */
	struct err source_err;		/* of the last fetch that failed */
	bool late;			/* the last fetch exceeded its time limit */
	struct arena logged_arena;
	struct texts logged;		/* warnings of the last whole cycle */
	struct arena summary_arena;
	const struct node *summary;	/* of the last cycle (cycle_summary.h); NULL before the first */
	/* Exit code and outcome ("" without a report) of the last whole cycle; of a later one for deferred workflows
	 * only if the whole cycle had no other errors. */
	int code;
	char outcome[16];
	bool only_deferred;		/* the last cycle, or the running one, is limited to deferred workflows */
	bool bad_beside;		/* the last whole cycle had errors other than deferred workflows */
	bool tried, stopping, over;
	bool changed;			/* since sync_job_status_changed() */
	int64_t wake;			/* of clock_boottime(); -1: none */
};

static void sync_job_handle_event(struct sync_job *s, const struct scheduler_event *event);

const char *sync_job_name(const struct sync_job *s)
{
	return s->settings.sync_name;
}

/* ---- fetches ---- */

static void sync_job_record_fetch_failure(struct sync_job *s, const struct err *err)
{
	/* Logged here once, not by every cycle that runs without the fetch: those have the error in their reports. */
	if (!s->stopping) {
		if (strcmp(s->source_err.msg, err->msg) != 0)
			log_warn(&s->log, "%s", err->msg);
		s->source_err = *err;
	}
	metrics_add_fetch(s->shared->metrics, sync_job_name(s), false, clock_monotonic() - s->fetch_began);
	sync_job_handle_event(s, &(struct scheduler_event){ .kind = SCHEDULER_FETCHED });
}

/* The context of a command about this sync alone. */
static struct context sync_job_context(struct sync_job *s, struct arena *a)
{
	struct context ctx = *s->shared->ctx;

	ctx.settings = &s->settings;
	ctx.arena = a;
	return ctx;
}

static void sync_job_start_fetch(struct sync_job *s)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct context ctx = sync_job_context(s, &a);
	struct git_fetch fetch;
	struct err err;

	s->fetch_began = clock_monotonic();
	if (!source_fetch(&ctx, &fetch, &err) || !git_fetch_start(&fetch, &s->fetch, &err)) {
		sync_job_record_fetch_failure(s, &err);
		return;
	}
	/* After a fetch that was too slow, allow the whole timeout: else a large repository would never be fetched. */
	s->fetch_ends = s->fetch_began + (s->late ? s->settings.timeout_ms
	                                          : git_fetch_limit(&fetch, s->settings.timeout_ms));
}

static void sync_job_save_revision(struct sync_job *s, const struct git_revision *found,
                                   const struct diagnostics *warnings)
{
	struct arena *a = &s->found_arena;

	arena_free(a);
	s->found = *found;
	s->found.name = arena_strdup(a, found->name);
	s->warnings = (struct texts){ 0 };
	for (size_t i = 0; i < warnings->count; i++) {
		arena_grow(a, s->warnings.items, s->warnings.count, s->warnings.room);
		s->warnings.items[s->warnings.count++] = arena_strdup(a, warnings->items[i].message);
	}
}

static void sync_job_read_fetch_result(struct sync_job *s)
{
	CLEANUP(subprocess_close) struct subprocess ended = s->fetch;
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics warnings = { .arena = &a };
	struct context ctx = sync_job_context(s, &a);
	struct git_revision found = { 0 };
	struct git_fetch fetch;
	struct err err;

	s->fetch = SUBPROCESS_INIT;
	if (!source_fetch(&ctx, &fetch, &err) ||
	    !git_fetch_result(&a, &fetch, &ended, &found, &warnings, &err)) {
		s->late = clock_monotonic() > s->fetch_ends;
		if (s->late)
			err_wrap(&err, "the fetch took too long");
		sync_job_record_fetch_failure(s, &err);
		return;
	}
	sync_job_save_revision(s, &found, &warnings);
	s->source_err = (struct err){ 0 };
	s->late = false;
	metrics_add_fetch(s->shared->metrics, sync_job_name(s), true, clock_monotonic() - s->fetch_began);
	sync_job_handle_event(s, &(struct scheduler_event){
		.kind = SCHEDULER_FETCHED, .ok = true, .tree = s->found.tree,
	});
}

/* ---- cycles ---- */

/* The names of the workflows to retry, in a; none stands for a whole cycle. */
static struct texts sync_job_deferred_names(const struct sync_job *s, struct arena *a)
{
	const struct node *list = s->summary ? node_get(s->summary, "busy_names") : NULL;
	struct texts names = { 0 };

	for (size_t i = 0; list && i < list->count; i++) {
		arena_grow(a, names.items, names.count, names.room);
		names.items[names.count++] = list->entries[i].value->text;
	}
	return names;
}

static void sync_job_record_cycle_end(struct sync_job *s, enum scheduler_outcome outcome, bool deferred)
{
	s->tried = true;
	sync_job_handle_event(s, &(struct scheduler_event){
		.kind = SCHEDULER_CYCLE_ENDED, .outcome = outcome, .deferred = deferred,
	});
}

/* A cycle without a report counts as failed. */
static void sync_job_record_missing_report(struct sync_job *s, const char *why)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *summary = node_map(&a);

	/* A cycle that is stopped before it has started leaves no report. */
	if (!s->stopping)
		log_error(&s->log, "%s", why);
	node_put(&a, summary, "exit_code", node_int(&a, 1));
	metrics_add_cycle(s->shared->metrics, sync_job_name(s), summary, clock_now() / 1000);
	s->summary = NULL;
	s->code = 1;
	s->outcome[0] = '\0';
	sync_job_record_cycle_end(s, SCHEDULER_FAILED, false);
}

static void sync_job_start_cycle(struct sync_job *s, const struct scheduler_action *action)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf input = BUF_TEXT;
	bool fetched = s->git && *s->found.commit;
	struct cycle_job job = {
		.config_path = s->config_path, .config_text = s->config_text,
		.sync = sync_job_name(s), .trigger = action->trigger,
		.endpoint = s->shared->endpoint, .token = s->shared->token,
		.commit = fetched ? s->found.commit : NULL, .tree = fetched ? s->found.tree : NULL,
		.ref = fetched ? s->found.name : NULL, .warnings = s->warnings, .logged = s->logged,
		.source_error = action->source_failed ? s->source_err.msg : NULL,
	};
	struct err err;

	if (action->start == SCHEDULER_START_DEFERRED)
		job.names = sync_job_deferred_names(s, &a);
	s->only_deferred = job.names.count > 0;
	cycle_job_write(&job, &input);
	s->cycle_ends = clock_monotonic() + s->settings.timeout_ms + GRACE_MS;
	if (!subprocess_start("agent-cycle", s->shared->options, buf_str(&input), input.len, s->shared->lock,
	                      &s->cycle, &err))
		sync_job_record_missing_report(s, err.msg);
}

/* Only a service that does not answer is asked less often (SCHEDULER_FAILED), not one that refuses single steps. */
static enum scheduler_outcome sync_job_cycle_outcome(int code, const struct node *summary)
{
	bool nothing_failed = node_get_int(node_get(summary, "summary"), "failed", 0) == 0;

	if (code == 0)
		return SCHEDULER_GOOD;
	return code == 1 && nothing_failed ? SCHEDULER_FAILED : SCHEDULER_BAD;
}

static const char *sync_job_short_revision(struct arena *a, const struct node *summary)
{
	const char *revision = node_get_text(node_get(summary, "source"), "revision");

	return revision ? arena_printf(a, " at %.10s", revision) : "";
}

/* One line; at debug level if nothing was changed and the result is the same as before. */
static void sync_job_log_cycle(struct sync_job *s, const struct node *summary, int code)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	static const char *const keys[] = {
		"create", "patch", "replace", "delete", "deferred", "failed", "blocked", "conflict",
	};
	const struct node *counts = node_get(summary, "summary");
	const char *outcome = node_get_text(summary, "outcome"), *trigger = node_get_text(summary, "trigger");
	bool quiet = s->tried && code == s->code && node_is_text(summary, "outcome", "converged");

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (node_get_int(counts, keys[i], 0) > 0)
			buf_addf(&text, "%s%d %s", text.len ? ", " : " (",
			         (int)node_get_int(counts, keys[i], 0), keys[i]);
	buf_adds(&text, text.len ? ")" : "");
	(quiet ? log_debug : log_info)(&s->log, "%s%s%s, trigger %s",
	                               outcome ? outcome : "", buf_str(&text), sync_job_short_revision(&a, summary),
	                               trigger ? trigger : "");
}

static const char *sync_job_exit_text(struct arena *a, int status)
{
	if (WIFSIGNALED(status))
		return arena_printf(a, "the cycle's process was killed by signal %d (%s)", WTERMSIG(status),
		                    strsignal(WTERMSIG(status)));
	return arena_printf(a, "the cycle's process exited with code %d without a report", WEXITSTATUS(status));
}

/* The success of deferred workflows does not change the result of the others. */
static void sync_job_update_outcome(struct sync_job *s, const struct node *summary, int code, int64_t waiting)
{
	const struct node *counts = node_get(summary, "summary");
	const char *outcome = node_get_text(summary, "outcome");

	if (s->only_deferred && s->bad_beside && code == 0)
		return;
	if (!s->only_deferred)
		s->bad_beside = code != 0 && (code != 4 || node_get_int(counts, "failed", 0) > 0 ||
		                              node_get_int(counts, "deferred", 0) > waiting);
	s->code = code;
	snprintf(s->outcome, sizeof s->outcome, "%s", outcome ? outcome : "");
}

/* A warning is logged once, and again only after a cycle without it.  A cycle that failed as a whole, or that was limited
 * to deferred workflows, does not say which warnings still hold. */
static void sync_job_save_warnings(struct sync_job *s, const struct node *summary)
{
	const struct node *warnings = node_get(summary, "warnings");
	struct arena *a = &s->logged_arena;

	if (s->only_deferred || node_is_text(summary, "outcome", "failed"))
		return;
	arena_free(a);
	s->logged = (struct texts){ 0 };
	for (size_t i = 0; warnings && i < warnings->count; i++) {
		arena_grow(a, s->logged.items, s->logged.count, s->logged.room);
		s->logged.items[s->logged.count++] = diagnostics_text_line(a, &(struct diagnostic){
			.message = node_get_text(warnings->entries[i].value, "message"), .warning = true,
			.at = {
				.file = node_get_text(warnings->entries[i].value, "file"),
				.line = (int)node_get_int(warnings->entries[i].value, "line", 0),
				.col = (int)node_get_int(warnings->entries[i].value, "column", 0),
			},
		});
	}
}

static void sync_job_read_cycle_result(struct sync_job *s)
{
	CLEANUP(subprocess_close) struct subprocess ended = s->cycle;
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *summary;
	struct err err;

	s->cycle = SUBPROCESS_INIT;
	if (clock_monotonic() > s->cycle_ends)
		log_error(&s->log, "the cycle was killed: it exceeded its timeout by a minute");
	if (!WIFEXITED(ended.status) || !json_read(&a, buf_str(&ended.said), ended.said.len, &summary, &err) ||
	    !node_get(summary, "summary")) {
		sync_job_record_missing_report(s, sync_job_exit_text(&a, ended.status));
		return;
	}
	int code = WEXITSTATUS(ended.status);
	int64_t waiting = node_get_int(summary, "busy", 0);
	sync_job_log_cycle(s, summary, code);
	metrics_add_cycle(s->shared->metrics, sync_job_name(s), summary, clock_now() / 1000);
	arena_free(&s->summary_arena);
	s->summary_arena = a;
	a = (struct arena){ 0 };
	s->summary = summary;
	sync_job_save_warnings(s, summary);
	sync_job_update_outcome(s, summary, code, waiting);
	sync_job_record_cycle_end(s, sync_job_cycle_outcome(code, summary), waiting > 0);
}

/* A child that runs longer than its own time limits hangs in a place that they do not cover. */
static void sync_job_kill_overdue(struct sync_job *s)
{
	if (s->cycle.pid && clock_monotonic() > s->cycle_ends)
		subprocess_signal(&s->cycle, SIGKILL);
	if (s->fetch.pid && clock_monotonic() > s->fetch_ends)
		subprocess_signal(&s->fetch, SIGKILL);
}

/* ---- events and actions ---- */

static void sync_job_apply_action(struct sync_job *s, const struct scheduler_action *action)
{
	s->wake = action->wake;
	s->over = action->over;
	if (action->hurry)
		subprocess_signal(&s->cycle, SIGUSR2);
	if (action->stop) {
		subprocess_signal(&s->cycle, SIGTERM);
		subprocess_signal(&s->fetch, SIGTERM);
	}
	if (action->start == SCHEDULER_START_FETCH)
		sync_job_start_fetch(s);
	else if (action->start != SCHEDULER_NOTHING)
		sync_job_start_cycle(s, action);
	if (action->scan && s->watch && dir_watch_scan(s->watch))
		sync_job_handle_event(s, &(struct scheduler_event){ .kind = SCHEDULER_SOURCE_CHANGED });
}

static void sync_job_handle_event(struct sync_job *s, const struct scheduler_event *event)
{
	struct scheduler_action action = sync_scheduler_step(&s->sched, event, clock_boottime());

	s->changed |= event->kind != SCHEDULER_TICK || action.start != SCHEDULER_NOTHING;
	sync_job_apply_action(s, &action);
}

void sync_job_request(struct sync_job *s, enum sync_job_request what)
{
	static const enum scheduler_event_kind kinds[] = {
		[SYNC_JOB_CYCLE] = SCHEDULER_REQUESTED, [SYNC_JOB_HINT] = SCHEDULER_HINT, [SYNC_JOB_STOP] = SCHEDULER_STOP,
	};

	s->stopping |= what == SYNC_JOB_STOP;
	sync_job_handle_event(s, &(struct scheduler_event){ .kind = kinds[what] });
}

static void sync_job_log_degraded(struct sync_job *s)
{
	const char *why = s->watch ? dir_watch_degraded(s->watch) : NULL;

	if (why && !s->degraded)
		log_warn(&s->log, "%s", why);
	s->degraded = why;
}

static void sync_job_handle_events(struct sync_job *s)
{
	sync_job_kill_overdue(s);
	if (s->fetch.pid && subprocess_read(&s->fetch))
		sync_job_read_fetch_result(s);
	if (s->cycle.pid && subprocess_read(&s->cycle))
		sync_job_read_cycle_result(s);
	if (s->watch && fd_readable(dir_watch_fd(s->watch)) && dir_watch_read(s->watch))
		sync_job_handle_event(s, &(struct scheduler_event){ .kind = SCHEDULER_SOURCE_CHANGED });
	sync_job_log_degraded(s);
}

/* wait (-1: without limit), or the time until the child is to be killed, if that is less.  A child that is overdue was
 * killed already and needs no timer. */
static int64_t sync_job_limit_wait(int64_t wait, const struct subprocess *child, int64_t ends)
{
	int64_t left = ends - clock_monotonic();

	return child->pid && left >= 0 && (wait < 0 || left < wait) ? left + 1 : wait;
}

int64_t sync_job_step(struct sync_job *s)
{
	sync_job_handle_events(s);
	while (!s->over && s->wake >= 0 && s->wake <= clock_boottime())
		sync_job_handle_event(s, &(struct scheduler_event){ .kind = SCHEDULER_TICK });
	int64_t wait = -1;
	if (!s->over && s->wake >= 0) {
		wait = s->wake - clock_boottime();
		wait = wait > 0 ? wait : 0;
	}
	return sync_job_limit_wait(sync_job_limit_wait(wait, &s->cycle, s->cycle_ends), &s->fetch, s->fetch_ends);
}

size_t sync_job_poll_fds(const struct sync_job *s, struct pollfd *fds)
{
	const int all[SYNC_JOB_FDS] = {
		s->fetch.exited, s->fetch.out, s->cycle.exited, s->cycle.out, s->watch ? dir_watch_fd(s->watch) : -1,
	};
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i] >= 0)
			fds[count++] = (struct pollfd){ .fd = all[i], .events = POLLIN };
	return count;
}

/* ---- settings ---- */

static struct scheduler_settings sync_job_scheduler_settings(const struct sync_job *s)
{
	return (struct scheduler_settings){ .interval_ms = s->settings.interval_ms,
	                                .poll_ms = s->git ? s->settings.git_poll_ms : 0 };
}

/* Settings with errors do not come here: sync_check_all() refuses them. */
static bool sync_job_source_is_git(struct sync_job *s)
{
	struct context ctx = sync_job_context(s, &s->arena);
	struct git_fetch fetch;
	struct err err;

	return source_fetch(&ctx, &fetch, &err) && fetch.mirror;
}

/* Errors were reported when the configuration was read, and such a configuration is not used. */
static void sync_job_read_settings(struct sync_job *s, const struct config *config, size_t sync)
{
	struct diagnostics none = { .arena = &s->arena };

	context_settings(s->shared->ctx, config, sync, &s->arena, &s->settings, NULL, &none);
	if (!s->settings.sync_name)
		s->settings.sync_name = "default";
	s->config_path = config ? arena_strdup(&s->arena, config->path) : NULL;
	s->config_text = config ? arena_strndup(&s->arena, config->bytes, config->len) : NULL;
	s->git = sync_job_source_is_git(s);
	s->log = *s->shared->ctx->log;
	s->log.sync = s->settings.sync_name;
}

/* Without a watch the directory is still read at each interval. */
static void sync_job_open_watch(struct sync_job *s)
{
	struct err err;

	s->degraded = false;
	if (!s->git && s->settings.dir && !dir_watch_open(s->settings.dir, &s->watch, &err))
		log_warn(&s->log, "%s", err.msg);
}

struct sync_job *sync_job_new(struct sync_job_shared *shared, const struct config *config, size_t sync)
{
	struct sync_job *s = calloc(1, sizeof *s);
	struct scheduler_settings settings;

	if (!s)
		abort();
	*s = (struct sync_job){ .shared = shared, .fetch = SUBPROCESS_INIT, .cycle = SUBPROCESS_INIT };
	sync_job_read_settings(s, config, sync);
	sync_job_open_watch(s);
	settings = sync_job_scheduler_settings(s);
	sync_scheduler_init(&s->sched, &settings, (uint64_t)clock_now() ^ (uint64_t)(uintptr_t)s, clock_boottime());
	return s;
}

/* False if what was fetched before is of another source. */
static bool sync_job_same_source(const struct settings *a, const struct settings *b)
{
	const char *const pairs[][2] = {
		{ a->dir, b->dir }, { a->git, b->git }, { a->path, b->path },
		{ a->branch, b->branch }, { a->tag, b->tag },
		{ a->semver, b->semver }, { a->commit, b->commit },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (strcmp(pairs[i][0] ? pairs[i][0] : "", pairs[i][1] ? pairs[i][1] : "") != 0)
			return false;
	return true;
}

/* Ends a running fetch: its result may be of another source.  True if one ran. */
static bool sync_job_kill_fetch(struct sync_job *s)
{
	bool ran = s->fetch.pid;

	subprocess_close(&s->fetch);
	return ran;
}

void sync_job_configure(struct sync_job *s, const struct config *config, size_t sync)
{
	CLEANUP(arena_free) struct arena old_arena = s->arena;
	struct settings old = s->settings;
	struct scheduler_settings settings;

	s->arena = (struct arena){ 0 };
	sync_job_read_settings(s, config, sync);
	if (!sync_job_same_source(&old, &s->settings)) {
		s->found = (struct git_revision){ 0 };
		dir_watch_close(s->watch);
		s->watch = NULL;
		sync_job_open_watch(s);
	}
	settings = sync_job_scheduler_settings(s);
	s->stopping = false;
	/* Before the event with the new settings, which may start a fetch. */
	bool dropped = sync_job_kill_fetch(s);
	sync_job_handle_event(s, &(struct scheduler_event){ .kind = SCHEDULER_CONFIGURED, .settings = &settings });
	if (dropped)
		sync_job_handle_event(s, &(struct scheduler_event){ .kind = SCHEDULER_FETCHED });
}

void sync_job_free(struct sync_job *s)
{
	if (!s)
		return;
	subprocess_close(&s->fetch);
	subprocess_close(&s->cycle);
	dir_watch_close(s->watch);
	arena_free(&s->arena);
	arena_free(&s->found_arena);
	arena_free(&s->summary_arena);
	arena_free(&s->logged_arena);
	free(s);
}

/* ---- status ---- */

const struct settings *sync_job_settings(const struct sync_job *s)
{
	return &s->settings;
}

bool sync_job_has_ended(const struct sync_job *s)
{
	return s->over;
}

bool sync_job_has_run(const struct sync_job *s)
{
	return s->tried;
}

bool sync_job_succeeded(const struct sync_job *s)
{
	return s->tried && s->code == 0;
}

bool sync_job_is_blocked(const struct sync_job *s)
{
	return strcmp(s->outcome, "blocked") == 0;
}

bool sync_job_is_stopping(const struct sync_job *s)
{
	return s->stopping;
}

bool sync_job_status_changed(struct sync_job *s)
{
	bool changed = s->changed;

	s->changed = false;
	return changed;
}

static const char *sync_job_not_ready_reason(const struct sync_job *s)
{
	if (!s->tried)
		return "no cycle has ended yet";
	if (s->code == 0)
		return NULL;
	return *s->outcome ? s->outcome : "the cycle ended without a report";
}

static bool sync_job_report_is_stored(const struct sync_job *s)
{
	const struct node *stored = s->summary ? node_get(s->summary, "stored") : NULL;

	return stored && stored->kind == NODE_BOOL && stored->boolean && node_get_text(s->summary, "cycle_id");
}

struct status_server_sync sync_job_status(const struct sync_job *s, struct arena *a)
{
	struct status_server_sync status = {
		.name = sync_job_name(s), .ready = sync_job_succeeded(s), .why = sync_job_not_ready_reason(s),
		.running = s->cycle.pid ? "cycle" : s->fetch.pid ? "fetch" : NULL, .report = "null",
	};

	if (sync_job_report_is_stored(s))
		status.report_file = report_store_file(a, s->shared->ctx->settings->state_dir,
		                                       node_get_text(s->summary, "cycle_id"));
	else if (s->summary)
		status.report = json_text(a, cycle_summary_report(a, s->summary));
	return status;
}
