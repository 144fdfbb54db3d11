/* dag_graph.h: what of a run is settled before it begins: who waits for whom, which steps are to
 * run, how often each is tried.  For flow*.c alone. */
#ifndef RECONCILE_DAG_DAG_GRAPH_H
#define RECONCILE_DAG_DAG_GRAPH_H

#include "reconcile/tree/node.h"

struct dag_links { size_t *to, count, room; };

struct dag_retry {
	unsigned most;			/* 0: never */
	int64_t wait_ms;
	bool doubles;
	const struct node *codes;	/* NULL: after any failure */
};

struct dag_vertex {
	const char *name;
	const struct node *body;
	struct dag_links parents;	/* in their order */
	struct dag_links named;		/* by its conditions, and to be waited for too */
	struct dag_links children;	/* those that wait for it; one entry for each time they do */
	bool chosen;			/* not left out by stepsToRun */
	bool skip, skip_dag, http;
	int64_t timeout_ms;		/* 0: none */
	struct dag_retry retry;
	const char *unjudged;		/* why its conditions cannot be judged; NULL: they can */
};

struct dag_graph {
	struct dag_vertex *vertices;
	size_t count;
	const struct node *execute, *watchers;	/* NULL: none */
	size_t watcher_count;
	size_t *by_name;
};

/* All of it lives in a, body and execute are kept.  If false, *err says what cannot be run. */
bool dag_graph_make(struct arena *a, const struct node *body, const struct node *execute,
                    const struct dag_graph **out, struct err *err);

/* The step's index; count if there is none. */
size_t dag_graph_find(const struct dag_graph *g, const char *name);

/* Whom v waits for: its parents, then whom its conditions name; link is below the sum of both. */
size_t dag_link(const struct dag_vertex *v, size_t link);
/* A number for each step, from 1, in a: two steps have the same if each waits for the other. */
const size_t *dag_cycles(struct arena *a, const struct dag_graph *g);

/* The value of key; NULL if it is absent or null. */
const struct node *dag_given(const struct node *map, const char *key);

#endif
