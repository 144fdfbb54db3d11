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
#include "agent/service/engine/engine_options.h"
#include "agent/daemon/status_server.h"
#include "agent/util/diagnostics_text.h"
#include "agent/util/fd.h"
#include "agent/util/file.h"
#include "agent/util/state_lock.h"
#include "agent/util/systemd_notify.h"
#include "agent/service/api/local_service.h"
#include "agent/util/control_signals.h"
#include "agent/util/clock.h"
#include "agent/sync/sync_check.h"
#include "reconcile/tree/json.h"

enum {
	READY_MS = 30 * 1000,	/* a first cycle that takes longer keeps systemd waiting no more */
	APPROVAL_MS = 2 * 1000,	/* an approval is looked for this often, where one is waited for */
	SECRET_MAX_BYTES = 4096,
};

struct agent {
	struct context *ctx;
	struct agent_world world;
	struct arena arena;		/* of the configuration that holds, once it was read again */
	const struct config *config;	/* NULL: the command line is all there is */
	struct agent_sync **syncs;	/* those that are gone from the configuration too, as long as they run */
	size_t count, room;
	struct arena list;		/* of that array */
	struct serve *serve;		/* NULL: no sync uses the local service */
	struct face *face;		/* NULL: --http none */
	int signals;
	int64_t began;
	struct timespec approved;	/* when last */
	bool ready, stopping;
	bool changed;			/* what is published, by other things than the syncs */
};

static bool uses_local(struct agent *g)
{
	for (size_t i = 0; i < g->count; i++) {
		const char *endpoint = agent_sync_settings(g->syncs[i])->endpoint;
		if (endpoint && strcmp(endpoint, "local") == 0)
			return true;
	}
	return false;
}

static bool start_local(struct agent *g, struct err *err)
{
	struct engine_options engine;

	if (g->serve || !uses_local(g))
		return true;
	if (!g->ctx->settings->state_dir)
		return err_usage(err, "the local service keeps its workflows in the state directory: give --state-dir");
	if (!engine_settings(g->ctx, serve_local_database(g->ctx->arena, g->ctx->settings->state_dir), &engine, err))
		return false;
	if (!serve_start_local(g->ctx->settings->state_dir, &engine, &g->serve, err))
		return err_wrap(err, "the local service");
	g->world.endpoint = serve_url(g->serve);
	g->world.token = serve_token(g->serve);
	return true;
}

/* ---- the syncs ---- */

static struct agent_sync *find_sync(const struct agent *g, const char *name)
{
	for (size_t i = 0; i < g->count; i++)
		if (strcmp(agent_sync_name(g->syncs[i]), name) == 0)
			return g->syncs[i];
	return NULL;
}

static void add_sync(struct agent *g, size_t number)
{
	arena_grow(&g->list, g->syncs, g->count, g->room);
	g->syncs[g->count++] = agent_sync_new(&g->world, g->config, number);
}

/* True if one was. */
static bool drop_over(struct agent *g)
{
	size_t kept = 0, before = g->count;

	for (size_t i = 0; i < g->count; i++) {
		if (agent_sync_over(g->syncs[i]))
			agent_sync_free(g->syncs[i]);
		else
			g->syncs[kept++] = g->syncs[i];
	}
	g->count = kept;
	return kept < before;
}

static const char *read_secret(struct agent *g, const struct settings *s)
{
	const char *text;
	size_t len;
	struct err err;

	if (!s->hook_secret_file)
		return NULL;
	if (file_read(&g->arena, s->hook_secret_file, SECRET_MAX_BYTES, &text, &len, &err)) {
		text = arena_strndup(&g->arena, text, strcspn(text, "\r\n"));
		if (*text)
			return text;
		err_set(&err, "expected a secret, found nothing");
	}
	log_error(g->ctx->log, "%s: %s: %s; its webhook is off", s->sync_name, s->hook_secret_file, err.msg);
	return NULL;
}

/* One that only ends has no hook any more. */
static void give_hooks(struct agent *g)
{
	struct face_hook *hooks = arena_new(&g->arena, struct face_hook, g->count + 1);
	size_t count = 0;

	if (!g->face)
		return;
	for (size_t i = 0; i < g->count; i++)
		if (!agent_sync_stopping(g->syncs[i]))
			hooks[count++] = (struct face_hook){ agent_sync_name(g->syncs[i]),
			                                     read_secret(g, agent_sync_settings(g->syncs[i])) };
	face_hooks(g->face, hooks, count);
}

static void keep_metrics(struct agent *g)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char **names = arena_new(&a, const char *, g->count + 1);

	for (size_t i = 0; i < g->count; i++)
		names[i] = agent_sync_name(g->syncs[i]);
	metrics_keep(g->world.metrics, names, g->count);
}

/* ---- what the world may know ---- */

static bool all(const struct agent *g, bool (*is)(const struct agent_sync *))
{
	for (size_t i = 0; i < g->count; i++)
		if (!is(g->syncs[i]))
			return false;
	return true;
}

static bool something_changed(struct agent *g)
{
	bool changed = g->changed;

	g->changed = false;
	for (size_t i = 0; i < g->count; i++)
		changed = agent_sync_changed(g->syncs[i]) || changed;
	return changed;
}

static void publish(struct agent *g)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf status = BUF_TEXT, metrics = BUF_TEXT;
	struct node *document = node_map(&a), *list = node_put(&a, document, "syncs", node_list(&a));
	size_t good = 0;

	for (size_t i = 0; i < g->count; i++) {
		node_add(&a, list, agent_sync_status(g->syncs[i], &a));
		good += agent_sync_good(g->syncs[i]);
	}
	notify_status("%zu of %zu syncs are as declared", good, g->count);
	if (!g->face)
		return;
	json_write(document, JSON_PRETTY, &status);
	buf_addc(&status, '\n');
	metrics_text(g->world.metrics, &metrics);
	face_publish(g->face, all(g, agent_sync_good), buf_str(&status), buf_str(&metrics));
}

/* Ready is who has tried: a unit that waits for us finds its workflows there. */
static void tell_ready(struct agent *g)
{
	if (g->ready || (!all(g, agent_sync_tried) && stamp_boot() - g->began < READY_MS))
		return;
	g->ready = true;
	notify_ready();
}

/* ---- what is asked of it ---- */

static void ask_all(struct agent *g, enum agent_ask what)
{
	for (size_t i = 0; i < g->count; i++)
		agent_sync_ask(g->syncs[i], what);
}

static bool is_declared(const struct config *config, const char *name, size_t *number)
{
	*number = 0;
	return config && config->count ? config_find(config, name, number) : strcmp(name, "default") == 0;
}

static void apply_config(struct agent *g)
{
	size_t number;

	for (size_t i = 0; i < g->count; i++) {
		if (is_declared(g->config, agent_sync_name(g->syncs[i]), &number))
			agent_sync_configure(g->syncs[i], g->config, number);
		else
			agent_sync_ask(g->syncs[i], ASK_STOP);
	}
	for (size_t i = 0; i < syncs_count(g->config); i++)
		if (!find_sync(g, g->config && g->config->count ? g->config->names[i] : "default"))
			add_sync(g, i);
}

static bool same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* What holds as long as the process: the lock is on the state directory that it began with. */
static bool check_lasting(struct agent *g, const struct config *config, struct settings *s,
                          struct diagnostics *faults)
{
	const struct settings *began = g->ctx->settings;

	context_settings(g->ctx, config, CONFIG_NO_SYNC, faults->arena, s, NULL, faults);
	if (!same(s->http, began->http))
		diagnostics_warn(faults, (struct pos){ 0 }, "http.listen is another now: that takes a restart");
	if (s->jobs != began->jobs || s->crons != began->crons || !same(s->timezone, began->timezone) ||
	    !same(s->secrets_dir, began->secrets_dir) || !same(s->cgroup, began->cgroup) ||
	    s->images.count != began->images.count)
		diagnostics_warn(faults, (struct pos){ 0 }, "serve or images are others now: that takes a restart");
	return same(s->state_dir, began->state_dir) ||
	       diagnostics_add(faults, (struct pos){ 0 }, "state_dir is another now: that takes a restart");
}

/* "SIGHUP reads the configuration again and keeps the old one if the new is invalid." */
static bool read_again(struct agent *g)
{
	struct arena arena = { 0 };
	struct diagnostics faults = { .arena = &arena };
	struct settings all = { 0 };
	const struct config *config;

	bool good = context_config(g->ctx, &arena, &config, &faults) &&
	            check_lasting(g, config, &all, &faults) && syncs_check(g->ctx, config, &faults);
	fault_log(g->ctx->log, &faults);
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

static void reload(struct agent *g)
{
	struct err err;

	/* Who has not told yet that it is ready has nothing to take back. */
	if (g->ready)
		notify_reloading();
	if (read_again(g)) {
		apply_config(g);
		if (!start_local(g, &err))
			log_error(g->ctx->log, "%s", err.msg);
		give_hooks(g);
		keep_metrics(g);
		log_info(g->ctx->log, "the configuration was read again");
	} else {
		log_error(g->ctx->log, "the configuration is not taken; the one before it goes on");
	}
	g->changed = true;
	if (g->ready)
		notify_ready();
}

static void take_signals(struct agent *g)
{
	bool hup = false, asked = false;

	for (int number; (number = signals_next(g->signals)); ) {
		hup = hup || number == SIGHUP;
		asked = asked || number == SIGUSR1;
	}
	if (hup && !g->stopping)
		reload(g);
	if (asked)
		ask_all(g, ASK_CYCLE);
}

static void take_approvals(struct agent *g)
{
	if (approval_came(g->ctx->settings->state_dir, &g->approved))
		ask_all(g, ASK_CYCLE);
}

static void take_hooks(struct agent *g)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	for (const char *name; (name = face_hook_next(g->face, &a)); ) {
		struct agent_sync *s = find_sync(g, name);
		if (s)
			agent_sync_ask(s, ASK_HINT);
	}
	g->changed = face_count(g->face, g->world.metrics) || g->changed;
}

static void stop(struct agent *g)
{
	g->stopping = true;
	notify_stopping();
	log_info(g->ctx->log, "stopping: what is under way is finished");
	ask_all(g, ASK_STOP);
}

/* ---- the loop ---- */

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Until something comes, but no longer than wait (-1: for ever). */
static void wait_for(struct agent *g, int64_t wait)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct pollfd *fds = arena_new(&a, struct pollfd, 3 + g->count * AGENT_SYNC_FDS);
	size_t count = 0;

	fds[count++] = (struct pollfd){ .fd = g->signals, .events = POLLIN };
	fds[count++] = (struct pollfd){ .fd = g->stopping ? -1 : g->ctx->stop_fd, .events = POLLIN };
	fds[count++] = (struct pollfd){ .fd = g->face ? face_fd(g->face) : -1, .events = POLLIN };
	for (size_t i = 0; i < g->count; i++)
		count += agent_sync_fds(g->syncs[i], fds + count);
	poll(fds, count, wait < 0 ? -1 : wait < INT_MAX ? (int)wait : INT_MAX);
}

static int64_t step_all(struct agent *g)
{
	int64_t wait = -1;

	for (size_t i = 0; i < g->count; i++)
		wait = sooner(wait, agent_sync_step(g->syncs[i]));
	return wait;
}

/* Whoever watches over us wants to see the loop this often, whether there is anything to do or
 * not. */
static int64_t patience(const struct agent *g)
{
	int64_t watchdog = notify_watchdog_ms(), wait = FACE_PATIENCE_MS / 2;

	for (size_t i = 0; i < g->count; i++)
		if (agent_sync_blocked(g->syncs[i]))
			wait = APPROVAL_MS;
	return watchdog > 0 && watchdog < wait ? watchdog : wait;
}

static void loop(struct agent *g)
{
	while (g->count > 0) {
		if (!g->stopping && fd_readable(g->ctx->stop_fd))
			stop(g);
		take_signals(g);
		take_approvals(g);
		if (g->face)
			take_hooks(g);
		int64_t wait = step_all(g);
		if (drop_over(g)) {
			keep_metrics(g);
			g->changed = true;
		}
		if (something_changed(g))
			publish(g);
		tell_ready(g);
		notify_alive();
		if (g->face)
			face_alive(g->face, stamp_boot());
		if (g->count > 0)
			wait_for(g, sooner(wait, patience(g)));
	}
}

/* ---- beginning and end ---- */

/* The options of our own command line, for the children: whatever beats the configuration here
 * beats it there. */
static const char *const *child_words(struct context *ctx)
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

static bool begin(struct agent *g, struct err *err)
{
	const struct settings *s = g->ctx->settings;

	if (s->sync)
		return err_usage(err, "--sync %s: the agent runs all syncs of its configuration", s->sync);
	if (!s->state_dir)
		return err_usage(err, "the agent keeps its state in the state directory: give --state-dir, as HOME is not set");
	if (!lock_take(s->state_dir, &g->world.lock, err) || !signals_watch(&g->signals, err))
		return false;
	if (strcmp(s->http, "none") != 0 && !face_open(s->http, &g->face, err))
		return err_wrap(err, "--http %s", s->http);
	for (size_t i = 0; i < syncs_count(g->config); i++)
		add_sync(g, i);
	give_hooks(g);
	keep_metrics(g);
	return start_local(g, err);
}

static void end(struct agent *g)
{
	for (size_t i = 0; i < g->count; i++)
		agent_sync_free(g->syncs[i]);
	face_close(g->face);
	serve_stop(g->serve);
	metrics_free(g->world.metrics);
	arena_free(&g->list);
	arena_free(&g->arena);
	if (g->world.lock >= 0)
		close(g->world.lock);
}

bool agent_run(struct context *ctx, struct err *err)
{
	CLEANUP(end) struct agent g = {
		.ctx = ctx, .world = { .ctx = ctx, .metrics = metrics_new(), .words = child_words(ctx), .lock = -1 },
		.config = ctx->config, .signals = -1, .began = stamp_boot(),
	};

	if (!begin(&g, err))
		return false;
	if (g.face)
		log_info(ctx->log, "%s: /healthz, /readyz, /metrics, /status", face_url(g.face));
	loop(&g);
	return true;
}
