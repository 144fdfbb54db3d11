#include "agent/sync/cycle_summary.h"

#include <string.h>

/* ---- the steps ---- */

enum {
	ACTIONS = ACTION_DELETE + 1,
	RESULTS = RESULT_UNPLANNED + 1,
};

/* "409 (the workflow runs) is retried by the agent every 30 s without a whole cycle" (design, 6).
 * Whatever else was put off waits for what no time brings by itself: an interval is soon enough. */
static bool is_busy_step(const struct plan_step *step)
{
	return step->result == RESULT_DEFERRED && step->http_status == 409;
}

static struct node *results_tree(struct arena *a, const struct report *report)
{
	int64_t counts[ACTIONS][RESULTS][2] = { 0 };
	struct node *list = node_list(a);

	for (size_t i = 0; i < report->step_count; i++) {
		const struct plan_step *s = &report->steps[i];
		counts[s->action][s->result][s->action != ACTION_NONE && s->reason == REASON_DRIFT]++;
	}
	for (int action = 0; action < ACTIONS; action++)
		for (int result = 0; result < RESULTS; result++)
			for (int drift = 0; drift < 2; drift++) {
				if (!counts[action][result][drift])
					continue;
				struct node *n = node_add(a, list, node_map(a));
				node_put(a, n, "action", node_text(a, action_word(action)));
				node_put(a, n, "result", node_text(a, result_word(result)));
				node_put(a, n, "drift", node_bool(a, drift));
				node_put(a, n, "count", node_int(a, counts[action][result][drift]));
			}
	return list;
}

static void put_busy_steps(struct arena *a, const struct report *report, struct node *summary)
{
	struct node *names = node_list(a);
	int64_t busy = 0;
	bool whole = false;

	for (size_t i = 0; i < report->step_count; i++) {
		const struct plan_step *s = &report->steps[i];
		if (!is_busy_step(s))
			continue;
		whole |= ++busy > CYCLE_SUMMARY_NAMES || s->action == ACTION_DELETE;
		if (!whole)
			node_add(a, names, node_text(a, s->name));
	}
	node_put(a, summary, "busy", node_int(a, busy));
	node_put(a, summary, "busy_names", whole ? node_list(a) : names);
}

/* ---- the rest ---- */

/* The messages up to CYCLE_SUMMARY_BYTES; the report has all of them. */
static struct node *first_messages(struct arena *a, const struct node *list)
{
	struct node *first = node_list(a);
	size_t bytes = 0;

	for (size_t i = 0; list && i < list->count; i++) {
		struct node *item = list->entries[i].value;
		const char *message = node_get_text(item, "message"), *file = node_get_text(item, "file");
		bytes += (message ? strlen(message) : 0) + (file ? strlen(file) : 0);
		if (bytes > CYCLE_SUMMARY_BYTES)
			break;
		node_add(a, first, item);
	}
	return first;
}

struct node *cycle_summary_tree(struct arena *a, const struct report *report, const struct node *tree, bool stored)
{
	struct node *summary = node_map(a);

	for (size_t i = 0; i < tree->count; i++) {
		const char *key = tree->entries[i].key;
		struct node *value = tree->entries[i].value;
		if (strcmp(key, "warnings") == 0 || strcmp(key, "errors") == 0)
			value = first_messages(a, value);
		if (strcmp(key, "workflows") != 0)
			node_put(a, summary, key, value);
	}
	node_put(a, summary, "results", results_tree(a, report));
	put_busy_steps(a, report, summary);
	node_put(a, summary, "stored", node_bool(a, stored));
	return summary;
}

struct node *cycle_summary_report(struct arena *a, const struct node *summary)
{
	static const char *const own[] = { "results", "busy", "busy_names", "stored" };
	struct node *report = node_map(a);

	for (size_t i = 0; i < summary->count; i++) {
		bool ours = false;
		for (size_t k = 0; k < ARRAY_LEN(own); k++)
			ours |= strcmp(summary->entries[i].key, own[k]) == 0;
		if (!ours)
			node_put(a, report, summary->entries[i].key, summary->entries[i].value);
	}
	node_put(a, report, "workflows", node_list(a));
	return report;
}
