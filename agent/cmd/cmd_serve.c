#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/cmd/cli.h"
#include "agent/util/state_directory.h"
#include "agent/util/systemd_notify.h"
#include "agent/service/service.h"
#include "agent/util/secret_file.h"
#include "agent/util/token_file.h"

/* The service's files: in the state directory unless options name others. */
struct serve_files { const char *token, *database; };

/* The database of --endpoint local.  Earlier versions of serve had a database of their own, service.db. */
static const char *cmd_serve_find_database(struct arena *a, const char *state_dir)
{
	const char *own = arena_printf(a, "%s/service.db", state_dir);

	return access(own, F_OK) == 0 ? own : local_service_database(a, state_dir);
}

static bool cmd_serve_find_files(const struct context *ctx, struct serve_files *out, struct err *err)
{
	const struct settings *s = ctx->settings;

	*out = (struct serve_files){ s->token_file, s->db };
	if (out->database && (out->token || s->backup))
		return true;
	if (!s->state_dir)
		return err_usage(err, "the local service keeps its files in the state directory: give --state-dir, "
		                 "as HOME is not set");
	if (!state_directory_make(s->state_dir, err))
		return false;
	if (!out->token)
		out->token = arena_printf(ctx->arena, "%s/service-token", s->state_dir);
	if (!out->database)
		out->database = cmd_serve_find_database(ctx->arena, s->state_dir);
	return true;
}

static bool cmd_serve_start(struct context *ctx, const struct serve_files *files, struct local_service **out,
                            struct err *err)
{
	const struct settings *s = ctx->settings;
	struct local_service_options serve = {
		.database = files->database,
		.listen = s->listen ? s->listen : "127.0.0.1:8484", .unix_path = s->unix_path,
		.token_given = s->token_file, .tls_cert = s->tls_cert, .tls_key = s->tls_key,
		.hosts = s->serve_hosts.items, .host_count = s->serve_hosts.count,
	};

	if (s->listen && s->unix_path)
		return err_usage(err, "--listen and --unix are given: choose one of them");
	if (!(s->token_file ? token_file_read : token_file_ensure)(ctx->arena, files->token, &serve.token, err))
		return false;
	secret_file_warn(ctx->log, "token file", files->token);
	return local_service_start(ctx, &serve, out, err);
}

static int cmd_serve_backup(struct context *ctx, const char *database)
{
	const char *to = ctx->settings->backup;
	struct err err;

	if (!local_service_backup(database, to, &err))
		return cli_fail(ctx, &err);
	fprintf(ctx->out, "a copy of %s is in %s\n", database, to);
	return 0;
}

static int cmd_serve_run(struct context *ctx)
{
	CLEANUP(local_service_stopp) struct local_service *serve = NULL;
	struct pollfd stop = { .fd = ctx->stop_fd, .events = POLLIN };
	struct serve_files files;
	struct err err;

	ctx->log->times = true;
	if (!cmd_serve_find_files(ctx, &files, &err))
		return cli_fail(ctx, &err);
	if (ctx->settings->backup)
		return cmd_serve_backup(ctx, files.database);
	if (!cmd_serve_start(ctx, &files, &serve, &err))
		return cli_fail(ctx, &err);
	fprintf(ctx->out, "listening on %s\ntoken in %s\n", local_service_url(serve), files.token);
	/* A script may wait for these two lines: flush them now.  If they cannot be written, the service cannot be
	 * found. */
	if (fflush(ctx->out) != 0) {
		err_sys(&err, errno, "write to stdout");
		return cli_fail(ctx, &err);
	}
	systemd_notify_ready();
	while (poll(&stop, 1, -1) < 0 && errno == EINTR)
		;
	systemd_notify_stopping();
	return 0;
}

const struct command cmd_serve = {
	.name = "serve",
	.summary = "run the local workflow service",
	.help = "Keeps workflows in a SQLite file, runs them on this machine (by hand, by webhooks and by their\n"
	        "crons), and offers the interface of the hosted service on 127.0.0.1:8484, or where --listen\n"
	        "says, until it is stopped.  Each request needs the token; without --token-file a token is\n"
	        "created at the first start.  To listen on other than loopback addresses, --token-file,\n"
	        "--tls-cert and --tls-key are required.  With --backup it only writes a copy of the database, also while\n"
	        "another serve runs.",
	.options = FOR_SERVE,
	.stops = true,
	.run = cmd_serve_run,
};
