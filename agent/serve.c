#include "agent/serve.h"

#include <stdlib.h>
#include <string.h>

#include "agent/file.h"
#include "agent/folder.h"
#include "agent/http_server.h"
#include "agent/service_api.h"
#include "agent/stamp.h"
#include "agent/store.h"
#include "agent/token.h"

enum { PATIENCE_MS = 5000, IDLE_S = 30, PEM_MAX = 1 << 20 };

struct serve {
	struct arena arena;
	struct store *store;		/* used by the server's thread alone between its start and its stop */
	struct service_api api;
	struct listener listener;
	struct http_server *server;
	const char *url;
};

static bool read_pem(struct arena *a, const char *path, const char **out, struct err *err)
{
	size_t len;

	return file_read(a, path, PEM_MAX, out, &len, err) || err_wrap(err, "\"%s\"", path);
}

/* Whoever talks to the service may have commands run one day. */
static bool check_reach(const struct serve_options *o, const char *host, struct err *err)
{
	bool loopback = true;

	if (!o->unix_path && !listen_is_loopback(host, &loopback, err))
		return false;
	if (!loopback && !(o->token_given && o->tls_cert))
		return err_usage(err, "\"%s\" is no loopback address: to listen there, give --token-file, "
		                 "--tls-cert and --tls-key", o->listen);
	return true;
}

static bool open_socket(struct serve *s, const struct serve_options *o, struct err *err)
{
	const char *scheme = o->tls_cert ? "https" : "http", *host = "";
	uint16_t port = 0;

	if (!o->unix_path && !listen_split(&s->arena, o->listen, &host, &port, err))
		return false;
	if (!check_reach(o, host, err))
		return false;
	if (o->unix_path) {
		s->url = arena_printf(&s->arena, "unix:%s", o->unix_path);
		return listen_unix(o->unix_path, &s->listener, err);
	}
	if (!listen_tcp(host, port, &s->listener, err))
		return false;
	s->url = arena_printf(&s->arena, strchr(host, ':') ? "%s://[%s]:%u/workflows/api/v1"
	                                                   : "%s://%s:%u/workflows/api/v1",
	                      scheme, host, (unsigned)s->listener.port);
	return true;
}

static bool start(struct serve *s, const struct serve_options *o, struct err *err)
{
	struct http_options http = { .idle_s = IDLE_S };

	if (!o->tls_cert != !o->tls_key)
		return err_usage(err, "--tls-cert and --tls-key are given together or not at all");
	if (o->tls_cert && o->unix_path)
		return err_usage(err, "a unix socket is served without TLS: leave --tls-cert and --tls-key out");
	if ((o->tls_cert && !read_pem(&s->arena, o->tls_cert, &http.tls_certificate, err)) ||
	    (o->tls_key && !read_pem(&s->arena, o->tls_key, &http.tls_key, err)))
		return false;
	if (!open_socket(s, o, err) || !store_open(o->database, PATIENCE_MS, &s->store, err))
		return false;
	s->api = (struct service_api){
		.store = s->store, .token = arena_strdup(&s->arena, o->token),
		.now = stamp_now, .uuid = service_uuid,
	};
	http.handler = service_api_handler(&s->api);
	return http_server_start(&http, &s->listener, &s->server, err);
}

bool serve_start(const struct serve_options *options, struct serve **out, struct err *err)
{
	CLEANUP(serve_stopp) struct serve *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	s->listener = LISTENER;
	if (!start(s, options, err))
		return false;
	*out = take(s);
	return true;
}

bool serve_start_local(const char *state_dir, struct serve **out, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct serve_options options = {
		.database = arena_printf(&a, "%s/local.db", state_dir),
		.listen = "127.0.0.1:0",
		.token = token_random(&a),
	};

	return folder_make(state_dir, err) && serve_start(&options, out, err);
}

void serve_stop(struct serve *s)
{
	if (!s)
		return;
	http_server_stop(s->server);
	listen_done(&s->listener);
	store_close(s->store);
	arena_free(&s->arena);
	free(s);
}

void serve_stopp(struct serve **serve)
{
	serve_stop(*serve);
}

const char *serve_url(const struct serve *s)
{
	return s->url;
}

const char *serve_token(const struct serve *s)
{
	return s->api.token;
}
