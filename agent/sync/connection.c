#include "agent/sync/connection.h"

#include <string.h>
#include <unistd.h>

#include "agent/util/secret_file.h"
#include "agent/config/config_file.h"
#include "agent/config/cycle_job.h"
#include "agent/service/service.h"

static enum origin_kind connection_setting_origin(const struct settings *s, const void *field)
{
	const struct origin *origin = settings_origin(s, field);

	return origin ? origin->kind : ORIGIN_DEFAULT;
}

/* "An option beats a variable, a variable beats the file" (design, 3): also a stage an endpoint. */
bool connection_endpoint(struct context *ctx, struct endpoint *out, struct err *err)
{
	const struct settings *s = ctx->settings;
	enum origin_kind endpoint = connection_setting_origin(s, &s->endpoint);
	enum origin_kind stage = connection_setting_origin(s, &s->stage);

	struct endpoint_choice choice = {
		.endpoint = stage > endpoint ? NULL : s->endpoint, .stage = s->stage,
		.peak_stage = env_get(ctx->env, "PEAK__STAGE"), .env_stage = env_get(ctx->env, "STAGE"),
	};

	if (endpoint == ORIGIN_OPTION && stage == ORIGIN_OPTION)
		return err_usage(err, "--endpoint and --stage name two services: give one of them");
	bool chosen = choice.endpoint || choice.stage || choice.peak_stage || choice.env_stage;
	if (ctx->config && !chosen)
		return err_usage(err, "no service is chosen: add service: {endpoint: URL} to %s (\"local\" is the built-in "
		                 "local service), or service: {stage: NAME} for the hosted one", ctx->config->path);
	return endpoint_resolve(ctx->arena, &choice, out, err) ||
	       (!chosen && err_append(err, "%s", context_config_hint(ctx)));
}

bool connection_is_local(struct context *ctx)
{
	struct endpoint endpoint;
	struct err ignored;

	return connection_endpoint(ctx, &endpoint, &ignored) && (endpoint.local || endpoint.loopback);
}

/* For a message only: where flowsync serve of this state directory keeps its token; NULL if the file is not there. */
static const char *connection_local_token_file(struct context *ctx)
{
	const char *dir = ctx->settings->state_dir;
	const char *path = dir ? arena_printf(ctx->arena, "%s/service-token", dir) : NULL;

	return path && access(path, F_OK) == 0 ? path : NULL;
}

static bool connection_choose_token(struct context *ctx, const struct endpoint *endpoint, const char **out,
                                    struct err *err)
{
	const struct settings *s = ctx->settings;
	const char *text = NULL;

	/* An empty file is as good as none: the variables come next. */
	if (s->token_file && !secret_file_read(ctx->arena, s->token_file, SECRET_TOKEN, &text, err)) {
		err->kind = ERR_USAGE;
		return err_wrap(err, "token file \"%s\"", s->token_file);
	}
	if (!ctx->job)	/* else the agent has warned */
		secret_file_warn(ctx->log, "token file", s->token_file);
	return endpoint_token(ctx->arena, endpoint, &(struct token_choice){
		.token_file_text = text, .flowsync_token = env_get(ctx->env, "FLOWSYNC_TOKEN"),
		.peak_auth_token = env_get(ctx->env, "PEAK_AUTH_TOKEN"), .api_key = env_get(ctx->env, "API_KEY"),
		.local_token_file = connection_local_token_file(ctx),
	}, out, err);
}

static bool connection_resolve_local_url(struct context *ctx, const char *url, struct connection *c, struct err *err)
{
	return endpoint_resolve(ctx->arena, &(struct endpoint_choice){ .endpoint = url }, &c->endpoint, err);
}

/* The embedded service is reached as any other: by its address and a token, which never leaves
 * this process. */
static bool connection_start_local_service(struct context *ctx, struct connection *c, const char **token,
                                           struct err *err)
{
	/* No crons: this command ends soon. */
	enum local_service_executes executes = ctx->command->runs ? LOCAL_SERVICE_EXECUTES_REQUESTED :
	                                       ctx->command->reads ? LOCAL_SERVICE_ONLY_READS :
	                                                             LOCAL_SERVICE_EXECUTES_NOTHING;
	if (!local_service_start_embedded(ctx, executes, &c->serve, err))
		return false;
	*token = local_service_token(c->serve);
	return connection_resolve_local_url(ctx, local_service_url(c->serve), c, err);
}

/* The agent's own local service serves its children too. */
static bool connection_find_service(struct context *ctx, struct connection *c, const char **token, struct err *err)
{
	if (!c->endpoint.local)
		return connection_choose_token(ctx, &c->endpoint, token, err);
	if (!ctx->job || !ctx->job->endpoint)
		return connection_start_local_service(ctx, c, token, err);
	*token = ctx->job->token;
	return connection_resolve_local_url(ctx, ctx->job->endpoint, c, err);
}

bool connection_open(struct context *ctx, unsigned concurrency, struct connection *out, struct err *err)
{
	CLEANUP(connection_close) struct connection c = { 0 };
	const char *token;

	if (!connection_endpoint(ctx, &c.endpoint, err))
		return false;
	c.name = c.endpoint.local ? "local" : c.endpoint.url;
	if (!connection_find_service(ctx, &c, &token, err))
		return false;
	/* The client keeps a pointer to the endpoint, which outlives this frame in the arena. */
	struct endpoint *kept = arena_new(ctx->arena, struct endpoint, 1);
	*kept = c.endpoint;
	if (!service_client_open(&(struct service_client_options){ .endpoint = kept, .token = token,
	                                       .ca_file = ctx->settings->ca_file,
	                                       .connections = concurrency }, &c.client, err))
		return false;
	*out = c;
	c = (struct connection){ 0 };
	return true;
}

void connection_close(struct connection *c)
{
	service_client_close(c->client);
	local_service_stop(c->serve);
	*c = (struct connection){ 0 };
}
