#include "agent/config/template_vars.h"

#include <string.h>

#include "agent/util/file.h"
#include "reconcile/tree/yaml.h"

static struct var *template_vars_add(struct arena *a, struct var_list *vars, const char *name, const char *value,
                                     const char *origin, struct pos at)
{
	arena_grow(a, vars->items, vars->count, vars->room);
	vars->items[vars->count] = (struct var){ .name = name, .value = value, .origin = origin, .at = at };
	return &vars->items[vars->count++];
}

/* The tool prints Python's booleans, which begin with a capital; YAML reads both the same. */
static const char *template_vars_text(struct arena *a, const struct node *n)
{
	if (n->kind == NODE_BOOL)
		return n->boolean ? "True" : "False";
	return node_scalar_text(a, n);
}

static bool template_vars_is_map(const char *what, const struct node *n, struct diagnostics *faults)
{
	return n->kind == NODE_MAP ||
	       diagnostics_add(faults, n->at, "%s: expected a mapping of names to texts, found %s", what,
	                       node_kind_words(n->kind));
}

void template_vars_add_map(struct arena *a, const char *what, const struct node *n, struct var_list *vars,
                  struct diagnostics *faults)
{
	if (!template_vars_is_map(what, n, faults))
		return;
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		if (e->value->kind == NODE_LIST || e->value->kind == NODE_MAP)
			diagnostics_add(faults, e->value->at, "%s: \"%s\": expected a text, found %s", what, e->key,
			          node_kind_words(e->value->kind));
		else if (e->value->kind != NODE_NULL)
			template_vars_add(a, vars, e->key, template_vars_text(a, e->value), what, e->at);
	}
}

/* The file may be one of the service's own tool: what cannot be filled in matters only where it is used. */
static void template_vars_add_document(struct arena *a, const struct node *n, struct var_list *vars)
{
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		bool text = e->value->kind != NODE_NULL && e->value->kind < NODE_LIST;
		struct var *var = template_vars_add(a, vars, e->key, text ? template_vars_text(a, e->value) : NULL, "--vars",
		                                    e->at);
		if (!text)
			var->instead = e->value->kind == NODE_NULL ? "null" : node_kind_words(e->value->kind);
	}
}

static void template_vars_add_file(struct arena *a, const char *path, struct var_list *vars,
                                   struct diagnostics *faults)
{
	struct yaml_docs docs;
	const char *bytes;
	size_t len;
	struct err err;

	bool read = strcmp(path, "-") == 0 ? file_read_stdin(a, YAML_MAX_BYTES, &bytes, &len, &err)
	                                   : file_read(a, path, YAML_MAX_BYTES, &bytes, &len, &err);
	if (strcmp(path, "-") == 0)
		path = FILE_STDIN;
	if (!read) {
		diagnostics_add(faults, (struct pos){ path, 0, 0 }, "--vars: %s", err.msg);
		return;
	}
	if (!yaml_read_variables(a, path, bytes, len, &docs, faults) || docs.count == 0)
		return;
	if (docs.count > 1)
		diagnostics_add(faults, docs.root[1]->at, "--vars: expected one document, found %zu", docs.count);
	else if (docs.root[0]->kind != NODE_NULL && template_vars_is_map("--vars", docs.root[0], faults))
		template_vars_add_document(a, docs.root[0], vars);
}

/* The text is not shown: what has no "=" in it may be a value, and that a secret. */
static void template_vars_add_set(struct arena *a, const struct settings *s, struct var_list *vars,
                                  struct diagnostics *faults)
{
	const struct origin *origin = settings_origin(s, &s->set);
	const char *name = origin ? origin->name : "--set";

	for (size_t i = 0; i < s->set.count; i++) {
		const char *text = s->set.items[i], *eq = strchr(text, '=');
		if (eq && eq != text)
			template_vars_add(a, vars, arena_strndup(a, text, eq - text), eq + 1,
			                  name, (struct pos){ 0 });
		else
			diagnostics_add(faults, (struct pos){ 0 }, "%s: expected KEY=VALUE, found %s",
			          name, eq ? "no key" : "no \"=\"");
	}
}

static void template_vars_add_env(struct arena *a, char **env, struct vars *out)
{
	size_t count = 0;

	while (env[count])
		count++;
	struct var *vars = arena_new(a, struct var, count + 1);
	for (size_t i = 0; i < count; i++) {
		const char *eq = strchr(env[i], '=');
		if (eq)
			vars[out->env_count++] = (struct var){ arena_strndup(a, env[i], eq - env[i]), eq + 1 };
	}
	out->env = vars;
}

bool template_vars_build(struct arena *a, const struct settings *s, char **env, struct vars *out,
                struct diagnostics *faults)
{
	struct vars vars = { .passthrough = s->vars_passthrough.items,
	                     .passthrough_count = s->vars_passthrough.count };
	struct var_list list = { 0 };
	size_t errors = faults->errors;

	for (size_t i = 0; i < s->vars.count; i++)
		template_vars_add(a, &list, s->vars.items[i].name, s->vars.items[i].value, s->vars.items[i].origin,
		                  s->vars.items[i].at);
	if (s->vars_file)
		template_vars_add_file(a, s->vars_file, &list, faults);
	template_vars_add_set(a, s, &list, faults);
	if (faults->errors > errors)
		return false;
	vars.items = list.items;
	vars.count = list.count;
	template_vars_add_env(a, env, &vars);
	*out = vars;
	return true;
}
