#include "agent/service/engine/engine_options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/timezone.h"

enum { JOBS = 8 };

/* Without secrets_dir: the credentials that systemd passes to the service. */
static const char *find_secrets_dir(const struct context *ctx)
{
	return ctx->settings->secrets_dir ? ctx->settings->secrets_dir
	                                  : env_get(ctx->env, "CREDENTIALS_DIRECTORY");
}

/* The environment of steps: a copy from before timezone_use(), which changes TZ of this process alone. */
static char **copy_environment(const struct context *ctx)
{
	size_t count = 0;

	while (ctx->env[count])
		count++;
	char **copy = arena_new(ctx->arena, char *, count + 1);
	for (size_t i = 0; i < count; i++)
		copy[i] = arena_strdup(ctx->arena, ctx->env[i]);
	return copy;
}

bool engine_options_read(struct context *ctx, const char *database, struct engine_options *out, struct err *err)
{
	const struct settings *s = ctx->settings;
	/* A command without these options has no defaults for them. */
	const char *timezone = s->timezone ? s->timezone : "UTC", *cgroup = s->cgroup ? s->cgroup : "auto";
	char **env = copy_environment(ctx);

	if (!timezone_use(timezone, err))
		return err_wrap(err, "timezone");
	if (s->secrets_dir && access(s->secrets_dir, R_OK | X_OK) < 0)
		log_warn(ctx->log, "steps will find no secrets: secrets_dir \"%s\": %s", s->secrets_dir,
		         strerror(errno));
	*out = (struct engine_options){
		.database = database, .log = ctx->log, .jobs = s->jobs ? s->jobs : JOBS, .crons = s->crons,
		.cgroup = strcmp(cgroup, "none") == 0 ? NULL : cgroup,
		.steps = {
			.env = env, .images = s->images, .sql = s->sql_command, .export = s->export_command,
			.place = {
				.mirrors = arena_printf(ctx->arena, "%s.mirrors", database),
				.secrets_dir = find_secrets_dir(ctx), .ca_file = s->step_ca_file,
				.ssh_key = s->step_ssh_key, .known_hosts = s->step_known_hosts,
			},
		},
		.mail = {
			.url = s->smtp_url, .from = s->smtp_from, .username = s->smtp_username,
			.password_file = s->smtp_password_file, .ca_file = s->smtp_ca_file,
		},
	};
	return true;
}
