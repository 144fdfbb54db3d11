#include "agent/service/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/fd.h"
#include "agent/util/file.h"
#include "agent/util/directory.h"
#include "agent/net/http_server.h"
#include "agent/service/api/routes.h"
#include "agent/util/clock.h"
#include "agent/service/store/workflow_store.h"
#include "agent/util/token_file.h"
#include "agent/service/engine/wakeup.h"

enum { PATIENCE_MS = 5000, IDLE_S = 30, PEM_MAX = 1 << 20 };

struct local_service {
	struct arena arena;
	struct store *store;		/* used by the server's thread alone between its start and its stop */
	struct service_api api;
	struct listener listener;
	struct http_server *server;
	struct engine_options options;
	struct engine *engine;		/* NULL: runs are another process's */
	const char *url, *database;
};

static bool read_pem(struct arena *a, const char *path, const char **out, struct err *err)
{
	size_t len;

	return file_read(a, path, PEM_MAX, out, &len, err) || err_wrap(err, "\"%s\"", path);
}

/* Whoever talks to the service has commands run. */
static bool check_reach(const struct local_service_options *o, const char *host, struct err *err)
{
	bool loopback = true;

	if (!o->unix_path && !listener_is_loopback(host, &loopback, err))
		return false;
	if (!loopback && !(o->token_given && o->tls_cert))
		return err_usage(err, "\"%s\" is no loopback address: to listen there, give --token-file, "
		                 "--tls-cert and --tls-key", o->listen);
	return true;
}

static bool open_socket(struct local_service *s, const struct local_service_options *o, struct err *err)
{
	const char *scheme = o->tls_cert ? "https" : "http", *host = "";
	uint16_t port = 0;

	if (!o->unix_path && !listener_split_address(&s->arena, o->listen, &host, &port, err))
		return false;
	if (!check_reach(o, host, err))
		return false;
	if (o->unix_path) {
		s->url = arena_printf(&s->arena, "unix:%s", o->unix_path);
		return listener_open_unix(o->unix_path, &s->listener, err);
	}
	if (!listener_open_tcp(host, port, &s->listener, err))
		return false;
	s->url = arena_printf(&s->arena, strchr(host, ':') ? "%s://[%s]:%u/workflows/api/v1"
	                                                   : "%s://%s:%u/workflows/api/v1",
	                      scheme, host, (unsigned)s->listener.port);
	return true;
}

/* Whatever stands beside the file is found by all who use it, also by one who came through a link: of
 * two locks beside one file each would have an engine. */
static bool open_file(struct local_service *s, const char *path, struct err *err)
{
	if (!workflow_store_open(path, PATIENCE_MS, &s->store, err))
		return false;
	char *real = realpath(path, NULL);
	if (!real)
		return err_sys(err, errno, "find \"%s\"", path);
	s->database = arena_strdup(&s->arena, real);
	free(real);
	return true;
}

static bool start_engine(struct local_service *s, const struct local_service_options *o, struct err *err)
{
	if (!o->engine)
		return true;
	s->options = *o->engine;
	s->options.database = s->database;
	return engine_start(&s->options, &s->engine, err);
}

static bool start(struct local_service *s, const struct local_service_options *o, struct err *err)
{
	struct http_options http = { .idle_s = IDLE_S };

	if (!o->tls_cert != !o->tls_key)
		return err_usage(err, "--tls-cert and --tls-key are given together or not at all");
	if (o->tls_cert && o->unix_path)
		return err_usage(err, "a unix socket is served without TLS: leave --tls-cert and --tls-key out");
	if ((o->tls_cert && !read_pem(&s->arena, o->tls_cert, &http.tls_certificate, err)) ||
	    (o->tls_key && !read_pem(&s->arena, o->tls_key, &http.tls_key, err)))
		return false;
	if (!open_socket(s, o, err) || !open_file(s, o->database, err))
		return false;
	s->api = (struct service_api){
		.store = s->store, .token = arena_strdup(&s->arena, o->token),
		.now = clock_now, .uuid = uuid_make, .wake = -1, .reckons = o->engine && o->engine->crons, .tls = o->tls_cert,
	};
	if (!wakeup_open(s->database, &s->api.wake, err) || !start_engine(s, o, err))
		return false;
	http.handler = routes_handler(&s->api);
	return http_server_start(&http, &s->listener, &s->server, err);
}

bool local_service_start(const struct local_service_options *options, struct local_service **out, struct err *err)
{
	CLEANUP(local_service_stopp) struct local_service *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	s->listener = LISTENER;
	s->api.wake = -1;
	if (!start(s, options, err))
		return false;
	*out = take(s);
	return true;
}

const char *local_service_database(struct arena *a, const char *state_dir)
{
	return arena_printf(a, "%s/local.db", state_dir);
}

bool local_service_start_embedded(const char *state_dir, const struct engine_options *engine, struct local_service **out,
                       struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct local_service_options options = {
		.database = local_service_database(&a, state_dir),
		.listen = "127.0.0.1:0",
		.token = token_file_random(&a),
		.engine = engine,
	};

	return directory_make(state_dir, err) && local_service_start(&options, out, err);
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
	arena_free(&s->arena);
	free(s);
}

void local_service_stopp(struct local_service **serve)
{
	local_service_stop(*serve);
}

bool local_service_runs_here(struct local_service *s)
{
	return s->engine && engine_is_ours(s->engine);
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
