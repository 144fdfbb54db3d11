#include "reconcile/dag/dag_graph.h"

/* Tarjan's strong components; not recursive, because a workflow may be a chain of thousands of steps. */
struct components {
	const struct dag_graph *g;
	size_t *seen, *low, *component;	/* order in which it was seen, from 1; 0: not yet */
	size_t *next;			/* of each step: the link that is followed next */
	size_t *trail, depth, *open, open_count;
	size_t clock, components;
};

size_t dag_link(const struct dag_vertex *v, size_t link)
{
	return link < v->parents.count ? v->parents.to[link] : v->named.to[link - v->parents.count];
}

static void enter_vertex(struct components *c, size_t at)
{
	c->seen[at] = c->low[at] = ++c->clock;
	c->trail[c->depth++] = at;
	c->open[c->open_count++] = at;
}

static void leave_vertex(struct components *c, size_t at)
{
	if (c->low[at] == c->seen[at]) {
		size_t member;
		c->components++;
		do {
			member = c->open[--c->open_count];
			c->component[member] = c->components;
		} while (member != at);
	}
	if (--c->depth > 0) {
		size_t *low = &c->low[c->trail[c->depth - 1]];
		*low = c->low[at] < *low ? c->low[at] : *low;
	}
}

static void visit_vertices(struct components *c, size_t start)
{
	enter_vertex(c, start);
	while (c->depth > 0) {
		size_t at = c->trail[c->depth - 1];
		const struct dag_vertex *v = &c->g->vertices[at];
		if (c->next[at] == v->parents.count + v->named.count) {
			leave_vertex(c, at);
			continue;
		}
		size_t to = dag_link(v, c->next[at]++);
		if (!c->seen[to])
			enter_vertex(c, to);
		else if (!c->component[to] && c->seen[to] < c->low[at])
			c->low[at] = c->seen[to];
	}
}

const size_t *dag_cycles(struct arena *a, const struct dag_graph *g)
{
	size_t n = g->count;
	struct components c = {
		.g = g, .seen = arena_new(a, size_t, n), .low = arena_new(a, size_t, n),
		.component = arena_new(a, size_t, n), .next = arena_new(a, size_t, n),
		.trail = arena_new(a, size_t, n), .open = arena_new(a, size_t, n),
	};

	for (size_t i = 0; i < n; i++)
		if (!c.seen[i])
			visit_vertices(&c, i);
	return c.component;
}
