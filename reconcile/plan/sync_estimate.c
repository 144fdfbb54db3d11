#include "reconcile/plan/sync_estimate.h"

/* Requests of a sync beside those of its plan (agent/docs/10-performance.md). */
static const struct { const char *action; int64_t requests; } action_costs[] = {
	{ "create", 3 }, { "patch", 3 }, { "replace", 3 }, { "delete", 1 },	/* 2 without the description, which the plan sent as well */
};

enum { REQUESTS_IN_TURN = 3 };	/* of one workflow: its requests wait for each other */

static int64_t milliseconds_of(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && n->kind == NODE_REAL ? (int64_t)(n->real * 1000) : node_get_int(map, key, 0) * 1000;
}

static int64_t count_more_requests(const struct report_view *plan, const struct node *requests)
{
	int64_t sum = 0;

	for (size_t i = 0; i < ARRAY_LEN(action_costs); i++)
		sum += action_costs[i].requests * (int64_t)report_view_count(plan, action_costs[i].action, "planned");
	/* The list is read again after creates. */
	if (report_view_count(plan, "create", "planned"))
		sum += node_get_int(node_get(requests, "by_operation"), "list_workflows", 1);
	return sum;
}

bool sync_estimate(const struct report_view *plan, struct sync_estimate *out)
{
	const struct node *requests = node_get(plan->frame, "requests");
	int64_t total = node_get_int(requests, "total", 0), more = count_more_requests(plan, requests);
	int64_t at_once = node_get_int(requests, "concurrency", 1);

	if (!more || !total)
		return false;
	int64_t one = milliseconds_of(requests, "waited_s") / total;
	int64_t in_turn = at_once > 0 ? more / at_once : more;
	*out = (struct sync_estimate){
		.requests = total + more,
		.ms = milliseconds_of(plan->frame, "duration_s") +
		      one * (in_turn > REQUESTS_IN_TURN ? in_turn : REQUESTS_IN_TURN),
	};
	return true;
}

void sync_estimate_add(const struct sync_estimate *e, struct buf *out)
{
	long long seconds = (e->ms + 999) / 1000, minutes = (seconds + 59) / 60;

	buf_addf(out, "A sync sends about %lld requests and takes ", (long long)e->requests);
	if (seconds <= 1)
		buf_adds(out, "about a second.");
	else if (seconds < 120)
		buf_addf(out, "about %lld seconds.", seconds);
	else
		buf_addf(out, "about %lld minutes.", minutes);
}
