#include "reconcile/dag/dag_step_env.h"

#include <string.h>

#include "reconcile/dag/dag_graph.h"

/* null means that there is no value. */
static void merge_env(struct arena *a, struct node *env, const struct node *map)
{
	for (size_t i = 0; map && map->kind == NODE_MAP && i < map->count; i++) {
		const char *text = node_scalar_text(a, map->entries[i].value);
		if (text)
			node_put(a, env, map->entries[i].key, node_text(a, text));
	}
}

/* ---- inherit ---- */

/* The ancestors of a step, nearest first, after the step itself. */
static size_t list_ancestors(const struct dag_graph *g, size_t at, struct arena *a, size_t **out)
{
	size_t *found = *out = arena_new(a, size_t, g->count + 1), count = 0;
	bool *seen = arena_new(a, bool, g->count);

	found[count++] = at;
	seen[at] = true;
	for (size_t i = 0; i < count; i++) {
		const struct dag_links *links[] = { &g->vertices[found[i]].parents,
		                                     &g->vertices[found[i]].named };
		for (size_t kind = 0; kind < ARRAY_LEN(links); kind++)
			for (size_t n = 0; n < links[kind]->count; n++) {
				size_t to = links[kind]->to[n];
				if (!seen[to])
					found[count++] = to;
				seen[to] = true;
			}
	}
	return count;
}

static const char *find_output(const struct dag_run *run, const size_t *steps, size_t count,
                           const char *param)
{
	/* The first one is the step itself, whose outputs of an earlier attempt do not count. */
	for (size_t i = 1; i < count; i++) {
		const char *text = node_get_text(run->steps[steps[i]].outputs, param);
		if (text)
			return text;
	}
	return NULL;
}

static bool is_empty_map(const struct node *map)
{
	return !map || map->kind != NODE_MAP || map->count == 0;
}

static void inherit_outputs(const struct dag_run *run, size_t at, const struct node *map, struct arena *a,
                    struct node *env)
{
	size_t *steps, count;

	if (is_empty_map(map))
		return;
	count = list_ancestors(run->graph, at, a, &steps);
	for (size_t i = 0; i < map->count; i++) {
		const char *name = map->entries[i].key, *param = node_get_text(map, name);
		const char *text = param ? find_output(run, steps, count, param) : NULL;
		if (text)
			node_put(a, env, name, node_text(a, text));
	}
}

static const struct node *find_missing(const struct node *map, const struct node *env, struct arena *a)
{
	struct node *list = node_list(a);

	for (size_t i = 0; !is_empty_map(map) && i < map->count; i++)
		if (!node_get(env, map->entries[i].key))
			node_add(a, list, node_text(a, map->entries[i].key));
	return list;
}

struct node *dag_step_env(const struct dag_run *run, size_t at, struct arena *a,
                         const struct node **missing)
{
	const struct node *declared = dag_given(run->graph->vertices[at].body, "parameters");
	const struct node *inherited = dag_given(declared, "inherit");
	const struct node *params = dag_given(run->graph->execute, "params");
	struct node *env = node_map(a);

	merge_env(a, env, dag_given(declared, "env"));
	inherit_outputs(run, at, inherited, a, env);
	merge_env(a, env, dag_given(params, "global"));
	merge_env(a, env, dag_given(dag_given(params, "stepWise"), run->steps[at].name));
	*missing = find_missing(inherited, env, a);
	return env;
}

const struct node *dag_step_outputs(struct arena *a, const struct node *outputs)
{
	struct node *copy = outputs ? node_map(a) : NULL;

	for (size_t i = 0; outputs && i < outputs->count; i++) {
		const char *text = node_scalar_text(a, outputs->entries[i].value);
		size_t len = text ? strlen(text) : 0;
		while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
			len--;
		if (text)
			node_put(a, copy, outputs->entries[i].key, node_text(a, arena_strndup(a, text, len)))->secret =
				outputs->entries[i].value->secret;
	}
	return copy;
}
