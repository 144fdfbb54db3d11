/* A run of any valid workflow, begun anew or loaded from anything that was saved, comes to its end, and
 * at each station what was saved loads again to the same. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "reconcile/dag/dag_run.h"
#include "reconcile/tree/json.h"
#include "reconcile/schema/validate.h"

enum { STATIONS = 400, STEPS = 40 };

struct world {
	struct arena *arena;
	const struct node *body, *execute;
	struct dag_run *flow;
	const uint8_t *chance;
	size_t size, at;
	int64_t now;
};

static unsigned roll(struct world *w, unsigned sides)
{
	return w->size ? w->chance[w->at++ % w->size] % sides : 0;
}

static void saved_is_loaded(const struct world *w)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct node *saved = dag_run_save(&a, w->flow);
	struct dag_run *again;
	struct err err;

	REQUIRE(dag_run_load(&a, w->body, w->execute, saved, &again, &err));
	REQUIRE(node_equal(saved, dag_run_save(&a, again)));
}

/* Of a step that is under way; a tick if none is. */
static struct dag_event next_event(struct world *w)
{
	static const enum dag_event_kind ends[] = {
		DAG_ENDED, DAG_ENDED, DAG_ENDED, DAG_BROKEN, DAG_REFUSED, DAG_LOST,
	};
	size_t from = w->flow->count ? roll(w, 256) % w->flow->count : 0;

	if (roll(w, 50) == 1)
		return (struct dag_event){ .kind = DAG_STOP };
	for (size_t i = 0; i < w->flow->count; i++) {
		const struct dag_step *step = &w->flow->steps[(from + i) % w->flow->count];
		if (step->phase == STEP_ACTIVE)
			return (struct dag_event){ .kind = ends[roll(w, ARRAY_LEN(ends))], .step = step->name,
			                            .code = (int)roll(w, 3) };
	}
	return (struct dag_event){ .kind = DAG_TICK };
}

static void request_loop_run(struct world *w)
{
	for (int i = 0; i < STATIONS; i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct dag_event event = next_event(w);
		struct dag_action action = dag_run_handle(w->flow, &a, &event, 1 + roll(w, 3), w->now);
		saved_is_loaded(w);
		if (action.over)
			return;
		/* Nothing runs, and nothing is waited for: it would never go on. */
		bool active = false;
		for (size_t s = 0; s < w->flow->count; s++)
			active |= w->flow->steps[s].phase == STEP_ACTIVE;
		REQUIRE(active || action.wake >= 0 || action.waiting);
		w->now = !active && action.wake > w->now ? action.wake : w->now + 1;
	}
	REQUIRE(!"it comes to no end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct world w = { .arena = &a, .chance = data, .size = size, .now = 1000 };
	struct node *root;
	struct err err;

	if (!json_read(&a, (const char *)data, size, &root, &err))
		return 0;
	w.body = node_get(root, "body");
	w.execute = node_get(root, "execute");
	const struct node *saved = node_get(root, "saved"), *steps = node_get(w.body, "steps");
	if (!w.body || w.body->kind != NODE_MAP || !validate_workflow(w.body, VALIDATE_REQUEST, &faults) ||
	    !steps || steps->count > STEPS)
		return 0;
	bool ready = saved ? dag_run_load(&a, w.body, w.execute, saved, &w.flow, &err)
	                   : dag_run_begin(&a, w.body, w.execute, w.now, &w.flow, &err);
	if (!ready)
		return 0;
	saved_is_loaded(&w);
	request_loop_run(&w);
	return 0;
}
