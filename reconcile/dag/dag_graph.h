/* dag_graph.h: the parts of a run that do not change: which step waits for which, which steps
 * run, and how often each one is retried.  Private to reconcile/dag. */
#ifndef RECONCILE_DAG_DAG_GRAPH_H
#define RECONCILE_DAG_DAG_GRAPH_H

#include "reconcile/tree/node.h"

struct dag_links { size_t *to, count, room; };

struct dag_retry {
	unsigned most;			/* number of retries; 0: none */
	int64_t wait_ms;
	bool doubles;			/* the wait, with each retry */
	const struct node *codes;	/* exit codes to retry after; NULL: any failure */
};

struct dag_vertex {
	const char *name;
	const struct node *body;
	struct dag_links parents;	/* in their order */
	struct dag_links named;		/* steps named by its conditions, which it also waits for */
	struct dag_links children;	/* steps that wait for it; one entry for each of their links */
	bool chosen;			/* not left out by stepsToRun */
	bool skip, skip_dag, http;
	int64_t timeout_ms;		/* 0: none */
	struct dag_retry retry;
	const char *unjudged;		/* why its conditions cannot be evaluated; NULL: they can */
};

struct dag_graph {
	struct dag_vertex *vertices;
	size_t count;
	const struct node *execute, *watchers;	/* NULL: none */
	size_t watcher_count;
	size_t *by_name;		/* indices of vertices, sorted by name */
};

/* Makes the graph, in a; body and execute have to outlive it.  If false, *err says why the workflow cannot be run. */
bool dag_graph_make(struct arena *a, const struct node *body, const struct node *execute,
                    const struct dag_graph **out, struct err *err);

/* The index of a step; g->count if it does not exist. */
size_t dag_graph_find(const struct dag_graph *g, const char *name);

/* The index of a step that v waits for: its parents, then the steps named by its conditions; link is below the sum of
 * both counts. */
size_t dag_link(const struct dag_vertex *v, size_t link);
/* A number for each step, from 1, in a: two steps have the same number if each waits for the other. */
const size_t *dag_cycles(struct arena *a, const struct dag_graph *g);

/* The value of key; NULL if it is absent or null. */
const struct node *dag_given(const struct node *map, const char *key);

#endif
