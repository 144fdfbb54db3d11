/* What holds for every run, tried on random workflows: a world that starts and ends steps by
 * chance, and an oracle that says from the rules alone how each step has to end. */
#include "tests/test.h"
#include "reconcile/dag/dag_run.h"

#include <stdio.h>
#include <string.h>

#include "reconcile/base/buf.h"
#include "reconcile/base/jitter.h"
#include "tests/tree.h"

enum { STEPS_MOST = 10, CONDITIONS_MOST = 2, SECOND = 1000, ANY = -1 };
static const int64_t BEGIN = 1700000000000;

#define SEEDS	rounds_of(1500)

/* ---- a random workflow ---- */

struct entry_plan { bool all; unsigned parents, words; };
struct condition_plan { bool equals, no_such; size_t step; int value; };

struct step_plan {
	unsigned parents;	/* bits */
	struct entry_plan entries[CONDITIONS_MOST];
	struct condition_plan conditions[CONDITIONS_MOST];
	size_t entry_count, condition_count;
	bool skip, skip_dag, chosen, with_dag;
	int retries, code, wait;	/* code: the one that is tried again, or ANY */
	bool doubles;
	int timeout;			/* seconds */
};

struct plan {
	struct step_plan steps[STEPS_MOST];
	size_t count, order[STEPS_MOST];	/* in the body */
	bool partial;
	uint64_t seed;
};

static size_t below(uint64_t *random, size_t n)
{
	return (size_t)jitter(random, (int64_t)n - 1);
}

static bool one_in(uint64_t *random, size_t n)
{
	return below(random, n) == 0;
}

/* At least one of the first n steps. */
static unsigned some(uint64_t *random, size_t n)
{
	unsigned bits = 1U << below(random, n);

	for (size_t i = 0; i < n; i++)
		bits |= one_in(random, 4) ? 1U << i : 0;
	return bits;
}

/* Conditions name any step, also those that come later and itself. */
static void plan_conditions(struct plan *p, struct step_plan *s, size_t self, uint64_t *r)
{
	size_t reach = one_in(r, 6) ? p->count : self ? self : 1;

	if (one_in(r, 3))
		s->entry_count = 1 + below(r, CONDITIONS_MOST);
	if (one_in(r, 3))
		s->condition_count = 1 + below(r, CONDITIONS_MOST);
	for (size_t i = 0; i < s->entry_count; i++)
		s->entries[i] = (struct entry_plan){ one_in(r, 2), some(r, reach), (unsigned)below(r, 3) + 1 };
	for (size_t i = 0; i < s->condition_count; i++)
		s->conditions[i] = (struct condition_plan){
			.equals = one_in(r, 2), .no_such = one_in(r, 10), .step = below(r, reach),
			.value = (int)below(r, 2),
		};
}

static void plan_make(struct plan *p, uint64_t seed)
{
	uint64_t r = seed;

	*p = (struct plan){ .count = 1 + below(&r, STEPS_MOST), .seed = seed, .partial = one_in(&r, 4) };
	for (size_t i = 0; i < p->count; i++) {
		struct step_plan *s = &p->steps[i];
		size_t other = below(&r, i + 1);
		*s = (struct step_plan){
			.skip = one_in(&r, 10), .skip_dag = one_in(&r, 15), .retries = (int)below(&r, 4),
			.code = one_in(&r, 2) ? ANY : (int)below(&r, 3), .wait = (int)below(&r, 3),
			.doubles = one_in(&r, 2), .timeout = one_in(&r, 3) ? 1 + (int)below(&r, 5) : 0,
			.chosen = one_in(&r, 3), .with_dag = one_in(&r, 3),
		};
		if (i && !one_in(&r, 4))
			s->parents = some(&r, i);
		plan_conditions(p, s, i, &r);
		p->order[i] = p->order[other];
		p->order[other] = i;
	}
	p->steps[0].chosen = true;	/* an empty list would choose all */
}

static void write_bits(struct buf *out, unsigned bits)
{
	const char *comma = "";

	for (size_t i = 0; i < STEPS_MOST; i++)
		if (bits >> i & 1) {
			buf_addf(out, "%s\"s%zu\"", comma, i);
			comma = ",";
		}
}

static void write_conditions(struct buf *out, const struct step_plan *s)
{
	static const char *const words[] = { "", "\"success\"", "\"failure\"", "\"success\",\"failure\"" };

	buf_adds(out, "\"executionParameters\":{\"parentStatus\":[");
	for (size_t i = 0; i < s->entry_count; i++) {
		buf_addf(out, "%s{\"condition\":\"%s\",\"parents\":[", i ? "," : "",
		         s->entries[i].all ? "all-of" : "one-of");
		write_bits(out, s->entries[i].parents);
		buf_addf(out, "],\"status\":[%s]}", words[s->entries[i].words]);
	}
	buf_adds(out, "],\"conditional\":[");
	for (size_t i = 0; i < s->condition_count; i++) {
		const struct condition_plan *c = &s->conditions[i];
		buf_addf(out, "%s{\"condition\":\"%s\",\"stepName\":\"s%zu\",\"paramName\":\"%s\",\"value\":\"%d\"}",
		         i ? "," : "", c->equals ? "equals" : "not-equals", c->step,
		         c->no_such ? "NONE" : "P", c->value);
	}
	buf_adds(out, "]}");
}

static const char *body_of(const struct plan *p, struct buf *out)
{
	buf_adds(out, "{\"watchers\":[{\"events\":{\"success\":true,\"fail\":true,\"runtimeExceeded\":0.2}}],"
	              "\"steps\":{");
	for (size_t i = 0; i < p->count; i++) {
		const struct step_plan *s = &p->steps[p->order[i]];
		buf_addf(out, "%s\"s%zu\":{\"parents\":[", i ? "," : "", p->order[i]);
		write_bits(out, s->parents);
		buf_addf(out, "],\"stepTimeout\":%d,\"runConfiguration\":{\"skipConfiguration\":{\"skip\":%s,"
		         "\"skipDAG\":%s},\"retryOptions\":{\"numberOfRetries\":%d,\"duration\":%d,"
		         "\"exponentialBackoff\":%s", s->timeout, s->skip ? "true" : "false",
		         s->skip_dag ? "true" : "false", s->retries, s->wait, s->doubles ? "true" : "false");
		if (s->code != ANY)
			buf_addf(out, ",\"exitCodes\":[%d]", s->code);
		buf_adds(out, "}},");
		write_conditions(out, s);
		buf_addc(out, '}');
	}
	buf_adds(out, "}}");
	return buf_str(out);
}

static const char *execute_of(const struct plan *p, struct buf *out)
{
	const char *comma = "";

	buf_adds(out, "{\"stepsToRun\":[");
	for (size_t i = 0; p->partial && i < p->count; i++)
		if (p->steps[i].chosen) {
			buf_addf(out, "%s{\"stepName\":\"s%zu\",\"runDAG\":%s}", comma, i,
			         p->steps[i].with_dag ? "true" : "false");
			comma = ",";
		}
	buf_adds(out, "]}");
	return buf_str(out);
}

/* ---- what becomes of an attempt, by chance that depends on nothing but seed, step and number ---- */

struct luck { int code; int64_t takes; bool broken; const char *wrote; };

static struct luck luck_of(const struct plan *p, size_t step, unsigned attempt)
{
	uint64_t r = p->seed * 1000003 + step * 1009 + attempt;
	int code = (int)below(&r, 7), timeout = p->steps[step].timeout;
	struct luck luck = {
		.code = code > 2 ? 0 : code, .takes = 1 + (int64_t)below(&r, 7000),
		.broken = one_in(&r, 12),
	};

	if (luck.takes % SECOND == 0)	/* never just as its time runs out */
		luck.takes++;
	if (luck.broken)
		luck.code = -1;
	if (timeout && luck.takes > timeout * SECOND)
		luck = (struct luck){ .code = 143, .takes = timeout * SECOND };
	luck.wrote = luck.broken ? NULL : one_in(&r, 2) ? "0" : "1";
	return luck;
}

/* ---- the oracle ---- */

enum end { END_SUCCESS, END_FAILURE, END_NEITHER, END_DAG };

struct fate { bool known; enum end end; enum dag_status status; unsigned attempts; const char *wrote; };

struct oracle {
	const struct plan *p;
	bool run[STEPS_MOST];			/* chosen */
	unsigned waits[STEPS_MOST];		/* all steps it waits for, at any distance */
	unsigned named[STEPS_MOST];
	struct fate fates[STEPS_MOST];
};

static void choose(struct oracle *o)
{
	for (size_t i = 0; i < o->p->count; i++) {
		bool dag = false;
		o->run[i] = !o->p->partial || o->p->steps[i].chosen;
		/* Parents come before in the plan, so one pass carries runDAG down. */
		for (size_t k = 0; k < i; k++)
			dag |= (o->p->steps[i].parents >> k & 1) && o->waits[k];
		o->waits[i] = o->p->partial && (dag || (o->p->steps[i].chosen && o->p->steps[i].with_dag));
		o->run[i] |= o->waits[i];
	}
}

static void close_waits(struct oracle *o)
{
	for (size_t i = 0; i < o->p->count; i++) {
		const struct step_plan *s = &o->p->steps[i];
		for (size_t k = 0; o->run[i] && k < s->entry_count; k++)
			o->named[i] |= s->entries[k].parents;
		for (size_t k = 0; o->run[i] && k < s->condition_count; k++)
			o->named[i] |= 1U << s->conditions[k].step;
		for (size_t k = 0; k < o->p->count; k++)
			if (!o->run[k])
				o->named[i] &= ~(1U << k);
		o->waits[i] = s->parents | o->named[i];
	}
	for (size_t k = 0; k < o->p->count; k++)
		for (size_t i = 0; i < o->p->count; i++)
			if (o->waits[i] >> k & 1)
				o->waits[i] |= o->waits[k];
}

static bool circular(const struct oracle *o, size_t i)
{
	for (size_t k = 0; k < o->p->count; k++)
		if ((o->named[i] >> k & 1) && (k == i || (o->waits[k] >> i & 1)))
			return true;
	return false;
}

static const struct fate *fate_of(struct oracle *o, size_t i);

static bool parents_are_well(struct oracle *o, size_t i)
{
	for (size_t k = 0; k < o->p->count; k++)
		if ((o->p->steps[i].parents >> k & 1) && fate_of(o, k)->end != END_SUCCESS)
			return false;
	return true;
}

static bool entry_is_well(struct oracle *o, const struct entry_plan *e)
{
	int asked = 0, so = 0;

	for (size_t k = 0; k < o->p->count; k++) {
		if (!(e->parents >> k & 1) || !o->run[k])
			continue;
		enum end end = fate_of(o, k)->end;
		asked++;
		so += e->words == 3 || (e->words == 1 && end == END_SUCCESS) ||
		      (e->words == 2 && end == END_FAILURE);
	}
	return !asked || (e->all ? so == asked : so > 0);
}

/* END_SUCCESS: it is to run. */
static enum end rules_say(struct oracle *o, size_t i)
{
	const struct step_plan *s = &o->p->steps[i];

	if (circular(o, i))
		return END_FAILURE;
	if (!s->entry_count && !parents_are_well(o, i))
		return END_NEITHER;
	for (size_t k = 0; k < s->entry_count; k++)
		if (!entry_is_well(o, &s->entries[k]))
			return END_NEITHER;
	for (size_t k = 0; k < s->condition_count; k++) {
		const struct condition_plan *c = &s->conditions[k];
		if (!o->run[c->step])
			continue;
		const char *wrote = fate_of(o, c->step)->wrote;
		if (!wrote || c->no_such)
			return END_FAILURE;
		if ((*wrote - '0' == c->value) != c->equals)
			return END_NEITHER;
	}
	return END_SUCCESS;
}

static struct fate tried(const struct plan *p, size_t i)
{
	struct fate f = { .status = DAG_FAILED, .end = END_FAILURE };

	for (;;) {
		struct luck luck = luck_of(p, i, ++f.attempts);
		f.wrote = luck.wrote;
		if (luck.code == 0) {
			f.status = DAG_SUCCESS;
			f.end = END_SUCCESS;
			return f;
		}
		if (f.attempts > (unsigned)p->steps[i].retries ||
		    (p->steps[i].code != ANY && p->steps[i].code != luck.code))
			return f;
	}
}

static struct fate judged(struct oracle *o, size_t i)
{
	const struct step_plan *s = &o->p->steps[i];
	struct fate skipped = { .status = DAG_SKIPPED, .end = END_NEITHER };

	for (size_t k = 0; k < o->p->count; k++)
		if ((s->parents >> k & 1) && fate_of(o, k)->end == END_DAG)
			skipped.end = END_DAG;
	if (skipped.end == END_DAG)
		return skipped;
	if (!o->run[i]) {
		skipped.end = parents_are_well(o, i) ? END_SUCCESS : END_NEITHER;
		return skipped;
	}
	if (s->skip_dag) {
		skipped.end = END_DAG;
		return skipped;
	}
	enum end rules = rules_say(o, i);
	if (rules == END_NEITHER)
		return skipped;
	if (s->skip) {
		skipped.end = END_SUCCESS;
		return skipped;
	}
	return rules == END_FAILURE ? (struct fate){ .status = DAG_FAILED, .end = END_FAILURE }
	                            : tried(o->p, i);
}

static const struct fate *fate_of(struct oracle *o, size_t i)
{
	if (!o->fates[i].known) {
		o->fates[i] = judged(o, i);
		o->fates[i].known = true;
	}
	return &o->fates[i];
}

static void foresee(struct oracle *o, const struct plan *p)
{
	*o = (struct oracle){ .p = p };
	choose(o);
	close_waits(o);
	for (size_t i = 0; i < p->count; i++)
		fate_of(o, i);
}

/* ---- the world ---- */

struct world {
	struct arena a;
	const struct plan *plan;
	const struct node *body, *execute;
	struct dag_run *flow;
	int64_t now, wake;
	size_t places, active;
	struct { bool runs, told; int64_t ends; } steps[STEPS_MOST];
	unsigned starts, fails, successes, exceeded;
	bool over, reloads, stopped;
};

static void world_done(struct world *w)
{
	arena_free(&w->a);
}

static void engine_state_begin(struct world *w, const struct plan *plan)
{
	CLEANUP(buf_done) struct buf body = BUF_TEXT;
	CLEANUP(buf_done) struct buf execute = BUF_TEXT;
	uint64_t r = plan->seed + 77;
	struct err err;

	*w = (struct world){ .plan = plan, .now = BEGIN, .places = 1 + below(&r, 4) };
	w->body = tree_json(&w->a, body_of(plan, &body));
	w->execute = tree_json(&w->a, execute_of(plan, &execute));
	if (!dag_run_begin(&w->a, w->body, w->execute, w->now, &w->flow, &err))
		fail_msg("%s", err.msg);
}

static size_t index_of(const struct dag_step *s)
{
	return (size_t)(s->name[1] - '0');
}

static void reload(struct world *w)
{
	const char *text = tree_text(&w->a, dag_run_save(&w->a, w->flow));
	struct err err;

	if (!dag_run_load(&w->a, w->body, w->execute, tree_json(&w->a, text), &w->flow, &err))
		fail_msg("%s: %s", err.msg, text);
	assert_string_equal(tree_text(&w->a, dag_run_save(&w->a, w->flow)), text);
}

static const struct dag_step *step_of(const struct world *w, size_t i)
{
	char name[] = { 's', (char)('0' + i), '\0' };

	return dag_run_find(w->flow, name);
}

static void begin_one(struct world *w, const struct dag_step *step)
{
	size_t i = index_of(step);

	assert_false(w->stopped);
	assert_false(w->steps[i].runs);
	for (size_t k = 0; k < w->plan->count; k++)
		if (w->plan->steps[i].parents >> k & 1)
			assert_int_equal(step_of(w, k)->phase, STEP_OVER);
	w->steps[i].runs = true;
	w->steps[i].told = false;
	w->steps[i].ends = w->now + luck_of(w->plan, i, step->attempts).takes;
	w->starts++;
	w->active++;
	assert_true(w->active <= w->places);
}

static void end_one(struct world *w, const struct dag_end *end)
{
	size_t i = index_of(end->step);
	uint64_t r = w->plan->seed + i;

	assert_true(w->steps[i].runs);
	assert_false(w->steps[i].told);
	w->steps[i].told = true;
	w->steps[i].ends = w->now + (int64_t)below(&r, 900);
}

static void tell(struct world *w, struct dag_event event)
{
	struct dag_action x = dag_run_handle(w->flow, &w->a, &event, w->places - w->active, w->now);

	for (size_t i = 0; i < x.end_count; i++)
		end_one(w, &x.ends[i]);
	for (size_t i = 0; i < x.start_count; i++)
		begin_one(w, x.starts[i].step);
	for (size_t i = 0; i < x.tell_count; i++) {
		w->exceeded += x.tells[i].event[0] == 'r';
		w->fails += x.tells[i].event[0] == 'f';
		w->successes += x.tells[i].event[0] == 's';
	}
	assert_true(x.waiting == 0 || w->active == w->places);
	w->wake = x.wake;
	w->over = x.over;
	if (w->reloads)
		reload(w);
}

/* The step that ends first; count: none runs. */
static size_t first_to_end(const struct world *w)
{
	size_t first = w->plan->count;

	for (size_t i = 0; i < w->plan->count; i++)
		if (w->steps[i].runs && (first == w->plan->count || w->steps[i].ends < w->steps[first].ends))
			first = i;
	return first;
}

static void end_step(struct world *w, size_t i)
{
	const struct luck luck = luck_of(w->plan, i, step_of(w, i)->attempts);
	struct node *outputs = node_map(&w->a);

	if (luck.wrote)
		node_put(&w->a, outputs, "P", node_text(&w->a, luck.wrote));
	w->steps[i].runs = false;
	w->active--;
	tell(w, (struct dag_event){
		.kind = luck.broken && !w->steps[i].told ? DAG_BROKEN : DAG_ENDED,
		.step = step_of(w, i)->name, .code = w->steps[i].told ? 143 : luck.code,
		.outputs = outputs, .message = "so it went",
	});
}

/* What comes next in time.  A step that is told to end as its luck runs out ends a little later. */
static void go_on(struct world *w)
{
	size_t i = first_to_end(w);

	if (i == w->plan->count || (w->wake >= 0 && w->wake <= w->steps[i].ends)) {
		assert_true(w->wake > w->now);	/* else nothing would ever happen again, or all the time */
		w->now = w->wake;
		tell(w, (struct dag_event){ .kind = DAG_TICK });
		return;
	}
	w->now = w->steps[i].ends > w->now ? w->steps[i].ends : w->now;
	end_step(w, i);
}

static void to_the_end(struct world *w, unsigned most)
{
	for (unsigned calls = 0; !w->over; calls++) {
		assert_true(calls < most);
		go_on(w);
	}
	assert_int_equal(w->active, 0);
	assert_true(w->flow->finished >= 0);
	for (size_t i = 0; i < w->flow->count; i++)
		assert_int_equal(w->flow->steps[i].phase, STEP_OVER);
}

/* ---- laws ---- */

static void every_run_ends_as_the_rules_say(void **state)
{
	unsigned seen[DAG_STATUS_COUNT] = { 0 };

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		CLEANUP(world_done) struct world w;
		enum dag_status whole = DAG_SUCCESS;
		struct oracle o;
		struct plan plan;
		unsigned starts = 0;

		plan_make(&plan, seed);
		foresee(&o, &plan);
		engine_state_begin(&w, &plan);
		w.reloads = seed % 2;
		tell(&w, (struct dag_event){ .kind = DAG_TICK });
		to_the_end(&w, 300);
		for (size_t i = 0; i < plan.count; i++) {
			const struct dag_step *s = step_of(&w, i);
			if (s->status != o.fates[i].status || s->attempts != o.fates[i].attempts)
				fail_msg("seed %llu, %s: %s after %u attempts, the rules say %s after %u: %s",
				         (unsigned long long)seed, s->name, dag_status_words[s->status], s->attempts,
				         dag_status_words[o.fates[i].status], o.fates[i].attempts, s->message);
			assert_true(s->status == DAG_SUCCESS || *s->message);
			assert_true(s->left_out == !o.run[i]);
			starts += s->attempts;
			seen[s->status]++;
			if (s->status == DAG_FAILED)
				whole = DAG_FAILED;
		}
		assert_int_equal(w.flow->status, whole);
		assert_int_equal(w.starts, starts);
		assert_int_equal(w.successes, whole == DAG_SUCCESS);
		assert_int_equal(w.fails, whole == DAG_FAILED);
		assert_int_equal(w.exceeded, w.flow->finished - BEGIN >= 12 * SECOND);
	}
	/* All of it was tried. */
	assert_true(seen[DAG_SUCCESS] > SEEDS / 2);
	assert_true(seen[DAG_FAILED] > SEEDS / 2);
	assert_true(seen[DAG_SKIPPED] > SEEDS / 2);
}

static void a_run_that_is_restored_at_every_moment_goes_as_one_that_is_not(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS / 3; seed++) {
		CLEANUP(world_done) struct world w, u;
		struct plan plan;

		plan_make(&plan, seed);
		engine_state_begin(&w, &plan);
		engine_state_begin(&u, &plan);
		u.reloads = true;
		tell(&w, (struct dag_event){ .kind = DAG_TICK });
		tell(&u, (struct dag_event){ .kind = DAG_TICK });
		while (!w.over) {
			go_on(&w);
			go_on(&u);
			assert_int_equal(w.wake, u.wake);
			assert_string_equal(tree_text(&w.a, dag_run_save(&w.a, w.flow)),
			                    tree_text(&u.a, dag_run_save(&u.a, u.flow)));
		}
		assert_true(u.over);
	}
}

static void a_stop_at_any_moment_ends_the_run(void **state)
{
	unsigned stopped = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		CLEANUP(world_done) struct world w;
		struct plan plan;
		uint64_t r = seed + 5;
		unsigned starts;

		plan_make(&plan, seed);
		engine_state_begin(&w, &plan);
		w.reloads = seed % 2;
		tell(&w, (struct dag_event){ .kind = DAG_TICK });
		for (size_t n = below(&r, 12); n > 0 && !w.over; n--)
			go_on(&w);
		if (w.over)
			continue;
		w.stopped = true;
		starts = w.starts;
		tell(&w, (struct dag_event){ .kind = DAG_STOP, .by = "ann" });
		for (size_t i = 0; i < plan.count; i++)
			assert_true(w.steps[i].told || !w.steps[i].runs);
		to_the_end(&w, 30);
		assert_int_equal(w.flow->status, DAG_STOPPED);
		assert_int_equal(w.starts, starts);
		assert_int_equal(w.successes + w.fails, 0);
		for (size_t i = 0; i < plan.count; i++)
			stopped += w.flow->steps[i].status == DAG_STOPPED;
	}
	assert_true(stopped > SEEDS / 2);
}

/* The service is gone and comes back: of each step that was under way it knows that it was lost, or
 * that it never began. */
static void kill_service(struct world *w, uint64_t *r)
{
	reload(w);
	w->now += (int64_t)below(r, 20000);
	for (size_t i = 0; i < w->plan->count; i++) {
		if (!w->steps[i].runs)
			continue;
		bool unbegun = one_in(r, 3);
		w->steps[i].runs = false;
		w->active--;
		w->starts -= unbegun;
		tell(w, (struct dag_event){ .kind = unbegun ? DAG_UNBEGUN : DAG_LOST,
		                             .step = step_of(w, i)->name });
		assert_true(!w->steps[i].runs || step_of(w, i)->phase == STEP_ACTIVE);
	}
	tell(w, (struct dag_event){ .kind = DAG_TICK });
}

static void a_service_that_is_killed_again_and_again_brings_every_run_to_an_end(void **state)
{
	unsigned kills = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		CLEANUP(world_done) struct world w;
		struct plan plan;
		uint64_t r = seed + 9;
		unsigned starts = 0;

		plan_make(&plan, seed);
		engine_state_begin(&w, &plan);
		tell(&w, (struct dag_event){ .kind = DAG_TICK });
		for (unsigned left = 4; left > 0 && !w.over; )
			if (one_in(&r, 3)) {
				kill_service(&w, &r);
				left--;
				kills++;
			} else {
				go_on(&w);
			}
		to_the_end(&w, 300);
		for (size_t i = 0; i < plan.count; i++) {
			const struct dag_step *s = step_of(&w, i);
			assert_true(s->attempts <= (unsigned)plan.steps[i].retries + 1);
			assert_true(s->status == DAG_SUCCESS || *s->message);
			starts += s->attempts;
		}
		assert_int_equal(w.starts, starts);
	}
	assert_true(kills > SEEDS / 2);
}

/* Puts something else at a random place of the tree. */
static void spoil(struct arena *a, struct node *n, uint64_t *r)
{
	static const char *const words[] = { "over", "active", "waits", "Running", "Failed", "stop", "x" };

	while ((n->kind == NODE_MAP || n->kind == NODE_LIST) && n->count) {
		struct entry *e = &n->entries[below(r, n->count)];
		bool whole = one_in(r, 8) || !e->value->count;
		if (!whole) {
			n = e->value;
			continue;
		}
		e->value = one_in(r, 3) ? node_text(a, words[below(r, ARRAY_LEN(words))]) :
		           one_in(r, 2) ? node_int(a, (int64_t)below(r, 5) - 2) :
		           one_in(r, 2) ? node_int(a, one_in(r, 2) ? INT64_MAX : INT64_MIN) : node_list(a);
		return;
	}
}

/* Ends whatever runs, until nothing more happens. */
static void request_loop_run(struct arena *a, struct dag_run *flow, int64_t now)
{
	struct dag_action x = dag_run_handle(flow, a, &(struct dag_event){ .kind = DAG_TICK }, 9, now);

	for (unsigned calls = 0; !x.over && calls < 300; calls++) {
		struct dag_event e = { .kind = DAG_TICK };
		for (size_t i = 0; i < flow->count; i++)
			if (flow->steps[i].phase == STEP_ACTIVE)
				e = (struct dag_event){ .kind = DAG_LOST, .step = flow->steps[i].name };
		if (e.kind == DAG_TICK && x.wake >= 0)
			now = x.wake;
		x = dag_run_handle(flow, a, &e, 9, now);
	}
}

static void a_saved_run_that_was_spoilt_is_refused_or_does_no_harm(void **state)
{
	unsigned refused = 0, taken = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		CLEANUP(world_done) struct world w;
		struct plan plan;
		uint64_t r = seed + 13;
		struct node *saved;
		struct dag_run *flow;
		struct err err;

		plan_make(&plan, seed);
		engine_state_begin(&w, &plan);
		tell(&w, (struct dag_event){ .kind = DAG_TICK });
		for (size_t n = below(&r, 12); n > 0 && !w.over; n--)
			go_on(&w);
		saved = dag_run_save(&w.a, w.flow);
		spoil(&w.a, saved, &r);
		if (dag_run_load(&w.a, w.body, w.execute, saved, &flow, &err)) {
			request_loop_run(&w.a, flow, w.now);
			taken++;
		} else {
			assert_true(*err.msg);
			refused++;
		}
	}
	assert_true(refused > SEEDS / 4 && taken > SEEDS / 10);
}

/* Nothing may take a time that grows with the square, or a stack that grows with the chain. */
static void a_chain_of_thousands_is_walked(void **state)
{
	enum { LINKS = 20000 };
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf yaml = BUF_TEXT;
	struct dag_event first = { .kind = DAG_ENDED, .step = "s0", .code = 1 };
	struct dag_run *flow;
	struct err err;

	buf_adds(&yaml, "{\"steps\":{\"s0\":{}");
	for (int i = 1; i < LINKS; i++)
		buf_addf(&yaml, ",\"s%d\":{\"parents\":[\"s%d\"]}", i, i - 1);
	buf_adds(&yaml, "}}");
	assert_true(dag_run_begin(&a, tree_json(&a, buf_str(&yaml)), NULL, BEGIN, &flow, &err));
	assert_int_equal(dag_run_handle(flow, &a, &(struct dag_event){ .kind = DAG_TICK }, 9, BEGIN).start_count, 1);
	assert_true(dag_run_handle(flow, &a, &first, 9, BEGIN).over);
	assert_int_equal(dag_run_find(flow, "s19999")->status, DAG_SKIPPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_run_ends_as_the_rules_say),
		cmocka_unit_test(a_run_that_is_restored_at_every_moment_goes_as_one_that_is_not),
		cmocka_unit_test(a_stop_at_any_moment_ends_the_run),
		cmocka_unit_test(a_service_that_is_killed_again_and_again_brings_every_run_to_an_end),
		cmocka_unit_test(a_saved_run_that_was_spoilt_is_refused_or_does_no_harm),
		cmocka_unit_test(a_chain_of_thousands_is_walked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
