#include "agent/daemon/daemon.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent/daemon/sync_job.h"
#include "agent/daemon/approval.h"
#include "agent/config/config_file.h"
#include "agent/daemon/status_server.h"
#include "agent/util/diagnostics_text.h"
#include "agent/util/fd.h"
#include "agent/util/memory_trim.h"
#include "agent/util/secret_file.h"
#include "agent/util/state_lock.h"
#include "agent/util/systemd_notify.h"
#include "agent/service/service.h"
#include "agent/util/control_signals.h"
#include "agent/util/clock.h"
#include "agent/sync/sync_check.h"

enum {
	READY_MS = 30 * 1000,	/* systemd is notified after so long, even if the first cycles are still running */
	APPROVAL_MS = 2 * 1000,	/* how often the loop checks for an approval, while a sync is blocked */
};

struct daemon {
	struct context *ctx;
	struct sync_job_shared shared;
	struct memory_trim trim;
	struct arena arena;		/* of the configuration that holds, once it was read again */
	const struct config *config;	/* NULL: the command line is all there is */
	struct sync_job **syncs;	/* those that are gone from the configuration too, as long as they run */
	size_t count, room;
	struct arena list;		/* of that array */
	struct local_service *serve;		/* NULL: no sync uses the local service */
	struct status_server *status_server;		/* NULL: --http none */
	int signals;
	int64_t started_at;
	struct timespec approved;	/* when last */
	bool ready, stopping;
	bool changed;			/* what is published, by other things than the syncs */
};

static bool daemon_uses_local_service(struct daemon *g)
{
	for (size_t i = 0; i < g->count; i++) {
		const char *endpoint = sync_job_settings(g->syncs[i])->endpoint;
		if (endpoint && strcmp(endpoint, "local") == 0)
			return true;
	}
	return false;
}

static bool daemon_start_local_service(struct daemon *g, struct err *err)
{
	if (g->serve || !daemon_uses_local_service(g))
		return true;
	if (!local_service_start_embedded(g->ctx, LOCAL_SERVICE_EXECUTES_ALL, &g->serve, err))
		return false;
	g->shared.endpoint = local_service_url(g->serve);
	g->shared.token = local_service_token(g->serve);
	return true;
}

/* ---- the syncs ---- */

static struct sync_job *daemon_find_sync(const struct daemon *g, const char *name)
{
	for (size_t i = 0; i < g->count; i++)
		if (strcmp(sync_job_name(g->syncs[i]), name) == 0)
			return g->syncs[i];
	return NULL;
}

static void daemon_add_sync(struct daemon *g, size_t number)
{
	arena_grow(&g->list, g->syncs, g->count, g->room);
	g->syncs[g->count++] = sync_job_new(&g->shared, g->config, number);
}

/* Frees the syncs that have ended; true if there were any. */
static bool daemon_free_ended_syncs(struct daemon *g)
{
	size_t kept = 0, before = g->count;

	for (size_t i = 0; i < g->count; i++) {
		if (sync_job_has_ended(g->syncs[i]))
			sync_job_free(g->syncs[i]);
		else
			g->syncs[kept++] = g->syncs[i];
	}
	g->count = kept;
	return kept < before;
}

static const char *daemon_read_hook_secret(struct daemon *g, const struct settings *s)
{
	const char *secret;
	struct err err;

	if (!s->hook_secret_file)
		return NULL;
	if (secret_file_read_some(&g->arena, s->hook_secret_file, SECRET_LINE, &secret, &err))
		return secret;
	log_error(g->ctx->log, "%s: hook secret file \"%s\": %s; the webhook is disabled", s->sync_name,
	          s->hook_secret_file, err.msg);
	return NULL;
}

/* The agent warns once, and its children, which read the files at each cycle, do not. */
static void daemon_warn_of_exposed_secrets(struct daemon *g)
{
	for (size_t i = 0; i < g->count; i++) {
		const struct settings *s = sync_job_settings(g->syncs[i]);
		secret_file_warn(g->ctx->log, "token file", s->token_file);
		secret_file_warn(g->ctx->log, "git token file", s->git_token_file);
		secret_file_warn(g->ctx->log, "hook secret file", s->hook_secret_file);
	}
}

/* A sync that is stopping has no hook. */
static void daemon_set_hooks(struct daemon *g)
{
	struct status_server_hook *hooks = arena_new(&g->arena, struct status_server_hook, g->count + 1);
	size_t count = 0;

	if (!g->status_server)
		return;
	for (size_t i = 0; i < g->count; i++)
		if (!sync_job_is_stopping(g->syncs[i]))
			hooks[count++] = (struct status_server_hook){ sync_job_name(g->syncs[i]),
			                                     daemon_read_hook_secret(g, sync_job_settings(g->syncs[i])) };
	status_server_set_hooks(g->status_server, hooks, count);
}

static void daemon_set_metrics_syncs(struct daemon *g)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char **names = arena_new(&a, const char *, g->count + 1);

	for (size_t i = 0; i < g->count; i++)
		names[i] = sync_job_name(g->syncs[i]);
	metrics_set_syncs(g->shared.metrics, names, g->count);
}

/* ---- status ---- */

static bool daemon_all_syncs(const struct daemon *g, bool (*is)(const struct sync_job *))
{
	for (size_t i = 0; i < g->count; i++)
		if (!is(g->syncs[i]))
			return false;
	return true;
}

static bool daemon_status_changed(struct daemon *g)
{
	bool changed = g->changed;

	g->changed = false;
	for (size_t i = 0; i < g->count; i++)
		changed = sync_job_status_changed(g->syncs[i]) || changed;
	return changed;
}

static void daemon_publish_status(struct daemon *g)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf metrics = BUF_TEXT;
	struct status_server_sync *syncs = arena_new(&a, struct status_server_sync, g->count + 1);
	size_t good = 0;

	for (size_t i = 0; i < g->count; i++) {
		syncs[i] = sync_job_status(g->syncs[i], &a);
		good += syncs[i].ready;
	}
	systemd_notify_status("%zu of %zu syncs succeeded", good, g->count);
	if (!g->status_server)
		return;
	metrics_write(g->shared.metrics, &metrics);
	status_server_publish(g->status_server, daemon_all_syncs(g, sync_job_succeeded), syncs, g->count,
	                      buf_str(&metrics));
}

/* Notifies systemd after the first cycle of each sync, so that units that start after the agent find their workflows. */
static void daemon_notify_ready(struct daemon *g)
{
	if (g->ready || (!daemon_all_syncs(g, sync_job_has_run) && clock_boottime() - g->started_at < READY_MS))
		return;
	g->ready = true;
	systemd_notify_ready();
}

/* ---- requests ---- */

static void daemon_request_all(struct daemon *g, enum sync_job_request what)
{
	for (size_t i = 0; i < g->count; i++)
		sync_job_request(g->syncs[i], what);
}

static bool daemon_find_in_config(const struct config *config, const char *name, size_t *number)
{
	*number = 0;
	return config && config->count ? config_find(config, name, number) : strcmp(name, "default") == 0;
}

static void daemon_apply_config(struct daemon *g)
{
	size_t number;

	for (size_t i = 0; i < g->count; i++) {
		if (daemon_find_in_config(g->config, sync_job_name(g->syncs[i]), &number))
			sync_job_configure(g->syncs[i], g->config, number);
		else
			sync_job_request(g->syncs[i], SYNC_JOB_STOP);
	}
	for (size_t i = 0; i < sync_check_count(g->config); i++)
		if (!daemon_find_sync(g, g->config && g->config->count ? g->config->names[i] : "default"))
			daemon_add_sync(g, i);
}

/* Names each setting that changed and has no effect before a restart.  False for another state directory, in
 * which this process holds no lock. */
static bool daemon_check_restart_settings(struct daemon *g, const struct config *config, struct settings *s,
                          struct diagnostics *faults)
{
	const struct settings *began = g->ctx->settings;
	size_t before = faults->errors;

	context_settings(g->ctx, config, CONFIG_NO_SYNC, faults->arena, s, NULL, faults);
	for (const struct option *o = option_table; o->name || o->key; o++) {
		if (!o->needs_restart || option_equal(o, s, began))
			continue;
		if (o->offset == offsetof(struct settings, state_dir))
			diagnostics_add(faults, (struct pos){ 0 }, "%s changed; restart the agent to apply it", o->key);
		else
			diagnostics_warn(faults, (struct pos){ 0 }, "%s changed; restart the agent to apply it", o->key);
	}
	return faults->errors == before;
}

/* "SIGHUP reads the configuration again and keeps the old one if the new is invalid." */
static bool daemon_read_config(struct daemon *g)
{
	struct arena arena = { 0 };
	struct diagnostics faults = { .arena = &arena };
	struct settings all = { 0 };
	const struct config *config;

	bool good = context_config(g->ctx, &arena, &config, &faults) &&
	            daemon_check_restart_settings(g, config, &all, &faults) && sync_check_all(g->ctx, config, &faults);
	diagnostics_log(g->ctx->log, &faults);
	if (!good) {
		arena_free(&arena);
		return false;
	}
	arena_free(&g->arena);
	g->arena = arena;
	g->config = config;
	context_set_log(g->ctx->log, &all);
	return true;
}

static void daemon_reload(struct daemon *g)
{
	struct err err;

	/* systemd expects READY before RELOADING. */
	if (g->ready)
		systemd_notify_reloading();
	if (daemon_read_config(g)) {
		daemon_apply_config(g);
		if (!daemon_start_local_service(g, &err))
			log_error(g->ctx->log, "%s", err.msg);
		daemon_set_hooks(g);
		daemon_warn_of_exposed_secrets(g);
		daemon_set_metrics_syncs(g);
		log_info(g->ctx->log, "configuration reloaded");
	} else {
		log_error(g->ctx->log, "configuration not reloaded; the previous configuration stays in effect");
	}
	g->changed = true;
	if (g->ready)
		systemd_notify_ready();
}

static void daemon_handle_signals(struct daemon *g)
{
	bool hup = false, asked = false;

	for (int number; (number = control_signals_next(g->signals)); ) {
		hup = hup || number == SIGHUP;
		asked = asked || number == SIGUSR1;
	}
	if (hup && !g->stopping)
		daemon_reload(g);
	if (asked)
		daemon_request_all(g, SYNC_JOB_CYCLE);
}

static void daemon_handle_approvals(struct daemon *g)
{
	if (approval_arrived(g->ctx->settings->state_dir, &g->approved))
		daemon_request_all(g, SYNC_JOB_CYCLE);
}

static void daemon_handle_hooks(struct daemon *g)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	for (const char *name; (name = status_server_next_hook(g->status_server, &a)); ) {
		struct sync_job *s = daemon_find_sync(g, name);
		if (s)
			sync_job_request(s, SYNC_JOB_HINT);
	}
	g->changed = status_server_count_hooks(g->status_server, g->shared.metrics) || g->changed;
}

static void daemon_begin_shutdown(struct daemon *g)
{
	g->stopping = true;
	systemd_notify_stopping();
	log_info(g->ctx->log, "shutting down; waiting for the current step to finish");
	daemon_request_all(g, SYNC_JOB_STOP);
}

/* ---- the loop ---- */

static int64_t daemon_earlier(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Waits for an event, at most wait milliseconds (-1: without limit). */
static void daemon_wait(struct daemon *g, int64_t wait)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct pollfd *fds = arena_new(&a, struct pollfd, 3 + g->count * SYNC_JOB_FDS);
	size_t count = 0;

	fds[count++] = (struct pollfd){ .fd = g->signals, .events = POLLIN };
	fds[count++] = (struct pollfd){ .fd = g->stopping ? -1 : g->ctx->stop_fd, .events = POLLIN };
	if (g->status_server)
		fds[count++] = (struct pollfd){ .fd = status_server_hook_fd(g->status_server), .events = POLLIN };
	for (size_t i = 0; i < g->count; i++)
		count += sync_job_poll_fds(g->syncs[i], fds + count);
	memory_trim_poll(&g->trim, fds, count, wait < 0 ? -1 : wait < INT_MAX ? (int)wait : INT_MAX);
}

static int64_t daemon_step_syncs(struct daemon *g)
{
	int64_t wait = -1;

	for (size_t i = 0; i < g->count; i++)
		wait = daemon_earlier(wait, sync_job_step(g->syncs[i]));
	return wait;
}

/* The longest wait: the watchdog of systemd and /healthz expect the loop to run this often, even if there is nothing to
 * do. */
static int64_t daemon_max_wait(const struct daemon *g)
{
	int64_t watchdog = systemd_notify_watchdog_ms(), wait = STATUS_SERVER_STALLED_MS / 2;

	for (size_t i = 0; i < g->count; i++)
		if (sync_job_is_blocked(g->syncs[i]))
			wait = APPROVAL_MS;
	return watchdog > 0 && watchdog < wait ? watchdog : wait;
}

static void daemon_loop(struct daemon *g)
{
	while (g->count > 0) {
		if (!g->stopping && fd_readable(g->ctx->stop_fd))
			daemon_begin_shutdown(g);
		daemon_handle_signals(g);
		daemon_handle_approvals(g);
		if (g->status_server)
			daemon_handle_hooks(g);
		int64_t wait = daemon_step_syncs(g);
		if (daemon_free_ended_syncs(g)) {
			daemon_set_metrics_syncs(g);
			g->changed = true;
		}
		if (daemon_status_changed(g))
			daemon_publish_status(g);
		daemon_notify_ready(g);
		systemd_notify_alive();
		if (g->status_server)
			status_server_heartbeat(g->status_server, clock_boottime());
		if (g->count > 0)
			daemon_wait(g, daemon_earlier(wait, daemon_max_wait(g)));
	}
}

/* ---- start and end ---- */

/* The options of the agent's command line, for its children: there too they override the configuration. */
static const char *const *daemon_child_options(struct context *ctx)
{
	const struct command_line *line = ctx->line;
	const char **words = arena_new(ctx->arena, const char *, line->given_count + 2);
	size_t count = 0;

	for (size_t i = 0; i < line->given_count; i++) {
		const struct given *g = &line->given[i];
		words[count++] = g->value ? arena_printf(ctx->arena, "--%s=%s", g->name, g->value)
		                          : arena_printf(ctx->arena, "--%s", g->name);
	}
	words[count++] = "--output=json";
	return words;
}

static bool daemon_start(struct daemon *g, struct err *err)
{
	const struct settings *s = g->ctx->settings;

	if (s->sync)
		return err_usage(err, "--sync %s: the agent runs all syncs of its configuration", s->sync);
	if (!s->state_dir)
		return err_usage(err, "the agent keeps its state in the state directory: give --state-dir, "
		                 "as HOME is not set");
	if (!state_lock_take(s->state_dir, &g->shared.lock, err) || !control_signals_watch(&g->signals, err))
		return false;
	if (strcmp(s->http, "none") != 0 &&
	    !status_server_open(s->http, s->http_hosts.items, s->http_hosts.count, &g->status_server, err))
		return err_wrap(err, "--http %s", s->http);
	for (size_t i = 0; i < sync_check_count(g->config); i++)
		daemon_add_sync(g, i);
	daemon_set_hooks(g);
	daemon_warn_of_exposed_secrets(g);
	daemon_set_metrics_syncs(g);
	return daemon_start_local_service(g, err);
}

static void daemon_close(struct daemon *g)
{
	for (size_t i = 0; i < g->count; i++)
		sync_job_free(g->syncs[i]);
	status_server_close(g->status_server);
	local_service_stop(g->serve);
	metrics_free(g->shared.metrics);
	arena_free(&g->list);
	arena_free(&g->arena);
	if (g->shared.lock >= 0)
		close(g->shared.lock);
}

bool daemon_run(struct context *ctx, struct err *err)
{
	CLEANUP(daemon_close) struct daemon g = {
		.ctx = ctx,
		.shared = {
			.ctx = ctx, .metrics = metrics_new(), .options = daemon_child_options(ctx), .lock = -1,
		},
		.config = ctx->config, .signals = -1, .started_at = clock_boottime(),
	};

	if (!daemon_start(&g, err))
		return false;
	if (g.status_server)
		log_info(ctx->log, "listening on %s: /healthz, /readyz, /metrics, /status",
		         status_server_url(g.status_server));
	daemon_loop(&g);
	return true;
}
