#include "reconcile/dag/dag_graph.h"

#include <stdlib.h>
#include <string.h>

static const int64_t SECOND_MS = 1000;

const struct node *dag_given(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && n->kind != NODE_NULL ? n : NULL;
}

static size_t entry_count(const struct node *n)
{
	return n && (n->kind == NODE_LIST || n->kind == NODE_MAP) ? n->count : 0;
}

static bool get_flag(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && n->kind == NODE_BOOL && n->boolean;
}

static int64_t clamp(int64_t n, int64_t least, int64_t most)
{
	return n < least ? least : n > most ? most : n;
}

/* ---- names ---- */

struct named { const char *name; size_t at; };

static int order_dag_names(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static void sort_dag_names(struct arena *a, struct dag_graph *g)
{
	struct named *names = arena_new(a, struct named, g->count);

	for (size_t i = 0; i < g->count; i++)
		names[i] = (struct named){ g->vertices[i].name, i };
	if (g->count)
		qsort(names, g->count, sizeof *names, order_dag_names);
	g->by_name = arena_new(a, size_t, g->count);
	for (size_t i = 0; i < g->count; i++)
		g->by_name[i] = names[i].at;
}

size_t dag_graph_find(const struct dag_graph *g, const char *name)
{
	size_t low = 0, high = g->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(g->vertices[g->by_name[middle]].name, name);
		if (order == 0)
			return g->by_name[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return g->count;
}

/* ---- one step ---- */

static void link_to(struct arena *a, struct dag_links *links, size_t to)
{
	arena_grow(a, links->to, links->count, links->room);
	links->to[links->count++] = to;
}

static struct dag_retry read_retry(const struct node *options)
{
	const struct node *codes = dag_given(options, "exitCodes");

	if (!options)
		return (struct dag_retry){ 0 };
	return (struct dag_retry){
		.most = (unsigned)clamp(node_get_int(options, "numberOfRetries", 3), 0, 5),
		.wait_ms = clamp(node_get_int(options, "duration", 5), 0, 120) * SECOND_MS,
		.doubles = get_flag(options, "exponentialBackoff"),
		.codes = entry_count(codes) ? codes : NULL,
	};
}

static void read_step(struct dag_vertex *v, const struct node *retry)
{
	const struct node *configuration = dag_given(v->body, "runConfiguration");
	const struct node *skip = dag_given(configuration, "skipConfiguration");
	const struct node *own = dag_given(configuration, "retryOptions");
	const char *type = node_get_text(v->body, "type");

	v->skip = get_flag(skip, "skip");
	v->skip_dag = get_flag(skip, "skipDAG");
	v->http = type && strcmp(type, "http") == 0;
	v->timeout_ms = clamp(node_get_int(v->body, "stepTimeout", 0), 0, INT32_MAX) * SECOND_MS;
	v->retry = read_retry(own ? own : retry);
}

static bool read_parents(struct arena *a, const struct dag_graph *g, struct dag_vertex *v,
                         struct err *err)
{
	const struct node *parents = dag_given(v->body, "parents");

	for (size_t i = 0; i < entry_count(parents); i++) {
		const struct node *parent = parents->entries[i].value;
		size_t at = parent->kind == NODE_TEXT ? dag_graph_find(g, parent->text) : g->count;
		if (at == g->count)
			return err_set(err, "step \"%s\": parent %zu is not a step of the workflow",
			               v->name, i + 1);
		link_to(a, &v->parents, at);
	}
	return true;
}

/* ---- steps named by conditions ---- */

/* Adds a step that a condition names; one that stepsToRun leaves out is not waited for. */
static void read_condition_step(struct arena *a, const struct dag_graph *g, struct dag_vertex *v,
                      const struct node *name, const char *list, size_t index)
{
	size_t at = name && name->kind == NODE_TEXT ? dag_graph_find(g, name->text) : g->count;

	if (at < g->count && g->vertices[at].chosen)
		link_to(a, &v->named, at);
	else if (at == g->count && !v->unjudged)
		v->unjudged = arena_printf(a, "executionParameters.%s[%zu] names \"%s\", which is "
		                           "not a step of the workflow", list, index,
		                           name && name->kind == NODE_TEXT ? name->text : "");
}

static void read_condition_steps(struct arena *a, const struct dag_graph *g, struct dag_vertex *v)
{
	const struct node *all = dag_given(v->body, "executionParameters");
	const struct node *status = dag_given(all, "parentStatus");
	const struct node *conditional = dag_given(all, "conditional");

	for (size_t i = 0; i < entry_count(status); i++) {
		const struct node *parents = dag_given(status->entries[i].value, "parents");
		for (size_t p = 0; p < entry_count(parents); p++)
			read_condition_step(a, g, v, parents->entries[p].value, "parentStatus", i);
	}
	for (size_t i = 0; i < entry_count(conditional); i++) {
		const struct node *name = node_get(conditional->entries[i].value, "stepName");
		read_condition_step(a, g, v, name, "conditional", i);
	}
}

/* ---- cycles ---- */

/* Removes the links of conditions that are part of a cycle.  The rest has no cycle, because
 * parents alone have none. */
static void cut_cycles(struct arena *a, struct dag_graph *g)
{
	const size_t *component = dag_cycles(a, g);

	for (size_t i = 0; i < g->count; i++) {
		struct dag_vertex *v = &g->vertices[i];
		size_t kept = 0;
		for (size_t n = 0; n < v->named.count; n++) {
			size_t to = v->named.to[n];
			if (component[to] != component[i])
				v->named.to[kept++] = to;
			else if (!v->unjudged)
				v->unjudged = arena_printf(a, "executionParameters names step \"%s\", "
				                           "which waits for this one",
				                           g->vertices[to].name);
		}
		v->named.count = kept;
	}
}

static bool check_parents(struct arena *a, const struct dag_graph *g, struct err *err)
{
	const size_t *component = dag_cycles(a, g);

	for (size_t i = 0; i < g->count; i++)
		for (size_t p = 0; p < g->vertices[i].parents.count; p++)
			if (component[g->vertices[i].parents.to[p]] == component[i])
				return err_set(err, "steps wait for each other in a circle: step \"%s\" "
				               "is one of them", g->vertices[i].name);
	return true;
}

static void link_children(struct arena *a, struct dag_graph *g)
{
	for (size_t i = 0; i < g->count; i++) {
		const struct dag_vertex *v = &g->vertices[i];
		for (size_t n = 0; n < v->parents.count + v->named.count; n++)
			link_to(a, &g->vertices[dag_link(v, n)].children, i);
	}
}

/* ---- execute ---- */

static bool choose_step(struct dag_graph *g, const struct node *item, bool *with_dag, struct err *err)
{
	const char *name = node_get_text(item, "stepName");
	size_t at = name ? dag_graph_find(g, name) : g->count;

	if (!name)
		return err_set(err, "stepsToRun: expected a stepName in each entry");
	if (at == g->count)
		return err_set(err, "stepsToRun: there is no step \"%s\"", name);
	g->vertices[at].chosen = true;
	with_dag[at] |= get_flag(item, "runDAG");
	return true;
}

/* Chooses all steps that depend on marked ones. */
static void choose_below(struct arena *a, struct dag_graph *g, bool *marked)
{
	struct dag_links *below = arena_new(a, struct dag_links, g->count);
	size_t *next = arena_new(a, size_t, g->count), count = 0;

	for (size_t i = 0; i < g->count; i++) {
		for (size_t p = 0; p < g->vertices[i].parents.count; p++)
			link_to(a, &below[g->vertices[i].parents.to[p]], i);
		if (marked[i])
			next[count++] = i;
	}
	while (count > 0) {
		size_t at = next[--count];
		g->vertices[at].chosen = true;
		for (size_t i = 0; i < below[at].count; i++)
			if (!marked[below[at].to[i]]) {
				marked[below[at].to[i]] = true;
				next[count++] = below[at].to[i];
			}
	}
}

static bool choose_steps(struct arena *a, struct dag_graph *g, struct err *err)
{
	const struct node *list = dag_given(g->execute, "stepsToRun");
	bool *with_dag = arena_new(a, bool, g->count);

	if (list && list->kind != NODE_LIST)
		return err_set(err, "stepsToRun: expected a list, found %s",
		               node_kind_words(list->kind));
	for (size_t i = 0; i < g->count; i++)
		g->vertices[i].chosen = !entry_count(list);
	for (size_t i = 0; i < entry_count(list); i++)
		if (!choose_step(g, list->entries[i].value, with_dag, err))
			return false;
	choose_below(a, g, with_dag);
	return true;
}

static bool check_parameter_values(const struct node *map, const char *what, struct err *err)
{
	if (map && map->kind != NODE_MAP)
		return err_set(err, "%s: expected a mapping, found %s", what, node_kind_words(map->kind));
	for (size_t i = 0; i < entry_count(map); i++) {
		const struct node *value = map->entries[i].value;
		if (value->kind == NODE_MAP || value->kind == NODE_LIST)
			return err_set(err, "%s: %s: expected a text, found %s", what,
			               map->entries[i].key, node_kind_words(value->kind));
	}
	return true;
}

static bool check_params(const struct dag_graph *g, struct err *err)
{
	const struct node *params = dag_given(g->execute, "params");
	const struct node *steps = dag_given(params, "stepWise");

	if (params && params->kind != NODE_MAP)
		return err_set(err, "params: expected a mapping, found %s", node_kind_words(params->kind));
	if (!check_parameter_values(dag_given(params, "global"), "params.global", err))
		return false;
	if (steps && steps->kind != NODE_MAP)
		return err_set(err, "params.stepWise: expected a mapping, found %s",
		               node_kind_words(steps->kind));
	for (size_t i = 0; i < entry_count(steps); i++) {
		const char *name = steps->entries[i].key;
		if (dag_graph_find(g, name) == g->count)
			return err_set(err, "params.stepWise: there is no step \"%s\"", name);
		if (!check_parameter_values(dag_given(steps, name), "params.stepWise", err))
			return false;
	}
	return true;
}

/* ---- all of it ---- */

static bool read_steps(struct arena *a, struct dag_graph *g, const struct node *body,
                       struct err *err)
{
	const struct node *steps = dag_given(body, "steps"), *retry = dag_given(body, "retryOptions");

	if (!steps || steps->kind != NODE_MAP)
		return err_set(err, "steps: expected a mapping of steps");
	g->count = steps->count;
	g->vertices = arena_new(a, struct dag_vertex, g->count);
	for (size_t i = 0; i < g->count; i++) {
		g->vertices[i].name = steps->entries[i].key;
		g->vertices[i].body = steps->entries[i].value;
		read_step(&g->vertices[i], retry);
	}
	sort_dag_names(a, g);
	for (size_t i = 0; i < g->count; i++)
		if (!read_parents(a, g, &g->vertices[i], err))
			return false;
	return check_parents(a, g, err);
}

bool dag_graph_make(struct arena *a, const struct node *body, const struct node *execute,
                     const struct dag_graph **out, struct err *err)
{
	struct dag_graph *g = arena_new(a, struct dag_graph, 1);

	if (execute && execute->kind != NODE_NULL && execute->kind != NODE_MAP)
		return err_set(err, "expected a mapping, found %s", node_kind_words(execute->kind));
	g->execute = execute;
	g->watchers = dag_given(body, "watchers");
	g->watcher_count = entry_count(g->watchers);
	if (!read_steps(a, g, body, err) || !choose_steps(a, g, err) || !check_params(g, err))
		return false;
	for (size_t i = 0; i < g->count; i++)
		if (g->vertices[i].chosen)
			read_condition_steps(a, g, &g->vertices[i]);
	cut_cycles(a, g);
	link_children(a, g);
	*out = g;
	return true;
}
