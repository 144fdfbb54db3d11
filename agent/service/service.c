#include "agent/service/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/context.h"
#include "agent/net/http_server.h"
#include "agent/service/api/routes.h"
#include "agent/service/engine/engine_options.h"
#include "agent/service/engine/wakeup.h"
#include "agent/service/store/workflow_store.h"
#include "agent/util/clock.h"
#include "agent/util/fd.h"
#include "agent/util/file.h"
#include "agent/util/secret_file.h"
#include "agent/util/state_directory.h"
#include "agent/util/token_file.h"

enum { STORE_TIMEOUT_MS = 5000, HTTP_IDLE_S = 30, PEM_MAX_BYTES = 1 << 20 };

struct local_service {
	struct arena arena;
	struct store *store;		/* used by the server's thread alone between its start and its stop */
	struct service_api api;
	struct cron_times cron_times;
	struct arena scratch;		/* of the server's thread */
	struct listener listener;
	struct http_server *server;
	struct engine_options engine_options;
	struct engine *engine;		/* NULL: this process does not execute workflows */
	bool only_reads;
	const char *url;
	const char *database;		/* absolute, links resolved; NULL: a copy */
};

static bool service_read_pem(struct arena *a, const char *path, const char **out, struct err *err)
{
	size_t len;

	return file_read(a, path, PEM_MAX_BYTES, out, &len, err) || err_wrap(err, "\"%s\"", path);
}

static bool service_read_tls(struct local_service *s, const struct local_service_options *o,
                             struct http_options *http, struct err *err)
{
	if (!o->tls_cert != !o->tls_key)
		return err_usage(err, "--tls-cert and --tls-key are given together or not at all");
	if (!o->tls_cert)
		return true;
	if (o->unix_path)
		return err_usage(err, "a unix socket is served without TLS: leave --tls-cert and --tls-key out");
	return service_read_pem(&s->arena, o->tls_cert, &http->tls_certificate, err) &&
	       service_read_pem(&s->arena, o->tls_key, &http->tls_key, err);
}

/* Every client of the service can have commands executed. */
static bool service_check_reach(const struct local_service_options *o, const char *host, struct err *err)
{
	bool loopback;

	if (!listener_is_loopback(host, &loopback, err))
		return false;
	if (!loopback && !(o->token_given && o->tls_cert))
		return err_usage(err, "\"%s\" is not a loopback address: to listen there, give --token-file, "
		                 "--tls-cert and --tls-key", o->listen);
	return true;
}

/* The port is mostly taken by a service that is forgotten, started twice or run by systemd. */
static void service_hint_at_listen(struct err *err)
{
	const struct err why = *err;

	if (strstr(why.msg, strerror(EADDRINUSE)))
		err_set(err, "%s; if another flowsync serves there, use it, or choose another address with --listen",
		        why.msg);
}

static bool service_listen_tcp(struct local_service *s, const struct local_service_options *o,
                               struct http_options *http, struct err *err)
{
	const char *scheme = o->tls_cert ? "https" : "http", *host;
	uint16_t port;

	if (!listener_split_address(&s->arena, o->listen, &host, &port, err) || !service_check_reach(o, host, err))
		return false;
	if (!listener_open_tcp(host, port, &s->listener, err)) {
		service_hint_at_listen(err);
		return false;
	}
	s->url = arena_printf(&s->arena, strchr(host, ':') ? "%s://[%s]:%u/workflows/api/v1"
	                                                   : "%s://%s:%u/workflows/api/v1",
	                      scheme, host, (unsigned)s->listener.port);
	http->own_host = host;
	return true;
}

static bool service_listen(struct local_service *s, const struct local_service_options *o, struct http_options *http,
                           struct err *err)
{
	if (!o->unix_path)
		return service_listen_tcp(s, o, http, err);
	s->url = arena_printf(&s->arena, "unix:%s", o->unix_path);
	return listener_open_unix(o->unix_path, &s->listener, err);
}

/* The lock, the FIFO and the folders beside the database are named after its real path: a process that opened it
 * through a link has to find the same lock, or the file would have two engines. */
static bool service_open_database(struct local_service *s, const char *path, struct err *err)
{
	if (s->only_reads)
		return workflow_store_copy(path, STORE_TIMEOUT_MS, &s->store, err);
	if (!workflow_store_open(path, STORE_TIMEOUT_MS, &s->store, err))
		return false;
	char *real = realpath(path, NULL);
	if (!real)
		return err_sys(err, errno, "find \"%s\"", path);
	s->database = arena_strdup(&s->arena, real);
	free(real);
	return true;
}

/* engine NULL: none is started. */
static bool service_start_engine(struct local_service *s, const struct engine_options *engine, struct err *err)
{
	if (!engine)
		return true;
	s->engine_options = *engine;
	s->engine_options.database = s->database;
	return engine_start(&s->engine_options, &s->engine, err);
}

static bool service_start_all(struct local_service *s, const struct local_service_options *o,
                              const struct engine_options *engine, struct err *err)
{
	struct http_options http = {
		.idle_s = HTTP_IDLE_S, .hosts = o->hosts, .host_count = o->host_count, .hosts_key = "serve.hosts",
	};

	if (!service_read_tls(s, o, &http, err) || !service_listen(s, o, &http, err) ||
	    !service_open_database(s, o->database, err))
		return false;
	s->api = (struct service_api){
		.store = s->store, .token = arena_strdup(&s->arena, o->token), .now = clock_now, .uuid = uuid_make,
		.wake = -1, .tls = o->tls_cert, .sets_cron_times = engine && engine->crons,
		.cron_times = &s->cron_times, .scratch = &s->scratch,
		.log = engine && engine->crons ? engine->log : NULL,
	};
	if ((s->database && !wakeup_open(s->database, &s->api.wake, err)) || !service_start_engine(s, engine, err))
		return false;
	/* A copy in memory would be thrown away with them. */
	if (s->database)
		routes_store_answers(&s->api);
	http.handler = routes_handler(&s->api);
	return http_server_start(&http, &s->listener, &s->server, err);
}

static bool service_start(const struct local_service_options *options, const struct engine_options *engine,
                          bool only_reads, struct local_service **out, struct err *err)
{
	CLEANUP(local_service_stopp) struct local_service *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	s->listener = LISTENER;
	s->api.wake = -1;
	s->only_reads = only_reads;
	if (!service_start_all(s, options, engine, err))
		return false;	/* NOLINT(clang-analyzer-unix.Malloc): it does not see CLEANUP */
	*out = take(s);
	return true;
}

/* For a service that executes workflows: no other reads these files. */
static void service_warn_of_exposed_secrets(const struct context *ctx)
{
	secret_file_warn(ctx->log, "password file", ctx->settings->smtp_password_file);
	secret_file_warn_all(ctx->log, "secret file", ctx->settings->secrets_dir);
}

bool local_service_start(struct context *ctx, const struct local_service_options *options, struct local_service **out,
                         struct err *err)
{
	struct engine_options engine;

	service_warn_of_exposed_secrets(ctx);
	return engine_options_read(ctx, options->database, &engine, err) && service_start(options, &engine, false, out, err);
}

bool local_service_backup(const char *database, const char *to, struct err *err)
{
	return workflow_store_backup(database, STORE_TIMEOUT_MS, to, err);
}

const char *local_service_database(struct arena *a, const char *state_dir)
{
	return arena_printf(a, "%s/local.db", state_dir);
}

bool local_service_start_embedded(struct context *ctx, enum local_service_executes executes,
                                  struct local_service **out, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *state_dir = ctx->settings->state_dir;
	struct engine_options engine;

	if (!state_dir)
		return err_usage(err, "the local service keeps its workflows in the state directory: give --state-dir, "
		                 "as HOME is not set");
	const struct local_service_options options = {
		.database = local_service_database(ctx->arena, state_dir), .listen = "127.0.0.1:0",
		.token = token_file_random(&a),
	};
	/* Also without an engine: the interface shows when crons fire, in the zone that this chooses. */
	if (!engine_options_read(ctx, options.database, &engine, err))
		return false;
	bool engineless = executes == LOCAL_SERVICE_EXECUTES_NOTHING || executes == LOCAL_SERVICE_ONLY_READS;
	if (!engineless)
		service_warn_of_exposed_secrets(ctx);
	if (executes == LOCAL_SERVICE_EXECUTES_REQUESTED) {
		engine.crons = false;
		engine.brief = true;
	}
	bool only_reads = executes == LOCAL_SERVICE_ONLY_READS;
	if (!(only_reads ? state_directory_check : state_directory_make)(state_dir, err) ||
	    !service_start(&options, engineless ? NULL : &engine, only_reads, out, err))
		return err_wrap(err, "the local service");
	return true;
}

void local_service_stop(struct local_service *s)
{
	if (!s)
		return;
	http_server_stop(s->server);
	engine_stop(s->engine);
	fd_close(&s->api.wake);
	listener_close(&s->listener);
	workflow_store_close(s->store);
	arena_free(&s->scratch);
	arena_free(&s->arena);
	free(s);
}

void local_service_stopp(struct local_service **service)
{
	local_service_stop(*service);
}

bool local_service_executes_here(struct local_service *s)
{
	return s->engine && engine_has_lock(s->engine);
}

void local_service_drain(struct local_service *s, int stop_fd)
{
	if (s->engine)
		engine_drain(s->engine, stop_fd);
}

const char *local_service_url(const struct local_service *s)
{
	return s->url;
}

const char *local_service_token(const struct local_service *s)
{
	return s->api.token;
}
