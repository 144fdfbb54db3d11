#include "reconcile/dag/dag_run.h"

#include <string.h>

#include "reconcile/dag/dag_graph.h"

enum { VERSION = 1 };
static const int64_t LAST_MS = (int64_t)1 << 52;	/* the latest valid time, so that sums do not overflow */

static const char *const phase_words[STEP_PHASE_COUNT] = {
	[STEP_WAITS] = "waits", [STEP_READY] = "ready", [STEP_ACTIVE] = "active",
	[STEP_RETRIES] = "retries", [STEP_OVER] = "over",
};
static const char *const counts_words[COUNTS_COUNT] = {
	[COUNTS_NEITHER] = "neither", [COUNTS_SUCCESS] = "success", [COUNTS_FAILURE] = "failure",
	[COUNTS_SKIP_DAG] = "skip-dag",
};
static const char *const ending_words[ENDING_COUNT] = {
	[ENDING_NOT] = "not", [ENDING_TIMEOUT] = "timeout", [ENDING_STOP] = "stop",
};

/* ---- writing: initial values are left out ---- */

static void save_int(struct arena *a, struct node *map, const char *key, int64_t n, int64_t initial)
{
	if (n != initial)
		node_put(a, map, key, node_int(a, n));
}

static void save_word(struct arena *a, struct node *map, const char *key, const char *const *words,
                      unsigned n)
{
	if (n)
		node_put(a, map, key, node_text(a, words[n]));
}

/* A secret one is a mark only: its text is not for the database. */
static struct node *save_outputs(struct arena *a, const struct node *outputs)
{
	struct node *map = node_copy(a, outputs);

	for (size_t i = 0; i < map->count; i++)
		if (map->entries[i].value->secret)
			node_put(a, map->entries[i].value = node_map(a), "secret", node_bool(a, true));
	return map;
}

static struct node *save_step(struct arena *a, const struct dag_run *run, const struct dag_step *s)
{
	struct node *map = node_map(a);

	save_word(a, map, "phase", phase_words, s->phase);
	save_word(a, map, "status", dag_status_words, s->status);
	save_word(a, map, "counts", counts_words, s->counts);
	save_word(a, map, "ending", ending_words, s->ending);
	save_int(a, map, "attempts", s->attempts, 0);
	save_int(a, map, "started", s->started, -1);
	save_int(a, map, "began", s->began, -1);
	save_int(a, map, "due", s->due, -1);
	save_int(a, map, "finished", s->finished, -1);
	save_int(a, map, "code", s->code, -1);
	if (*s->message)
		node_put(a, map, "message", node_text(a, s->message));
	/* After the end of the run no step needs them, and they may hold secrets. */
	if (s->outputs && run->finished < 0)
		node_put(a, map, "outputs", save_outputs(a, s->outputs));
	return map;
}

struct node *dag_run_save(struct arena *a, const struct dag_run *run)
{
	struct node *map = node_map(a), *told = node_list(a), *steps = node_map(a);

	node_put(a, map, "version", node_int(a, VERSION));
	save_word(a, map, "status", dag_status_words, run->status);
	node_put(a, map, "began", node_int(a, run->began));
	node_put(a, map, "now", node_int(a, run->now));
	save_int(a, map, "shift", run->shift, 0);
	save_int(a, map, "finished", run->finished, -1);
	if (run->stopped_by)
		node_put(a, map, "stoppedBy", node_text(a, run->stopped_by));
	for (size_t i = 0; i < run->graph->watcher_count; i++)
		if (run->notified[i])
			node_add(a, told, node_int(a, (int64_t)i));
	if (told->count)
		node_put(a, map, "told", told);
	for (size_t i = 0; i < run->count; i++)
		node_put(a, steps, run->steps[i].name, save_step(a, run, &run->steps[i]));
	node_put(a, map, "steps", steps);
	return map;
}

struct node *dag_run_secret_outputs(struct arena *a, const struct dag_run *run)
{
	struct node *out = NULL;

	for (size_t i = 0; i < run->count; i++) {
		const struct node *outputs = run->steps[i].outputs;
		struct node *found = NULL;
		for (size_t n = 0; outputs && n < outputs->count; n++) {
			const struct entry *e = &outputs->entries[n];
			if (!e->value->secret)
				continue;
			found = found ? found : node_map(a);
			node_put(a, found, e->key, node_copy(a, e->value));
		}
		out = found && !out ? node_map(a) : out;
		if (found)
			node_put(a, out, run->steps[i].name, found);
	}
	return out;
}

/* ---- reading ---- */

static bool load_int(const struct node *map, const char *key, int64_t least, int64_t most,
                     int64_t *out, struct err *err)
{
	const struct node *n = node_get(map, key);

	if (!n)
		return true;
	if (n->kind != NODE_INT || n->integer < least || n->integer > most)
		return err_set(err, "%s: expected a number from %lld to %lld", key, (long long)least,
		               (long long)most);
	*out = n->integer;
	return true;
}

static bool load_word(const struct node *map, const char *key, const char *const *words,
                      unsigned count, unsigned *out, struct err *err)
{
	const struct node *n = node_get(map, key);

	if (!n)
		return true;
	for (unsigned i = 0; n->kind == NODE_TEXT && i < count; i++)
		if (strcmp(n->text, words[i]) == 0) {
			*out = i;
			return true;
		}
	return err_set(err, "%s: unknown word", key);
}

static bool load_words(const struct node *map, struct dag_step *s, struct err *err)
{
	unsigned phase = s->phase, status = s->status, counts = s->counts, ending = s->ending;

	if (!load_word(map, "phase", phase_words, STEP_PHASE_COUNT, &phase, err) ||
	    !load_word(map, "status", dag_status_words, DAG_STATUS_COUNT, &status, err) ||
	    !load_word(map, "counts", counts_words, COUNTS_COUNT, &counts, err) ||
	    !load_word(map, "ending", ending_words, ENDING_COUNT, &ending, err))
		return false;
	s->phase = phase;
	s->status = status;
	s->counts = counts;
	s->ending = ending;
	return true;
}

static bool load_result(struct arena *a, const struct node *map, struct dag_step *s,
                        struct err *err)
{
	const struct node *message = node_get(map, "message"), *outputs = node_get(map, "outputs");

	if (message && message->kind != NODE_TEXT)
		return err_set(err, "message: expected a text");
	if (outputs && outputs->kind != NODE_MAP)
		return err_set(err, "outputs: expected a mapping");
	if (message)
		s->message = arena_strdup(a, message->text);
	if (outputs)
		s->outputs = node_copy(a, outputs);
	return true;
}

static bool load_step(struct arena *a, const struct node *map, struct dag_step *s, struct err *err)
{
	int64_t attempts = 0, code = -1;

	if (!map || map->kind != NODE_MAP)
		return err_set(err, "expected a mapping");
	if (!load_words(map, s, err) || !load_result(a, map, s, err) ||
	    !load_int(map, "attempts", 0, INT32_MAX, &attempts, err) ||
	    !load_int(map, "started", -1, LAST_MS, &s->started, err) ||
	    !load_int(map, "began", -1, LAST_MS, &s->began, err) ||
	    !load_int(map, "due", -1, LAST_MS, &s->due, err) ||
	    !load_int(map, "finished", -1, LAST_MS, &s->finished, err) ||
	    !load_int(map, "code", INT32_MIN, INT32_MAX, &code, err))
		return false;
	s->attempts = (unsigned)attempts;
	s->code = (int)code;
	/* Such a step would never end, or its attempts would be counted below 0. */
	if (s->phase == STEP_ACTIVE && (s->attempts == 0 || s->began < 0))
		return err_set(err, "it is running, but has no attempt");
	if (s->phase == STEP_RETRIES && s->due < 0)
		return err_set(err, "it waits for a retry, but has no time for it");
	return true;
}

static bool load_notified(const struct node *list, struct dag_run *run, struct err *err)
{
	for (size_t i = 0; list && i < list->count; i++) {
		const struct node *n = list->entries[i].value;
		if (n->kind != NODE_INT || n->integer < 0 ||
		    (uint64_t)n->integer >= run->graph->watcher_count)
			return err_set(err, "told: expected indices of watchers");
		run->notified[n->integer] = true;
	}
	return true;
}

static bool load_run(struct arena *a, const struct node *saved, struct dag_run *run, struct err *err)
{
	const struct node *by = node_get(saved, "stoppedBy"), *told = node_get(saved, "told");
	unsigned status = DAG_STATUS_COUNT;

	if (node_get_int(saved, "version", 0) != VERSION)
		return err_set(err, "expected version %d", VERSION);
	if ((by && by->kind != NODE_TEXT) || (told && told->kind != NODE_LIST))
		return err_set(err, "expected a text in stoppedBy and a list in told");
	if (!load_word(saved, "status", dag_status_words, DAG_STATUS_COUNT, &status, err) ||
	    !load_int(saved, "began", 0, LAST_MS, &run->began, err) ||
	    !load_int(saved, "now", 0, LAST_MS, &run->now, err) ||
	    !load_int(saved, "shift", 0, LAST_MS, &run->shift, err) ||
	    !load_int(saved, "finished", -1, LAST_MS, &run->finished, err) ||
	    !load_notified(told, run, err))
		return false;
	if (status < DAG_RUNNING || status > DAG_STOPPED)
		return err_set(err, "status: expected that of a run");
	run->status = status;
	run->stopped_by = by ? arena_strdup(a, by->text) : NULL;
	return true;
}

void dag_run_restore_outputs(struct dag_run *run, const struct node *outputs)
{
	for (size_t i = 0; i < run->count; i++) {
		const struct node *of_step = node_get(outputs, run->steps[i].name);
		struct node *to = run->steps[i].outputs ? node_copy(run->arena, run->steps[i].outputs) : NULL;
		for (size_t n = 0; to && n < to->count; n++) {
			const char *text = node_get_text(of_step, to->entries[n].key);
			if (to->entries[n].value->kind == NODE_MAP && text) {
				to->entries[n].value = node_text(run->arena, text);
				to->entries[n].value->secret = true;
			}
		}
		run->steps[i].outputs = to;
	}
}

const char *dag_run_lost_output(const struct dag_run *run)
{
	for (size_t i = 0; i < run->count; i++)
		for (size_t n = 0; run->steps[i].outputs && n < run->steps[i].outputs->count; n++)
			if (run->steps[i].outputs->entries[n].value->kind == NODE_MAP)
				return run->steps[i].name;
	return NULL;
}

/* Computes for how many steps each one still waits. */
static void count_waits(struct dag_run *run)
{
	run->judge_head = run->judge_tail = 0;
	for (size_t i = 0; i < run->count; i++) {
		const struct dag_links *children = &run->graph->vertices[i].children;
		for (size_t c = 0; run->steps[i].phase == STEP_OVER && c < children->count; c++)
			run->steps[children->to[c]].waits--;
	}
	for (size_t i = 0; i < run->count; i++)
		if (run->steps[i].phase == STEP_WAITS && run->steps[i].waits == 0)
			run->judged[run->judge_tail++] = i;
}

bool dag_run_load(struct arena *a, const struct node *body, const struct node *execute,
               const struct node *saved, struct dag_run **out, struct err *err)
{
	const struct node *steps = node_get(saved, "steps");
	struct dag_run *run;

	if (!dag_run_begin(a, body, execute, 0, &run, err) || !load_run(a, saved, run, err))
		return false;
	if (!steps || steps->kind != NODE_MAP || steps->count != run->count)
		return err_set(err, "the saved run has other steps than the workflow");
	for (size_t i = 0; i < run->count; i++)
		if (!load_step(a, node_get(steps, run->steps[i].name), &run->steps[i], err))
			return err_wrap(err, "step \"%s\"", run->steps[i].name);
	count_waits(run);
	*out = run;
	return true;
}
