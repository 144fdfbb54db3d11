#include "agent/daemon/status_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/daemon/webhook.h"
#include "agent/net/http_server.h"
#include "agent/util/clock.h"
#include "reconcile/tree/json.h"

#define HEALTH_PATH	"/healthz"
#define HOOK_PREFIX	"/hook/"

enum { IDLE_S = 20 };

struct hook {
	const char *sync, *secret;
	bool pending;
	unsigned accepted, refused;	/* since the last status_server_count_hooks() */
};

struct status_server {
	struct arena arena;
	struct listener listener;
	struct http_server *server;
	const char *url;
	int hook_event;			/* eventfd: readable while a hook is pending */

	/* Used by both threads, under lock. */
	pthread_mutex_t lock;
	int64_t last_heartbeat;			/* milliseconds of CLOCK_BOOTTIME */
	bool ready;
	struct buf readiness, metrics;
	struct arena sync_arena;
	const struct status_server_sync *syncs;	/* NULL: nothing was published yet */
	size_t sync_count;
	struct arena hook_arena;
	struct hook *hooks;
	size_t hook_count;
};

/* ---- replies; in the server's thread, under lock ---- */

static void status_server_reply_healthz(struct status_server *f, struct http_response *response)
{
	int64_t silent = clock_boottime() - f->last_heartbeat;

	response->type = "text/plain; charset=utf-8";
	response->status = silent > STATUS_SERVER_STALLED_MS ? 503 : 200;
	if (response->status == 200)
		buf_adds(&response->body, "ok\n");
	else
		buf_addf(&response->body, "agent main loop has been stalled for %lld s\n",
		         (long long)(silent / 1000));
}

static struct node *status_server_text_or_null(struct arena *a, const char *text)
{
	return text ? node_text(a, text) : node_null(a);
}

static struct node *status_server_sync_tree(struct arena *a, const struct status_server_sync *sync)
{
	struct node *tree = node_map(a);

	node_put(a, tree, "name", node_text(a, sync->name));
	node_put(a, tree, "ready", node_bool(a, sync->ready));
	node_put(a, tree, "why", status_server_text_or_null(a, sync->why));
	return tree;
}

static void status_server_reply_readyz(struct status_server *f, struct http_response *response)
{
	response->status = f->ready ? 200 : 503;
	buf_add(&response->body, buf_str(&f->readiness), f->readiness.len);
}

static void status_server_add_report(const struct status_server_sync *sync, struct http_response *response)
{
	if (!sync->report_file || !http_add_file(response, sync->report_file))
		buf_adds(&response->body, sync->report);
}

/* {"syncs": [{name, ready, why, running, report}]} */
static void status_server_reply_status(struct status_server *f, struct http_response *response)
{
	struct buf *body = &response->body;

	response->status = 200;
	if (!f->syncs) {
		buf_adds(body, "{}");
		return;
	}
	buf_adds(body, "{\n  \"syncs\": [");
	for (size_t i = 0; i < f->sync_count; i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct status_server_sync *sync = &f->syncs[i];
		struct node *state = status_server_sync_tree(&a, sync);
		node_put(&a, state, "running", status_server_text_or_null(&a, sync->running));
		const char *text = json_text(&a, state);
		buf_adds(body, i ? ",\n    " : "\n    ");
		buf_add(body, text, strlen(text) - 1);	/* without its brace */
		buf_adds(body, ",\"report\":\n");
		status_server_add_report(sync, response);
		buf_addc(body, '}');
	}
	buf_adds(body, f->sync_count ? "\n  ]\n}\n" : "]\n}\n");
}

static void status_server_reply_metrics(struct status_server *f, struct http_response *response)
{
	response->status = 200;
	response->type = METRICS_TYPE;
	buf_add(&response->body, buf_str(&f->metrics), f->metrics.len);
	metrics_write_process(&response->body);
}

static const struct {
	const char *path;
	void (*reply)(struct status_server *f, struct http_response *response);
} pages[] = {
	{ HEALTH_PATH, status_server_reply_healthz },
	{ "/readyz", status_server_reply_readyz },
	{ "/metrics", status_server_reply_metrics },
	{ "/status", status_server_reply_status },
};

/* ---- hooks ---- */

static struct hook *status_server_find_hook(struct status_server *f, const char *sync)
{
	for (size_t i = 0; i < f->hook_count; i++)
		if (strcmp(f->hooks[i].sync, sync) == 0)
			return &f->hooks[i];
	return NULL;
}

static bool status_server_is_hook(const char *path)
{
	return strncmp(path, HOOK_PREFIX, strlen(HOOK_PREFIX)) == 0;
}

/* The hook of "/hook/SYNC" or "/hook/SYNC/"; NULL: there is none. */
static struct hook *status_server_hook_at(struct status_server *f, const char *path)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	if (!status_server_is_hook(path))
		return NULL;
	const char *sync = path + strlen(HOOK_PREFIX);
	struct hook *h = status_server_find_hook(f, sync);
	size_t len = strlen(sync);
	return h || len == 0 || sync[len - 1] != '/' ? h : status_server_find_hook(f, arena_strndup(&a, sync, len - 1));
}

static void status_server_refuse_hook(struct hook *h, struct http_response *response)
{
	h->refused++;
	http_detail(response, 401, "expected a signature of the body or a token made with the hook's secret");
}

static void status_server_reply_hook(struct status_server *f, struct hook *h, const struct http_request *request,
                                     struct http_response *response)
{
	if (!webhook_is_proved(request, h->secret)) {
		status_server_refuse_hook(h, response);
		return;
	}
	h->accepted++;
	response->status = webhook_is_ping(request) ? 200 : 202;
	buf_adds(&response->body, "{}");
	if (response->status == 202 && !h->pending) {
		h->pending = true;
		eventfd_write(f->hook_event, 1);
	}
}

/* ---- the handler; in the server's thread ---- */

static const char *status_server_page_methods(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (strcmp(path, pages[i].path) == 0)
			return "GET, HEAD";
	return NULL;
}

static bool status_server_allows_method(const char *methods, const char *method)
{
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	return strcmp(methods, "POST") == 0 ? strcmp(method, "POST") == 0 : reads;
}

/* An unknown sync, a sync without a secret and an unknown page get the same answer: it does not reveal which syncs
 * exist. */
static bool status_server_admit_request(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct status_server *f = ctx;
	const char *methods;

	pthread_mutex_lock(&f->lock);
	struct hook *h = status_server_hook_at(f, request->path);
	methods = h ? "POST" : status_server_page_methods(request->path);
	if (!methods) {
		http_detail(response, 404, "page not found");
	} else if (!status_server_allows_method(methods, request->method)) {
		http_detail(response, 405, "expected %s", methods);
		response->allow = methods;
	} else if (h && !webhook_has_proof(request)) {
		status_server_refuse_hook(h, response);
	}
	pthread_mutex_unlock(&f->lock);
	return response->status == 0;
}

/* Called after status_server_admit_request(); the hooks may have changed meanwhile. */
static void status_server_reply(void *ctx, const struct http_request *request, struct http_response *response)
{
	struct status_server *f = ctx;

	pthread_mutex_lock(&f->lock);
	struct hook *h = status_server_hook_at(f, request->path);
	if (h)
		status_server_reply_hook(f, h, request, response);
	else if (status_server_is_hook(request->path))
		http_detail(response, 404, "page not found");
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (strcmp(request->path, pages[i].path) == 0)
			pages[i].reply(f, response);
	pthread_mutex_unlock(&f->lock);
}

/* ---- open and close ---- */

static bool status_server_listen(struct status_server *f, const char *address, const char *const *hosts,
                                 size_t host_count, struct err *err)
{
	struct http_options options = {
		.handler = { f, status_server_admit_request, status_server_reply },
		.idle_s = IDLE_S, .body_max = STATUS_SERVER_HOOK_MAX, .health_path = HEALTH_PATH,
		.hosts = hosts, .host_count = host_count, .hosts_key = "http.hosts",
	};
	const char *host;
	uint16_t port;

	if (!listener_split_address(&f->arena, address, &host, &port, err) ||
	    !listener_open_tcp(host, port, &f->listener, err))
		return false;
	f->url = arena_printf(&f->arena, strchr(host, ':') ? "http://[%s]:%u" : "http://%s:%u", host,
	                      (unsigned)f->listener.port);
	options.own_host = host;
	f->hook_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->hook_event < 0)
		return err_sys(err, errno, "make an eventfd");
	return http_server_start(&options, &f->listener, &f->server, err);
}

bool status_server_open(const char *address, const char *const *hosts, size_t host_count, struct status_server **out,
                        struct err *err)
{
	struct status_server *f = calloc(1, sizeof *f);

	if (!f)
		abort();
	f->listener = LISTENER;
	f->hook_event = -1;
	f->last_heartbeat = clock_boottime();
	f->readiness = f->metrics = BUF_TEXT;
	buf_adds(&f->readiness, "{\"ready\":false,\"why\":\"the agent is starting\"}");
	pthread_mutex_init(&f->lock, NULL);
	if (status_server_listen(f, address, hosts, host_count, err)) {
		*out = f;
		return true;
	}
	status_server_close(f);
	return false;
}

void status_server_close(struct status_server *f)
{
	if (!f)
		return;
	http_server_stop(f->server);
	listener_close(&f->listener);
	if (f->hook_event >= 0)
		close(f->hook_event);
	pthread_mutex_destroy(&f->lock);
	buf_done(&f->readiness);
	buf_done(&f->metrics);
	arena_free(&f->hook_arena);
	arena_free(&f->sync_arena);
	arena_free(&f->arena);
	free(f);
}

const char *status_server_url(const struct status_server *f)
{
	return f->url;
}

/* ---- set by the loop ---- */

void status_server_heartbeat(struct status_server *f, int64_t now)
{
	pthread_mutex_lock(&f->lock);
	f->last_heartbeat = now;
	pthread_mutex_unlock(&f->lock);
}

static void status_server_build_readiness(struct buf *out, bool ready, const struct status_server_sync *syncs,
                                          size_t count)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *answer = node_map(&a), *list = node_list(&a);

	for (size_t i = 0; i < count; i++)
		node_add(&a, list, status_server_sync_tree(&a, &syncs[i]));
	node_put(&a, answer, "ready", node_bool(&a, ready));
	node_put(&a, answer, "syncs", list);
	json_write(answer, JSON_COMPACT, out);
}

static struct status_server_sync *status_server_copy_syncs(struct arena *a, const struct status_server_sync *syncs,
                                                           size_t count)
{
	struct status_server_sync *copy = arena_new(a, struct status_server_sync, count + 1);

	for (size_t i = 0; i < count; i++)
		copy[i] = (struct status_server_sync){
			arena_strdup_or_null(a, syncs[i].name), syncs[i].ready, arena_strdup_or_null(a, syncs[i].why),
			arena_strdup_or_null(a, syncs[i].running), arena_strdup_or_null(a, syncs[i].report_file),
			arena_strdup_or_null(a, syncs[i].report),
		};
	return copy;
}

static void status_server_replace_text(struct buf *old, const char *text)
{
	buf_reset(old);
	buf_adds(old, text);
}

void status_server_publish(struct status_server *f, bool ready, const struct status_server_sync *syncs, size_t count,
                           const char *metrics)
{
	CLEANUP(buf_done) struct buf readiness = BUF_TEXT;
	struct arena a = { 0 };
	const struct status_server_sync *copy = status_server_copy_syncs(&a, syncs, count);

	status_server_build_readiness(&readiness, ready, syncs, count);
	pthread_mutex_lock(&f->lock);
	f->ready = ready;
	arena_free(&f->sync_arena);
	f->sync_arena = a;
	f->syncs = copy;
	f->sync_count = count;
	status_server_replace_text(&f->readiness, buf_str(&readiness));
	status_server_replace_text(&f->metrics, metrics);
	pthread_mutex_unlock(&f->lock);
}

void status_server_set_hooks(struct status_server *f, const struct status_server_hook *hooks, size_t count)
{
	struct arena a = { 0 };
	struct hook *made = arena_new(&a, struct hook, count + 1);
	size_t used = 0;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < count; i++) {
		const struct hook *old = status_server_find_hook(f, hooks[i].sync);
		if (!hooks[i].secret || !*hooks[i].secret)
			continue;
		if (old)
			made[used] = *old;
		made[used].sync = arena_strdup(&a, hooks[i].sync);
		made[used++].secret = arena_strdup(&a, hooks[i].secret);
	}
	arena_free(&f->hook_arena);
	f->hook_arena = a;
	f->hooks = made;
	f->hook_count = used;
	pthread_mutex_unlock(&f->lock);
}

/* ---- read by the loop ---- */

int status_server_hook_fd(const struct status_server *f)
{
	return f->hook_event;
}

const char *status_server_next_hook(struct status_server *f, struct arena *a)
{
	const char *sync = NULL;
	eventfd_t calls;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->hook_count && !sync; i++)
		if (f->hooks[i].pending) {
			f->hooks[i].pending = false;
			sync = arena_strdup(a, f->hooks[i].sync);
		}
	/* Under the lock: else the event of a call that comes now would be lost. */
	if (!sync)
		eventfd_read(f->hook_event, &calls);
	pthread_mutex_unlock(&f->lock);
	return sync;
}

bool status_server_count_hooks(struct status_server *f, struct metrics *m)
{
	bool any = false;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->hook_count; i++) {
		struct hook *h = &f->hooks[i];
		any = any || h->accepted || h->refused;
		metrics_add_hook_calls(m, h->sync, true, h->accepted);
		metrics_add_hook_calls(m, h->sync, false, h->refused);
		h->accepted = h->refused = 0;
	}
	pthread_mutex_unlock(&f->lock);
	return any;
}
