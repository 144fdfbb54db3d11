#include "agent/service/steps/step_command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/service/steps/exec_limits.h"
#include "agent/service/steps/step_http.h"
#include "reconcile/schema/mask.h"

/* The variables of the service's own environment that steps get: what programs usually need, and nothing that may hold
 * a token. */
static const char *const handed_on[] = {
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR",
};

/* An attempt that is being put together. */
struct step_command_builder {
	struct arena *arena;
	const struct step_options *options;
	const struct dag_start *start;
	struct node *env;		/* name to value; later ones replace earlier ones */
	struct node *own;		/* the same for hidden commands */
	struct attempt_command *commands;
	size_t count, room;
	struct masks masks;
	struct buf *notes;
};

static struct node *step_command_base_env(struct arena *a, const struct step_options *options)
{
	struct node *env = node_map(a);

	for (size_t i = 0; i < ARRAY_LEN(handed_on); i++) {
		const char *value = env_get(options->env, handed_on[i]);
		if (value)
			node_put(a, env, handed_on[i], node_text(a, value));
	}
	if (!node_get(env, "PATH"))
		node_put(a, env, "PATH", node_text(a, "/usr/local/bin:/usr/bin:/bin"));
	return env;
}

static const char *const *step_command_env_list(struct arena *a, const struct node *env)
{
	const char **list = arena_new(a, const char *, env->count + 1);

	for (size_t i = 0; i < env->count; i++)
		list[i] = arena_printf(a, "%s=%s", env->entries[i].key, env->entries[i].value->text);
	return list;
}

const char *const *step_command_environment(struct arena *a, const struct step_options *options)
{
	return step_command_env_list(a, step_command_base_env(a, options));
}

static void step_command_set_variable(struct step_command_builder *p, const char *name, const char *value)
{
	node_put(p->arena, p->env, name, node_text(p->arena, value));
}

static struct attempt_command *step_command_add(struct step_command_builder *p)
{
	arena_grow(p->arena, p->commands, p->count, p->room);
	p->commands[p->count] = (struct attempt_command){ 0 };
	return &p->commands[p->count++];
}

/* Adds a shell that runs text; `before` are words in front of that shell. */
static void step_command_add_shell(struct step_command_builder *p, const char *text, const char *before)
{
	const char **argv = arena_new(p->arena, const char *, 6);
	struct attempt_command *c = step_command_add(p);

	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = before ? arena_printf(p->arena, "%s /bin/sh -c \"$1\"", before) : text;
	argv[3] = before ? "sh" : NULL;
	argv[4] = before ? text : NULL;
	c->argv = argv;
}

/* ---- secrets ---- */

/* Variables that are set stay: a secret called "path" would hide all programs from the step. */
static void step_command_set_secret(struct step_command_builder *p, const char *variable, const char *name,
                                    const char *value)
{
	if (node_get(p->env, variable))
		buf_addf(p->notes, "flowsync: secret \"%s\" is not in %s, which is already set\n", name, variable);
	else
		step_command_set_variable(p, variable, value);
}

/* Under its long name, and under the short one unless programs load libraries by such a variable. */
static void step_command_set_secret_variables(struct step_command_builder *p, const char *name, const char *value)
{
	const char *brief = secret_variable_short(p->arena, name);

	step_command_set_secret(p, secret_variable(p->arena, name), name, value);
	if (strncmp(brief, "LD_", 3) == 0)
		buf_addf(p->notes, "flowsync: secret \"%s\" is not in %s: programs load libraries by such variables\n",
		         name, brief);
	else
		step_command_set_secret(p, brief, name, value);
}

static bool step_command_set_secrets(struct step_command_builder *p, struct err *err)
{
	const struct node *names = p->start->secrets;

	for (size_t i = 0; names && names->kind == NODE_LIST && i < names->count; i++) {
		const struct node *name = names->entries[i].value;
		const char *value;
		if (name->kind != NODE_TEXT)
			continue;
		if (!secret_read(p->arena, p->options->place.secrets_dir, name->text, &value, err))
			return false;
		step_command_set_secret_variables(p, name->text, value);
		masks_add(p->arena, &p->masks, value);
	}
	return true;
}

/* ---- by the type of the step ---- */

static bool step_command_add_checkout(struct step_command_builder *p, struct err *err)
{
	const struct node *repository = node_get(p->start->step->body, "repository");
	const char *const *masks = NULL;

	if (!repository || repository->kind == NODE_NULL)
		return true;
	if (!step_checkout_command(p->arena, repository, &p->options->place, step_command_add(p), &masks, err))
		return false;
	for (; masks && *masks; masks++)
		masks_add(p->arena, &p->masks, *masks);
	return true;
}

static const char *step_command_find_image(const struct var_list *images, const char *key)
{
	for (size_t i = 0; i < images->count; i++)
		if (strcmp(images->items[i].name, key) == 0)
			return images->items[i].value;
	return NULL;
}

const char *step_command_image(struct arena *a, const struct step_options *options, const struct node *step)
{
	int64_t id = node_get_int(step, "imageId", 0), version = node_get_int(step, "imageVersionId", 0);
	const char *keys[] = {
		arena_printf(a, "%" PRId64 ":%" PRId64, id, version), arena_printf(a, "%" PRId64, id), "*",
	};
	const char *type = node_get_text(step, "type"), *found = NULL;

	if (type && strcmp(type, "standard") != 0)
		return NULL;
	for (size_t i = 0; !found && i < ARRAY_LEN(keys); i++)
		found = step_command_find_image(&options->images, keys[i]);
	return found;
}

/* Values of variables whose name tells, as everywhere (design, section 5): a log does not show them. */
static void step_command_mask_parameters(struct step_command_builder *p)
{
	const struct node *env = p->start->env;

	for (size_t i = 0; i < env->count; i++)
		if (mask_key(env->entries[i].key))
			masks_add(p->arena, &p->masks, env->entries[i].value->text);
}

static bool step_command_prepare_standard(struct step_command_builder *p, struct err *err)
{
	const char *command = node_get_text(p->start->step->body, "command");

	if (!step_command_set_secrets(p, err) || !step_command_add_checkout(p, err))
		return false;
	step_command_add_shell(p, command ? command : "",
	                       step_command_image(p->arena, p->options, p->start->step->body));
	return true;
}

static bool step_command_prepare_http(struct step_command_builder *p, struct err *err)
{
	return step_http_command(p->arena, p->start->step->body, p->start->env, p->options->place.secrets_dir,
	                         step_command_add(p), &p->masks, err);
}

/* Sets a variable for the operator's command from a field of the step. */
static void step_command_set_from_field(struct step_command_builder *p, const char *variable, const struct node *map,
                                        const char *key, const char *otherwise)
{
	const struct node *n = node_get(map, key);
	const char *text = n ? node_scalar_text(p->arena, n) : NULL;

	if (text || otherwise)
		step_command_set_variable(p, variable, text ? text : otherwise);
}

static bool step_command_prepare_sql(struct step_command_builder *p, struct err *err)
{
	const struct node *step = p->start->step->body, *repository = node_get(step, "repository");

	if (!p->options->sql)
		return err_set(err, "this service cannot run sql steps: set serve.sql to the command for them");
	if (!step_command_add_checkout(p, err))
		return false;
	step_command_set_from_field(p, "SQL_QUERY_PATH", step, "sqlQueryPath", NULL);
	step_command_set_from_field(p, "SQL_QUERY_PATH", repository, "filePath", NULL);
	step_command_add_shell(p, p->options->sql, NULL);
	return true;
}

static bool step_command_prepare_export(struct step_command_builder *p, struct err *err)
{
	const struct node *step = p->start->step->body;

	if (!p->options->export)
		return err_set(err, "this service cannot run export steps: set serve.export to the command for them");
	step_command_set_from_field(p, "EXPORT_SCHEMA", step, "schema", "");
	step_command_set_from_field(p, "EXPORT_TABLE", step, "table", "");
	step_command_set_from_field(p, "EXPORT_SORT_BY", step, "sortBy", "");
	step_command_set_from_field(p, "EXPORT_SORT_ORDER", step, "sortOrder", "asc");
	step_command_set_from_field(p, "EXPORT_COMPRESSION", step, "compression", "false");
	step_command_add_shell(p, p->options->export, NULL);
	return true;
}

static const struct {
	const char *type;
	bool (*prepare)(struct step_command_builder *p, struct err *err);
} types[] = {
	{ "standard", step_command_prepare_standard }, { "http", step_command_prepare_http },
	{ "sql", step_command_prepare_sql }, { "export", step_command_prepare_export },
};

static bool step_command_prepare_by_type(struct step_command_builder *p, struct err *err)
{
	const char *type = node_get_text(p->start->step->body, "type");

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(types[i].type, type ? type : "standard") == 0)
			return types[i].prepare(p, err);
	return err_set(err, "this service cannot run steps of type \"%s\"", type);
}

/* ---- all of it ---- */

/* A name with "=" would set another variable. */
static void step_command_set_parameters(struct step_command_builder *p)
{
	const struct node *env = p->start->env;

	for (size_t i = 0; i < env->count; i++) {
		const char *name = env->entries[i].key;
		if (*name && !strchr(name, '='))
			step_command_set_variable(p, name, env->entries[i].value->text);
		else
			buf_addf(p->notes, "flowsync: \"%s\" is not a valid name of a variable; not set\n", name);
	}
	const struct node *inherit = node_get(node_get(p->start->step->body, "parameters"), "inherit");
	for (size_t i = 0; p->start->missing && i < p->start->missing->count; i++) {
		const char *name = p->start->missing->entries[i].value->text, *param = node_get_text(inherit, name);
		buf_addf(p->notes, "flowsync: %s is not set: no earlier step wrote the output parameter %s\n", name,
		         param ? param : "");
	}
}

static const char run_variable[] = "WORKFLOW_EXECUTION_ID";

const char *step_command_mark(struct arena *a, const char *uuid)
{
	return arena_printf(a, "%s=%s", run_variable, uuid);
}

static void step_command_set_identity(struct step_command_builder *p, const struct step_execution *run)
{
	const char *values[][2] = {
		{ "WORKFLOW_ID", arena_printf(p->arena, "%" PRId64, run->workflow_id) },
		{ "WORKFLOW_NAME", run->workflow },
		{ run_variable, run->uuid },
		{ "WORKFLOW_STEP", p->start->step->name },
		{ "WORKFLOW_ATTEMPT", arena_printf(p->arena, "%u", p->start->step->attempts) },
	};

	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		step_command_set_variable(p, values[i][0], values[i][1]);
}

/* A parameter called LD_PRELOAD or https_proxy would change what hidden commands do.  They need none: everything is in
 * their documents. */
static void step_command_protect_own_commands(struct step_command_builder *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->commands[i].self)
			p->commands[i].env = step_command_env_list(p->arena, p->own);
}

bool step_command_prepare(struct arena *a, const struct step_options *options, const struct step_execution *run,
                          const struct dag_start *start, const char *folder, struct attempt *out,
                          struct buf *notes, struct err *err)
{
	struct step_command_builder p = {
		.arena = a, .options = options, .start = start, .env = step_command_base_env(a, options),
		.notes = notes, };

	step_command_set_identity(&p, run);
	p.own = node_copy(a, p.env);
	step_command_set_parameters(&p);
	step_command_set_identity(&p, run);	/* again: no parameter may replace them */
	for (const char *const *mask = run->masks; mask && *mask; mask++)
		masks_add(a, &p.masks, *mask);
	step_command_mask_parameters(&p);
	bool ok = step_command_prepare_by_type(&p, err);
	out->masks = masks_list(&p.masks);
	if (!ok)
		return false;
	step_command_protect_own_commands(&p);
	const char *const *env = step_command_env_list(a, p.env);
	for (size_t i = 0; i < p.count; i++)
		if (!exec_limits_check(&p.commands[i], p.commands[i].env ? p.commands[i].env : env, err))
			return false;
	*out = (struct attempt){
		.folder = folder, .commands = p.commands, .command_count = p.count,
		.env = env, .masks = out->masks,
	};
	return true;
}
