#include "agent/sync/sync_check.h"

#include <string.h>

#include "agent/config/config_file.h"
#include "agent/sync/connection.h"
#include "agent/source/source.h"
#include "reconcile/wire/owner_tags.h"

static bool sync_check_prune_without_owner(const struct settings *s, struct err *err)
{
	const struct origin *prune = settings_origin(s, &s->prune);

	if (prune && prune->kind == ORIGIN_FILE)
		return err_usage(err, "prune: true needs an owner, as only workflows of that owner are deleted: add "
		                 "owner: NAME to the sync");
	return err_usage(err, "--prune needs --owner NAME, as only workflows of that owner are deleted");
}

bool sync_check_settings(const struct settings *s, struct err *err)
{
	for (size_t i = 0; i < s->mask.count; i++)
		if (s->mask.items[i][0] != '/')
			return err_usage(err, "mask \"%s\": expected a JSON Pointer, such as /steps/*/parameters/env/NAME",
			                 s->mask.items[i]);
	if (s->owner && !owner_tags_is_owner(s->owner))
		return err_usage(err, "owner \"%s\": expected 1 to 40 characters of a-z, 0-9 and -, not beginning with "
		                 "\"id-\" or \"settled-\", and not \"keep\"", s->owner);
	return !s->prune || s->owner || sync_check_prune_without_owner(s, err);
}

size_t sync_check_count(const struct config *config)
{
	return config && config->count ? config->count : 1;
}

/* The context of a command about this sync alone, in a. */
static struct context sync_check_context(const struct context *ctx, const struct config *config, size_t sync,
                                         struct arena *a, struct vars *vars, struct diagnostics *faults)
{
	struct settings *s = arena_new(a, struct settings, 1);
	struct context one = *ctx;

	context_settings(ctx, config, sync, a, s, vars, faults);
	if (!s->sync_name)
		s->sync_name = "default";
	one.settings = s;
	one.arena = a;
	return one;
}

/* The service and the owner that a sync writes to; service NULL: not known, "": none is chosen. */
struct sync_target { const char *sync, *service, *owner; };

static struct sync_target sync_check_find_target(struct context *one)
{
	const struct settings *s = one->settings;
	struct sync_target target = { .sync = s->sync_name, .owner = s->owner ? s->owner : "default" };
	struct endpoint endpoint;
	struct err err;

	if (connection_endpoint(one, &endpoint, &err))
		target.service = endpoint.local ? "local" : endpoint.unix_socket ? endpoint.unix_socket : endpoint.url;
	else if (!s->endpoint && !s->stage)
		target.service = "";
	return target;
}

static bool sync_check_same_target(const struct sync_target *a, const struct sync_target *b)
{
	return a->service && b->service && strcmp(a->service, b->service) == 0 && strcmp(a->owner, b->owner) == 0;
}

/* Without options and variables: for a command about one sync they say nothing about the other syncs. */
static struct context sync_check_without_command_line(const struct context *ctx)
{
	static char *nothing[] = { NULL };
	static const struct command_line empty;
	struct context plain = *ctx;

	plain.line = &empty;
	plain.env = nothing;
	return plain;
}

bool sync_check_owners(const struct context *ctx, const struct config *config, struct diagnostics *faults)
{
	struct context meant = ctx->command->many ? *ctx : sync_check_without_command_line(ctx);
	size_t count = sync_check_count(config);
	struct sync_target *targets = arena_new(faults->arena, struct sync_target, count);
	struct diagnostics none = { .arena = faults->arena };

	for (size_t i = 0; i < count; i++) {
		struct context one = sync_check_context(&meant, config, i, faults->arena, NULL, &none);
		targets[i] = sync_check_find_target(&one);
		for (size_t j = 0; j < i; j++)
			if (sync_check_same_target(&targets[i], &targets[j]))
				return diagnostics_add(faults, (struct pos){ 0 },
				                       "the syncs \"%s\" and \"%s\" have the same service and the same owner, "
				                       "\"%s\": give each sync its own owner", targets[j].sync,
				                       targets[i].sync, targets[i].owner);
	}
	return true;
}

static bool sync_check_one(struct context *one, struct err *err)
{
	struct endpoint endpoint;
	struct git_fetch fetch;
	const char *dir;

	return sync_check_settings(one->settings, err) && connection_endpoint(one, &endpoint, err) &&
	       source_fetch(one, &fetch, err) && (fetch.mirror || context_dir(one, &dir, err));
}

bool sync_check_all(const struct context *ctx, const struct config *config, struct diagnostics *faults)
{
	size_t errors = faults->errors;
	struct err err;

	for (size_t i = 0; i < sync_check_count(config); i++) {
		struct vars vars = { 0 };
		size_t before = faults->errors;
		struct context one = sync_check_context(ctx, config, i, faults->arena, &vars, faults);
		if (faults->errors == before && !sync_check_one(&one, &err))
			diagnostics_add(faults, (struct pos){ 0 }, "sync \"%s\": %s", one.settings->sync_name, err.msg);
	}
	return faults->errors == errors && sync_check_owners(ctx, config, faults);
}
