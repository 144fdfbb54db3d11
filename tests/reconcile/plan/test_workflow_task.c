/* What a cycle does about one workflow: what it writes, how often, and what it knows afterwards. */
#include "tests/test.h"
#include "reconcile/plan/workflow_task.h"

#include <string.h>

#include "tests/run.h"
#include "tests/tree.h"

#define TOKEN(image, token) \
	"name: a\nsteps: {s: {imageId: " image ", command: c, repository: {url: u, branch: b, token: " token "}}}\n"

#define TIMED(image)	"name: a\nsteps: {greet: {imageId: " image ", command: run, stepTimeout: 9}}\n"
#define BLIND(path) "warning: s.yaml:1:1: workflow \"a\": " path " was removed from the spec; the service does not " \
	"show whether it is gone\n"

/* With a state, with one that is lost after each sync, and with none ever. */
enum { KEPT, LOST, NONE, STATES };

static void lose(struct run *r, unsigned state)
{
	r->f.memory.on = state != NONE;
	if (state == LOST)
		r->f.memory.records.count = 0;
}

/* The settled and refused parts of the first step: their paths. */
static const char *parts(struct run *r)
{
	const struct plan_step *s = &r->report.steps[0];
	const char *text = "";

	for (size_t i = 0; i < s->settled.count; i++)
		text = arena_printf(&r->a, "%ssettled %s\n", text, s->settled.items[i].path);
	for (size_t i = 0; i < s->refused.count; i++)
		text = arena_printf(&r->a, "%srefused %s\n", text, s->refused.items[i].path);
	return text;
}

static void a_habit_is_learnt_by_two_writes_and_never_written_again(void **state)
{
	static const struct { struct fake_habit habit; const char *parts; } cases[] = {
		{ { "/steps/greet/command", "\"sh -c run\"" }, "settled /steps/greet/command\n" },
		{ { "/steps/greet/command", "" }, "settled /steps/greet/command\n" },
		{ { "/steps/greet/imageId", "9" }, "refused /steps/greet/imageId\n" },
		{ { "/steps/greet/imageId", "" }, "refused /steps/greet/imageId\n" },
		{ { "/steps/extra", "{\"imageId\":1,\"command\":\"x\"}" }, "settled /steps/extra\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases) * STATES; i++) {
		CLEANUP(run_done) struct run r = { .f.habits = { cases[i / STATES].habit } };
		const char *expected = cases[i / STATES].parts;

		lose(&r, i % STATES);
		run_sync(&r, HELLO("a", "7"));
		assert_writes(&r, "create 612\nupdate 612\n");
		assert_string_equal(parts(&r), expected);
		assert_exit(&r, *expected == 'r' ? 4 : 0);
		for (unsigned again = 0; again < 3; again++) {
			lose(&r, i % STATES);
			run_sync(&r, HELLO("a", "7"));
			assert_writes(&r, "");
			assert_string_equal(parts(&r), expected);
			assert_exit(&r, *expected == 'r' ? 4 : 0);
			assert_steps(&r, *expected == 'r' ? arena_printf(&r.a, "a none refused: refused by the service: %s\n",
			             strtok(arena_strdup(&r.a, strchr(expected, '/')), "\n")) : "a none unchanged\n");
		}
	}
}

/* As a database without booleans keeps them. */
static void booleans_that_come_back_as_numbers_are_settled(void **state)
{
	static const struct { const char *cache, *backoff, *kept_cache, *kept_backoff, *parts; } cases[] = {
		{ "true", "false", "1", "0", "settled /retryOptions/exponentialBackoff\nsettled /steps/greet/clearImageCache\n" },
		{ "false", "true", "\"0\"", "\"1\"",
		  "settled /retryOptions/exponentialBackoff\nsettled /steps/greet/clearImageCache\n" },
		{ "true", "true", "0", "2", "refused /retryOptions/exponentialBackoff\nrefused /steps/greet/clearImageCache\n" },
		{ "true", "false", "false", "true",
		  "refused /retryOptions/exponentialBackoff\nrefused /steps/greet/clearImageCache\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases) * STATES; i++) {
		size_t row = i / STATES;
		CLEANUP(run_done) struct run r = { .f.habits = {
			{ "/steps/greet/clearImageCache", cases[row].kept_cache },
			{ "/retryOptions/exponentialBackoff", cases[row].kept_backoff },
		} };
		const char *yaml = arena_printf(&r.a, "name: a\nretryOptions: {exponentialBackoff: %s}\nsteps: {greet: {imageId: 7, "
		                                "command: run, clearImageCache: %s}}\n", cases[row].backoff, cases[row].cache);

		lose(&r, i % STATES);
		run_sync(&r, yaml);
		assert_writes(&r, "create 612\nupdate 612\n");
		assert_string_equal(parts(&r), cases[row].parts);
		assert_exit(&r, *cases[row].parts == 'r' ? 4 : 0);
		lose(&r, i % STATES);
		run_sync(&r, yaml);
		assert_writes(&r, "");
		assert_string_equal(parts(&r), cases[row].parts);
	}
}

/* A number is no boolean for a service that reads a request. */
static void a_boolean_that_is_shown_as_a_number_is_carried_over_as_one(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_make(&r, HELLO_BODY("a", "6"));
	run_put(&r, 612, "/steps/greet/clearImageCache", "1");
	run_put(&r, 612, "/metadata", "{\"allowConcurrentExecution\":0}");
	run_sync(&r, HELLO("a", "7"));
	assert_steps(&r, "a patch applied\n");
	assert_string_equal(tree_text(&r.a, node_at(fake_find(&r.f, 612)->sent, "/steps/greet/clearImageCache")), "true");
	assert_string_equal(tree_text(&r.a, node_at(fake_find(&r.f, 612)->sent, "/metadata")),
	                    "{\"allowConcurrentExecution\":false}");
}

static void a_settled_value_is_written_again_when_the_spec_or_it_changes(void **state)
{
	for (unsigned kind = 0; kind < STATES; kind++) {
		CLEANUP(run_done) struct run r = { .f.habits = { { "/steps/greet/command", "\"sh -c run\"" } } };

		lose(&r, kind);
		run_sync(&r, HELLO("a", "7"));
		/* by hand */
		run_put(&r, 612, "/steps/greet/command", "\"other\"");
		lose(&r, kind);
		run_sync(&r, HELLO("a", "7"));
		assert_writes(&r, "update 612\n");
		lose(&r, kind);
		run_sync(&r, HELLO("a", "7"));
		assert_writes(&r, "");
		/* Another sent value leads to the same kept one: only what is remembered can tell. */
		lose(&r, kind);
		run_sync(&r, "name: a\nsteps: {greet: {imageId: 7, command: walk}}\n");
		assert_string_equal(parts(&r), kind == KEPT ? "refused /steps/greet/command\n"
		                                            : "settled /steps/greet/command\n");
		lose(&r, kind);
		run_sync(&r, "name: a\nsteps: {greet: {imageId: 7, command: walk}}\n");
		assert_writes(&r, "");
	}
}

static void another_change_does_not_write_what_is_settled_twice_more(void **state)
{
	for (unsigned kind = 0; kind < STATES; kind++) {
		CLEANUP(run_done) struct run r = { .f.habits = { { "/steps/greet/command", "\"sh -c run\"" } } };

		lose(&r, kind);
		run_sync(&r, HELLO("a", "7"));
		lose(&r, kind);
		run_sync(&r, HELLO("a", "8"));
		assert_writes(&r, "update 612\n");
		assert_string_equal(parts(&r), "settled /steps/greet/command\n");
		lose(&r, kind);
		run_sync(&r, HELLO("a", "8"));
		assert_writes(&r, "");
	}
}

static void a_key_that_does_not_go_is_settled_and_never_written_again(void **state)
{
	CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .habits = { { "/steps/greet/stepTimeout", "9" } } } };

	run_sync(&r, TIMED("7"));
	assert_writes(&r, "create 612\n");
	run_sync(&r, HELLO("a", "7"));
	assert_string_equal(run_changes(&r), "remove /steps/greet/stepTimeout undeclared\n");
	assert_writes(&r, "update 612\nupdate 612\n");
	assert_string_equal(parts(&r), "settled /steps/greet/stepTimeout\n");
	assert_steps(&r, "a replace applied\n");
	for (unsigned again = 0; again < 2; again++) {
		run_sync(&r, HELLO("a", "7"));
		assert_writes(&r, "");
		assert_string_equal(parts(&r), "settled /steps/greet/stepTimeout\n");
		assert_steps(&r, "a none unchanged\n");
	}
	run_sync(&r, HELLO("a", "8"));
	assert_writes(&r, "update 612\n");
	assert_steps(&r, "a patch applied\n");
	assert_string_equal(parts(&r), "settled /steps/greet/stepTimeout\n");
	/* "… until the spec or that observed value changes" */
	run_put(&r, 612, "/steps/greet/stepTimeout", "8");
	run_sync(&r, HELLO("a", "8"));
	assert_writes(&r, "update 612\n");
	run_sync(&r, HELLO("a", "8"));
	assert_writes(&r, "");
	/* and when it goes after all, that is all */
	r.f.habits[0] = (struct fake_habit){ 0 };
	run_put(&r, 612, "/steps/greet/stepTimeout", "0");
	run_sync(&r, HELLO("a", "8"));
	assert_writes(&r, "");
	assert_string_equal(parts(&r), "");
}

static void a_key_that_does_not_go_needs_no_state_to_be_left_alone(void **state)
{
	for (unsigned kind = LOST; kind < STATES; kind++) {
		CLEANUP(run_done) struct run r = {
			.f.habits = { { "/steps/greet/stepTimeout", "9" }, { "/steps/greet/command", "\"sh -c run\"" } },
		};
		const struct specs before = tree_specs(&r.a, TIMED("7"));

		lose(&r, kind);
		run_cycle(&r, &before, &(struct cycle_options){ .apply = true });
		assert_writes(&r, "create 612\nupdate 612\n");
		r.f.memory.older = spec_body(&r.a, &before.items[0]);
		lose(&r, kind);
		run_sync(&r, HELLO("a", "7"));
		assert_string_equal(run_changes(&r), "remove /steps/greet/stepTimeout undeclared\n");
		assert_writes(&r, "update 612\nupdate 612\n");
		assert_string_equal(parts(&r), "settled /steps/greet/command\nsettled /steps/greet/stepTimeout\n");
		for (unsigned again = 0; again < 2; again++) {
			lose(&r, kind);
			run_sync(&r, HELLO("a", "7"));
			assert_writes(&r, "");
			assert_string_equal(parts(&r), "settled /steps/greet/command\n");
		}
	}
}

/* It is gone, and what is there instead is the service's own. */
static void what_is_filled_in_where_a_key_went_is_no_habit(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, TIMED("7"));
	r.f.habits[0] = (struct fake_habit){ "/steps/greet/stepTimeout", "60" };
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "update 612\n");
	assert_string_equal(parts(&r), "");
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "");
}

static void whether_a_hidden_key_went_cannot_be_seen(void **state)
{
	CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .hides_options = true } };
	const char *bare =
		"name: a\nsteps: {s: {imageId: 7, command: c, repository: {url: u, branch: b}}}\n";

	run_sync(&r, "metadata: {allowConcurrentExecution: true}\n" TOKEN("7", "one"));
	run_sync(&r, bare);
	assert_steps(&r, "a replace applied\n");
	assert_writes(&r, "update 612\n");
	assert_said(&r, BLIND("/metadata") BLIND("/steps/s/repository/token"));
	run_sync(&r, bare);
	assert_writes(&r, "");
	assert_said(&r, "");
}

static void vanish_after_a_conflict(struct fake *f, const struct request *request)
{
	if (request->operation == OP_DESCRIBE && f->faults[0].times == 0 && fake_find(f, 612))
		fake_remove(f, 612);
}

static void one_that_is_made_again_has_no_habits_of_the_old_one(void **state)
{
	CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .habits = { { "/steps/greet/stepTimeout", "9" } } } };

	run_sync(&r, TIMED("7"));
	run_sync(&r, HELLO("a", "7"));
	assert_string_equal(parts(&r), "settled /steps/greet/stepTimeout\n");
	r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 1, .status = 409 };
	r.f.meanwhile = vanish_after_a_conflict;
	run_sync(&r, HELLO("a", "8"));
	assert_steps(&r, "a create applied\n");
	assert_string_equal(parts(&r), "");
}

static void vanish_after_the_look(struct fake *f, const struct request *request)
{
	f->faults[0].times = 0;
	if (request->operation == OP_DESCRIBE && f->requests > 2 && fake_find(f, 612))
		fake_remove(f, 612);
}

/* Without a state its tags told of its habits, and they went with it. */
static void one_that_vanished_tells_nothing_of_the_one_that_is_made_again(void **state)
{
	static void (*const ends[])(struct fake *, const struct request *) = {
		vanish_after_the_look, vanish_after_a_conflict,
	};
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		CLEANUP(run_done) struct run r = { .f.habits = { { "/steps/greet/command", "\"sh -c run\"" } } };

		run_sync(&r, HELLO("a", "7"));
		r.f.meanwhile = ends[i];
		r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 1, .status = 409 };
		run_sync(&r, HELLO("a", "8"));
		assert_writes(&r, "create 613\nupdate 613\n");
		assert_string_equal(parts(&r), "settled /steps/greet/command\n");
		r.f.meanwhile = NULL;
		run_sync(&r, HELLO("a", "8"));
		assert_writes(&r, "");
	}
}

/* The action says what is written, not what was left alone. */
static void a_removal_that_is_settled_makes_no_replacement(void **state)
{
	CLEANUP(run_done) struct run r = {
		.f.memory.on = true, .f.habits = { { "/steps/extra", "{\"imageId\":1,\"command\":\"x\"}" } },
	};

	run_sync(&r, HELLO("a", "7"));
	run_sync(&r, HELLO("a", "8"));
	assert_steps(&r, "a patch applied\n");
	assert_string_equal(parts(&r), "settled /steps/extra\n");
}

static void tags_that_are_lowered_are_settled_not_refused(void **state)
{
	for (unsigned kind = 0; kind < STATES; kind++) {
		CLEANUP(run_done) struct run r = { .f = { .lower_tags = true, .shuffles = true } };
		static const char *const specs[] = {
			HELLO("a", "7") "tags: [{name: Finance}, {name: ops}]\n",
			HELLO("a", "7") "tags: [{name: Sales}, {name: ops}]\n",
		};
		for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
			lose(&r, kind);
			run_sync(&r, specs[i]);
			assert_int_equal(r.report.steps[0].settled.count, 2);
			assert_exit(&r, 0);
			for (unsigned again = 0; again < 3; again++) {
				lose(&r, kind);
				run_sync(&r, specs[i]);
				assert_writes(&r, "");
				assert_exit(&r, 0);
			}
		}
	}
}

static void a_stale_read_is_no_habit(void **state)
{
	for (unsigned stale = 1; stale <= 4; stale++)
		for (unsigned kind = 0; kind < STATES; kind++) {
			CLEANUP(run_done) struct run r = { 0 };

			lose(&r, kind);
			run_sync(&r, HELLO("a", "7"));
			r.f.stale_reads = stale;
			run_sync(&r, HELLO("a", "8"));
			assert_string_equal(parts(&r), "");
			r.f.stale_reads = 0;
			fake_find(&r.f, 612)->stale = 0;
			assert_string_equal(run_shown(&r, 612, "/steps/greet/imageId"), "8");
			/* What was stale then is drift now. */
			run_put(&r, 612, "/steps/greet/imageId", "7");
			lose(&r, kind);
			run_sync(&r, HELLO("a", "8"));
			assert_string_equal(run_changes(&r), "replace /steps/greet/imageId drift\n");
			assert_string_equal(run_shown(&r, 612, "/steps/greet/imageId"), "8");
		}
}

static void end_the_habit(struct fake *f, const struct request *request)
{
	if (request->operation == OP_UPDATE)
		f->habits[0] = (struct fake_habit){ 0 };
}

/* What was shown right after it was made is no habit that its tags may tell of. */
static void what_passes_after_a_create_is_no_habit(void **state)
{
	for (unsigned kind = 0; kind < STATES; kind++) {
		CLEANUP(run_done) struct run r = {
			.f = { .habits = { { "/steps/greet/command", "\"sh -c run\"" } }, .meanwhile = end_the_habit },
		};

		lose(&r, kind);
		run_sync(&r, HELLO("a", "7"));
		assert_writes(&r, "create 612\nupdate 612\nupdate 612\n");
		assert_string_equal(parts(&r), "");
		assert_null(strstr(run_tags(&r, 612), "flowsync-settled"));
		/* Now it is drift. */
		run_put(&r, 612, "/steps/greet/command", "\"sh -c run\"");
		lose(&r, kind);
		run_sync(&r, HELLO("a", "7"));
		assert_string_equal(run_changes(&r), "replace /steps/greet/command drift\n");
		assert_writes(&r, "update 612\n");
	}
}

/* A stamp or a counter where a value was.  No deadline ends it, as a write that began is finished. */
static void what_is_kept_is_another_thing_each_time(struct fake *f, const struct request *request)
{
	if (request->operation != OP_UPDATE && request->operation != OP_CREATE)
		return;
	f->habits[0] = (struct fake_habit){
		"/steps/greet/command", arena_printf(&f->arena, "\"run %lld\"", (long long)f->now),
	};
	/* far too many: let it end */
	f->memory.dead |= f->writes.len > 10 * strlen("update 612\n");
}

static void a_value_that_changes_with_each_write_is_written_twice_more_at_most(void **state)
{
	for (unsigned kind = 0; kind < STATES; kind++) {
		CLEANUP(run_done) struct run r = { .f.meanwhile = what_is_kept_is_another_thing_each_time };

		lose(&r, kind);
		run_sync(&r, HELLO("a", "7"));
		assert_writes(&r, "create 612\nupdate 612\nupdate 612\n");
		lose(&r, kind);
		run_sync(&r, HELLO("a", "8"));
		assert_writes(&r, "update 612\nupdate 612\nupdate 612\n");
		assert_steps(&r, "a patch applied\n");
	}
}

/* ---- what is recorded before a write ---- */

/* The service carries it out, and its answer is never read. */
static void die_in_the_middle_of(enum operation operation, struct fake *f, const struct request *request)
{
	struct answer unread;

	if (request->operation != operation)
		return;
	f->meanwhile = NULL;
	fake_answer(f, request, &unread);
	f->memory.dead = true;
}

static void die_in_the_middle_of_the_update(struct fake *f, const struct request *request)
{
	die_in_the_middle_of(OP_UPDATE, f, request);
}

static void die_in_the_middle_of_the_create(struct fake *f, const struct request *request)
{
	die_in_the_middle_of(OP_CREATE, f, request);
}

/* Lost answers and kills x a search that lags, with a state: one create in all. */
static void one_create_is_sent_however_late_the_service_shows_it(void **state)
{
	for (int64_t lag = 0; lag <= 30000; lag += 1500)
		for (unsigned killed = 0; killed < 2; killed++) {
			CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .list_lag = lag } };

			r.f.faults[0] = (struct fake_fault){
				.operation = OP_CREATE, .times = !killed, .done = true, .status = 504,
			};
			r.f.meanwhile = killed ? die_in_the_middle_of_the_create : NULL;
			run_sync(&r, HELLO("a", "7"));
			assert_writes(&r, "create 612\n");
			r.f.memory.dead = false;
			if (killed && lag > 15000)
				r.f.now += lag - 15000;
			run_sync(&r, HELLO("a", "7"));
			assert_writes(&r, "");
			assert_exit(&r, 0);
			run_sync(&r, HELLO("a", "7"));
			assert_writes(&r, "");
			assert_steps(&r, "a none unchanged\n");
			assert_int_equal(r.f.memory.records.count, 1);
			assert_int_equal(r.f.memory.records.intent_count, 0);
		}
}

static void a_lost_create_is_looked_up_longer_for_a_quarter_of_an_hour(void **state)
{
	static const struct { int64_t age, least, most; } cases[] = {
		{ 0, 15000, 16000 }, { 899000, 15000, 16000 }, { 900000, 0, 1000 }, { -3600000, 15000, 16000 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .now = 5000000 } };

		r.f.faults[0] = (struct fake_fault){ .operation = OP_CREATE, .times = 1, .failure = FAILURE_LOST };
		run_sync(&r, HELLO("a", "7"));
		assert_exit(&r, 1);
		/* A plan writes nothing and waits for nothing. */
		int64_t before = r.f.now += cases[i].age;
		run_plan(&r, HELLO("a", "7"));
		assert_in_range(r.f.now - before, 0, 1000);
		r.f.now = before;
		run_sync(&r, HELLO("a", "7"));
		assert_writes(&r, "create 612\n");
		assert_in_range(r.f.now - before, cases[i].least, cases[i].most);
	}
}

static void a_create_that_was_refused_is_not_awaited(void **state)
{
	static const struct fake_fault faults[] = {
		{ .status = 422 }, { .status = 409 }, { .failure = FAILURE_UNSENT }, { .status = 429 },
		{ .status = 503, .retry_after_ms = 10 },
	};
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		CLEANUP(run_done) struct run r = { .f.memory.on = true };

		r.f.faults[0] = faults[i];
		r.f.faults[0].operation = OP_CREATE;
		r.f.faults[0].times = 99;
		run_sync(&r, HELLO("a", "7"));
		assert_exit(&r, 1);
		assert_int_equal(r.f.memory.records.intent_count, 0);
	}
}

/* That a later one is refused says nothing of the first. */
static void a_refusal_does_not_forget_an_earlier_lost_create(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	r.f.faults[0] = (struct fake_fault){ .operation = OP_CREATE, .times = 1, .failure = FAILURE_LOST };
	run_sync(&r, HELLO("a", "7"));
	int64_t at = r.f.memory.records.intents[0].at;
	r.f.faults[0] = (struct fake_fault){ .operation = OP_CREATE, .times = 1, .status = 422 };
	run_sync(&r, HELLO("a", "7"));
	assert_int_equal(r.f.memory.records.intent_count, 1);
	assert_int_equal(r.f.memory.records.intents[0].at, at);
}

#define WITH_METADATA	"metadata: {allowConcurrentExecution: true}\n"

static void lose_the_update(struct fake *f)
{
	f->faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 99, .done = true, .status = 500 };
}

static void lose_the_create(struct fake *f)
{
	f->faults[0] = (struct fake_fault){ .operation = OP_CREATE, .times = 1, .done = true, .failure = FAILURE_LOST };
	f->list_lag = 17000;
}

static void kill_the_update(struct fake *f)
{
	f->meanwhile = die_in_the_middle_of_the_update;
}

static void kill_the_create(struct fake *f)
{
	f->meanwhile = die_in_the_middle_of_the_create;
}

/* What was declared in a write of unknown result, and is removed from the spec afterwards, is removed from the service. */
static void a_key_of_a_lost_write_is_removed_with_the_spec(void **state)
{
	static const struct { void (*lose)(struct fake *); bool update; } cases[] = {
		{ lose_the_create, false }, { kill_the_create, false }, { lose_the_update, true }, { kill_the_update, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { .f.memory.on = true };

		if (cases[i].update)
			run_sync(&r, HELLO("a", "7"));
		cases[i].lose(&r.f);
		run_sync(&r, WITH_METADATA HELLO("a", "7"));
		assert_exit(&r, 1);
		r.f.memory.dead = false;
		r.f.meanwhile = NULL;
		r.f.faults[0].times = 0;
		r.f.now += 20000;
		run_sync(&r, HELLO("a", "7"));
		assert_string_equal(run_changes(&r), "remove /metadata undeclared\n");
		assert_string_equal(run_shown(&r, 612, "/metadata"), "null");
		assert_said(&r, "");
		assert_int_equal(r.f.memory.records.intent_count, 0);
	}
}

/* Each of several may be the one that was carried out. */
static void every_lost_update_is_remembered_until_one_succeeds(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, HELLO("a", "7"));
	r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 99, .status = 500 };
	run_sync(&r, WITH_METADATA HELLO("a", "7"));
	run_sync(&r, WITH_METADATA HELLO("a", "8"));
	assert_int_equal(r.f.memory.records.intent_count, 2);
	r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 1, .status = 422 };
	run_sync(&r, WITH_METADATA HELLO("a", "9"));
	assert_int_equal(r.f.memory.records.intent_count, 2);
	run_sync(&r, HELLO("a", "9"));
	assert_int_equal(r.f.memory.records.intent_count, 0);
}

enum { MANY = 64, TOGETHER = 8 };

static const char *many_specs(struct run *r, const char *image)
{
	const char *text = "";

	for (unsigned i = 0; i < MANY; i++)
		text = arena_printf(&r->a, "%s---\nname: w%u\nsteps: {greet: {imageId: %s, command: run}}\n", text, i, image);
	return text;
}

/* One for the intents, one for the records: each answer confirms what was kept with the one before. */
static void a_round_of_writes_costs_two_commits(void **state)
{
	CLEANUP(run_done) struct run r = {
		.f = { .memory.on = true, .concurrency = TOGETHER, .at_once = TOGETHER },
	};

	run_sync(&r, many_specs(&r, "7"));
	assert_int_equal(r.f.memory.records.count, MANY);
	assert_int_equal(r.f.memory.records.intent_count, 0);
	assert_in_range(r.f.memory.commits, 1, 2 * MANY / TOGETHER + 1);
	/* For each a look for its name, the create and a description; the list before and after. */
	assert_int_equal(r.f.requests, 3 * MANY + 2);
	r.f.memory.commits = 0;
	run_sync(&r, many_specs(&r, "8"));
	assert_int_equal(r.f.memory.records.intent_count, 0);
	assert_in_range(r.f.memory.commits, 1, 2 * MANY / TOGETHER + 1);
	r.f.memory.commits = 0;
	run_sync(&r, many_specs(&r, "8"));
	assert_int_equal(r.f.memory.commits, 0);
}

/* A record of the pause is dropped, and nothing else. */
static void a_refused_update_of_a_paused_workflow_forgets_no_lost_create(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	lose_the_create(&r.f);
	run_sync(&r, WITH_METADATA HELLO("a", "7"));
	r.f.now += 20000;
	run_put(&r, 612, "/status", "\"Paused\"");
	r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 1, .status = 422 };
	run_sync(&r, HELLO("a", "8"));
	run_sync(&r, HELLO("a", "7"));
	assert_string_equal(run_changes(&r), "remove /metadata undeclared\n");
}

/* ---- what the service hides ---- */

static void a_hidden_value_is_written_once_without_a_record_and_when_it_changes(void **state)
{
	for (unsigned kind = 0; kind < STATES; kind++) {
		CLEANUP(run_done) struct run r = { 0 };

		run_make(&r, "{\"name\":\"a\",\"steps\":{\"s\":{\"imageId\":7,\"command\":\"c\",\"repository\":{\"url\":\"u\","
		         "\"branch\":\"b\"}}}}");
		lose(&r, kind);
		run_sync(&r, TOKEN("7", "one"));
		assert_string_equal(run_changes(&r), "add /steps/s/repository/token adopted\n");
		assert_writes(&r, "update 612\n");
		lose(&r, kind);
		run_sync(&r, TOKEN("7", "one"));
		assert_writes(&r, "");
		lose(&r, kind);
		run_sync(&r, TOKEN("7", "two"));
		assert_string_equal(run_changes(&r), kind == KEPT ? "add /steps/s/repository/token declared\n"
		                                                  : "add /steps/s/repository/token adopted\n");
		assert_writes(&r, "update 612\n");
		assert_string_equal(tree_text(&r.a, node_at(fake_find(&r.f, 612)->sent,
		                                            "/steps/s/repository/token")),
		                    "\"two\"");
		lose(&r, kind);
		run_sync(&r, TOKEN("7", "two"));
		assert_writes(&r, "");
	}
}

#define AUTH(image, password) "name: a\nsteps: {s: {imageId: " image ", command: c}, h: {type: http, method: post, url: u, " \
	"auth: {type: basic, username: u, password: " password "}}}\n"

static void a_secret_that_is_given_back_empty_is_hidden_not_refused(void **state)
{
	for (unsigned kind = 0; kind < STATES; kind++) {
		CLEANUP(run_done) struct run r = { .f.habits = { { "/steps/h/auth/password", "\"\"" } } };
		static const char *const specs[] = { AUTH("7", "one"), AUTH("7", "two"), AUTH("7", "three"), AUTH("7", "one") };

		for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
			lose(&r, kind);
			run_sync(&r, specs[i]);
			assert_writes(&r, i ? "update 612\n" : "create 612\n");
			if (i)
				assert_string_equal(run_changes(&r), kind == KEPT ? "add /steps/h/auth/password declared\n"
				                                                  : "add /steps/h/auth/password adopted\n");
			assert_string_equal(parts(&r), "");
			assert_exit(&r, 0);
			lose(&r, kind);
			run_sync(&r, specs[i]);
			assert_writes(&r, "");
			assert_steps(&r, "a none unchanged\n");
			assert_said(&r, "warning: workflow \"a\" declares /steps/h/auth/password, which this service does not "
			            "show: a change there is not seen\n");
		}
	}
}

/* Somebody emptied it, or it is hidden: what is shown and declared alike needs no write. */
static void a_secret_that_is_declared_empty_is_equal_to_an_empty_one(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, AUTH("7", "''"));
	assert_writes(&r, "create 612\n");
	r.f.memory.records.count = 0;
	run_put(&r, 612, "/tags", "[]");
	run_sync(&r, AUTH("7", "''"));
	assert_writes(&r, "");
	assert_said(&r, "warning: workflow \"a\" has no owner tag yet, so it is not pruned; --mark writes the tag\n");
}

/* The arena of the look is gone by then. */
static void what_is_not_shown_is_named_in_the_step_after_the_cycle(void **state)
{
	CLEANUP(run_done) struct run r = { .f.hides_options = true };

	run_sync(&r, "metadata: {allowConcurrentExecution: true}\n" HELLO("a", "7"));
	run_sync(&r, "metadata: {allowConcurrentExecution: true}\n" HELLO("a", "7"));
	assert_int_equal(r.report.steps[0].diff.unseen_count, 1);
	assert_string_equal(r.report.steps[0].diff.unseen[0], "/metadata");
}

static void older_versions_of_a_file_are_a_record(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const struct specs before = tree_specs(&r.a, "metadata: {allowConcurrentExecution: true}\n" TOKEN("7", "one"));

	run_cycle(&r, &before, &(struct cycle_options){ .apply = true });
	r.f.memory.older = spec_body(&r.a, &before.items[0]);
	run_sync(&r, TOKEN("8", "one"));
	assert_string_equal(run_changes(&r),
	                    "replace /steps/s/imageId declared\nremove /metadata undeclared\n");
	assert_said(&r, "");
	assert_writes(&r, "update 612\n");
}

/* To look for them is dear. */
static void older_versions_are_asked_for_once_a_look(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_sync(&r, HELLO("a", "7"));
	run_plan(&r, HELLO("a", "8"));
	assert_int_equal(r.f.memory.recalls, 1);
}

/* ---- what was shown instead of a secret ---- */

#define BASIC(image, ignore, user) "flowsync: {ignore: [" ignore "]}\nname: a\nsteps: {s: {imageId: " image \
	", command: c}, h: {type: http, method: get, url: u, auth: {type: basic, username: '" user "', password: p}}}\n"
#define NEVER_SENT "/steps/h/auth/username: \"(masked #...)\" stands for a secret that was not shown, and is never " \
	"sent; write the secret itself\n"

static void a_masked_value_that_is_ignored_is_never_sent(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const char *ignored = BASIC("7", "/steps/h/auth/username", "(masked #1)");

	run_plan(&r, ignored);
	assert_steps(&r, "a create failed: " NEVER_SENT);
	run_sync(&r, ignored);
	assert_steps(&r, "a create failed: " NEVER_SENT);
	assert_writes(&r, "");
	assert_exit(&r, 1);
	/* That of the service stays. */
	run_make(&r, "{\"name\":\"a\",\"steps\":{\"s\":{\"imageId\":6,\"command\":\"c\"},\"h\":{\"type\":\"http\",\"method\":\"get\","
	         "\"url\":\"u\",\"auth\":{\"type\":\"basic\",\"username\":\"mine\",\"password\":\"p\"}}}}");
	run_sync(&r, ignored);
	assert_steps(&r, "a patch applied\n");
	assert_string_equal(run_shown(&r, 612, "/steps/h/auth/username"), "\"mine\"");
	run_sync(&r, ignored);
	assert_writes(&r, "");
	/* There is none to stay. */
	run_put(&r, 612, "/steps/h/auth", "{\"type\":\"no-auth\"}");
	run_sync(&r, ignored);
	assert_steps(&r, "a replace failed: " NEVER_SENT);
	assert_writes(&r, "");
}

/* Where the spec is the whole truth, an ignored value inside of a list is sent as it is declared. */
static void a_masked_value_does_not_take_the_place_of_another(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const struct specs specs = tree_specs(&r.a, "flowsync: {ignore: [/watchers/*/webhook/payload]}\nname: a\nwatchers: "
		"[{webhook: {name: p, url: 'https://h', payload: '(masked #1)'}, events: {fail: true}}]\n"
		"steps: {s: {imageId: 7, command: c}}\n");

	run_make(&r, "{\"name\":\"a\",\"watchers\":[{\"webhook\":{\"name\":\"p\",\"url\":\"https://h\",\"payload\":\"mine\"},"
	         "\"events\":{\"fail\":true}}],\"steps\":{\"s\":{\"imageId\":6,\"command\":\"c\"}}}");
	run_cycle(&r, &specs, &(struct cycle_options){ .apply = true, .whole = true });
	assert_steps(&r, "a patch failed: /watchers/0/webhook/payload: \"(masked #...)\" stands for a secret that was not "
	             "shown, and is never sent; write the secret itself\n");
	assert_writes(&r, "");
}

/* Somebody synced it once, and it is as bad as it was. */
static void a_masked_value_that_the_service_has_stops_no_other_change(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_make(&r, "{\"name\":\"a\",\"steps\":{\"s\":{\"imageId\":6,\"command\":\"c\"},\"h\":{\"type\":\"http\",\"method\":\"get\","
	         "\"url\":\"u\",\"auth\":{\"type\":\"basic\",\"username\":\"(masked #1)\",\"password\":\"p\"}}}}");
	run_sync(&r, BASIC("7", "/steps/h/auth", "(masked #1)"));
	assert_steps(&r, "a patch applied\n");
}

static void one_that_vanishes_is_not_made_again_with_a_masked_value(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };

	run_make(&r, "{\"name\":\"a\",\"steps\":{\"s\":{\"imageId\":6,\"command\":\"c\"},\"h\":{\"type\":\"http\",\"method\":\"get\","
	         "\"url\":\"u\",\"auth\":{\"type\":\"basic\",\"username\":\"mine\",\"password\":\"p\"}}}}");
	for (unsigned skip = 0; skip < 2; skip++) {
		r.f.faults[0] = (struct fake_fault){ .operation = OP_DESCRIBE, .skip = skip, .times = 1, .status = 404 };
		run_sync(&r, BASIC("7", "/steps/h/auth", "(masked #1)"));
		assert_steps(&r, "a create failed: " NEVER_SENT);
		assert_writes(&r, "");
	}
}

/* ---- our own tags ---- */

#define TAGLESS "warning: workflow \"a\" does not keep flowsync's tags on this service: it is never pruned, and without " \
	"a state what the service hides or changes is written at each sync\n"
#define UNRECORDED "warning: workflow \"a\" has no record of an earlier apply: keys removed from the spec cannot be detected\n"

#define UNMATCHED "warning: workflow \"a\" has no record of an earlier apply: keys removed from the spec cannot be detected; " \
	"the clone is shallow\n"

/* There is nowhere to remember anything: it can only be said. */
static void where_tags_are_dropped_and_there_is_no_state_the_report_says_so(void **state)
{
	CLEANUP(run_done) struct run r = { .f.drops_our_tags = true };

	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "create 612\n");
	assert_said(&r, TAGLESS);
	/* "If it is equal already, nothing is written" */
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "");
	assert_said(&r, "warning: workflow \"a\" has no owner tag yet, so it is not pruned; --mark writes the tag\n");
	for (unsigned again = 0; again < 2; again++) {
		run_sync(&r, TOKEN("7", "one"));
		assert_writes(&r, "update 612\n");
		assert_said(&r, TAGLESS UNRECORDED);
	}
}

static void where_tags_are_dropped_a_state_is_enough(void **state)
{
	CLEANUP(run_done) struct run r = { .f = { .drops_our_tags = true, .memory.on = true } };
	const struct cycle_options mark = { .apply = true, .mark = true };
	const struct specs specs = tree_specs(&r.a, TOKEN("7", "one"));

	run_sync(&r, TOKEN("7", "one"));
	assert_writes(&r, "create 612\n");
	run_sync(&r, TOKEN("7", "one"));
	assert_writes(&r, "");
	assert_said(&r, TAGLESS);
	run_cycle(&r, &specs, &mark);
	assert_writes(&r, "");
	run_sync(&r, TOKEN("7", "two"));
	assert_string_equal(run_changes(&r), "add /steps/s/repository/token declared\n");
	run_sync(&r, TOKEN("7", "two"));
	assert_writes(&r, "");
	run_sync(&r, "flowsync: {prune: false}\n" TOKEN("7", "two"));
	assert_writes(&r, "");
}

/* A tag that somebody took off is another thing than one that is never kept. */
static void tags_that_were_kept_before_are_written_again_on_demand(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };
	const struct cycle_options mark = { .apply = true, .mark = true };
	const struct specs specs = tree_specs(&r.a, HELLO("a", "7"));

	run_sync(&r, HELLO("a", "7"));
	run_put(&r, 612, "/tags", "[]");
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "");
	run_cycle(&r, &specs, &mark);
	assert_writes(&r, "update 612\n");
	assert_int_equal(r.report.steps[0].reason, REASON_ADOPTED);
	assert_string_equal(r.report.steps[0].note,
	                    "already equal: flowsync's tags are added, because --mark is given");
	run_cycle(&r, &specs, &mark);
	assert_writes(&r, "");
	assert_null(r.report.steps[0].note);
}

static void a_keep_tag_that_is_not_kept_is_not_written_for_ever(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, HELLO("a", "7"));
	const char *tags = run_shown(&r, 612, "/tags");
	r.f.habits[0] = (struct fake_habit){ "/tags", tags };
	run_sync(&r, "flowsync: {prune: false}\n" HELLO("a", "7"));
	assert_writes(&r, "update 612\n");
	run_sync(&r, "flowsync: {prune: false}\n" HELLO("a", "7"));
	assert_writes(&r, "");
}

/* ---- paused ---- */

static void a_paused_workflow_stays_paused(void **state)
{
	for (unsigned kind = 0; kind < STATES; kind++) {
		CLEANUP(run_done) struct run r = { .f.update_resumes = true };

		lose(&r, kind);
		run_sync(&r, HELLO("a", "7"));
		run_put(&r, 612, "/status", "\"Paused\"");
		run_sync(&r, HELLO("a", "8"));
		assert_writes(&r, "update 612\npause 612\n");
		assert_said(&r, arena_printf(&r.a, "%swarning: s.yaml:1:1: workflow \"a\": the update resumed it; it was paused "
		            "again\n", kind != KEPT && kind != LOST ? "warning: workflow \"a\" has no record of an earlier apply: "
		            "keys removed from the spec cannot be detected\n" : ""));
		assert_string_equal(run_shown(&r, 612, "/status"), "\"Paused\"");
		run_sync(&r, HELLO("a", "8"));
		assert_writes(&r, "");
	}
}

static void die_before_it_is_paused(struct fake *f, const struct request *request)
{
	f->memory.dead |= request->operation == OP_PAUSE;
}

static void die_after_the_update(struct fake *f, const struct request *request)
{
	f->memory.dead |= request->operation == OP_DESCRIBE && strstr(buf_str(&f->writes), "update");
}

static void die_before_the_update(struct fake *f, const struct request *request)
{
	f->memory.dead |= request->operation == OP_UPDATE;
}

static void a_crash_does_not_set_it_going(void **state)
{
	static void (*const deaths[])(struct fake *, const struct request *) = {
		die_before_it_is_paused, die_after_the_update, die_before_the_update, die_in_the_middle_of_the_update,
	};
	for (size_t i = 0; i < ARRAY_LEN(deaths); i++) {
		CLEANUP(run_done) struct run r = { .f = { .update_resumes = true, .memory.on = true } };

		run_sync(&r, HELLO("a", "7"));
		run_put(&r, 612, "/status", "\"Paused\"");
		r.f.meanwhile = deaths[i];
		run_sync(&r, HELLO("a", "8"));
		r.f.meanwhile = NULL;
		r.f.memory.dead = false;
		run_sync(&r, HELLO("a", "8"));
		assert_writes(&r, i == 2 ? "update 612\npause 612\n" : "pause 612\n");
		assert_steps(&r, "a patch applied\n");
		assert_int_equal(r.report.steps[0].reason, i == 2 ? REASON_DECLARED : REASON_DRIFT);
		assert_string_equal(i == 2 ? "none" : r.report.steps[0].note, i == 2 ? "none" :
		                    "an update by flowsync resumed this paused workflow; it is paused again");
		assert_string_equal(run_shown(&r, 612, "/status"), "\"Paused\"");
		/* What somebody does afterwards is theirs to do. */
		run_put(&r, 612, "/status", "\"Available\"");
		run_sync(&r, HELLO("a", "8"));
		assert_writes(&r, "");
	}
}

static void what_was_never_updated_is_not_paused_later(void **state)
{
	static const int answers[] = { 422, 409 };

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .deadline = 60000 } };

		run_make(&r, HELLO_BODY("a", "7"));
		run_put(&r, 612, "/status", "\"Paused\"");
		r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 99, .status = answers[i] };
		run_sync(&r, HELLO("a", "8"));
		assert_int_not_equal(r.report.steps[0].result, RESULT_APPLIED);
		assert_int_equal(r.f.memory.records.count, 0);
		/* The change is taken back, and somebody resumes it. */
		run_put(&r, 612, "/status", "\"Available\"");
		run_sync(&r, HELLO("a", "7"));
		assert_writes(&r, "");
		assert_steps(&r, "a none unchanged\n");
	}
}

/* Each attempt records the pause again, and frees what the attempt before had. */
static void a_paused_workflow_that_runs_is_paused_again_after_its_update(void **state)
{
	CLEANUP(run_done) struct run r = { .f = { .update_resumes = true, .memory.on = true, .deadline = 60000 } };

	run_sync(&r, HELLO("a", "7"));
	run_put(&r, 612, "/status", "\"Paused\"");
	r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 2, .status = 409 };
	run_sync(&r, HELLO("a", "8"));
	assert_writes(&r, "update 612\npause 612\n");
	assert_steps(&r, "a patch applied\n");
	assert_false(r.f.memory.records.items[0].paused);
	assert_int_equal(r.f.memory.records.intent_count, 0);
}

/* "The service failed" does not say that nothing of it was carried out. */
static void what_may_have_been_updated_is_paused_later(void **state)
{
	CLEANUP(run_done) struct run r = { .f = { .update_resumes = true, .memory.on = true } };

	run_sync(&r, HELLO("a", "7"));
	run_put(&r, 612, "/status", "\"Paused\"");
	r.f.faults[0] = (struct fake_fault){ .operation = OP_UPDATE, .times = 99, .done = true, .status = 500 };
	run_sync(&r, HELLO("a", "8"));
	assert_int_equal(r.report.steps[0].result, RESULT_FAILED);
	assert_true(r.f.memory.records.items[0].paused);
	r.f.faults[0] = (struct fake_fault){ 0 };
	run_sync(&r, HELLO("a", "8"));
	assert_writes(&r, "pause 612\n");
	assert_string_equal(run_shown(&r, 612, "/status"), "\"Paused\"");
}

/* A paused workflow whose update crashed before it was sent, and that needs none any more. */
static void a_workflow_that_is_still_paused_is_no_more_to_be_paused(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, HELLO("a", "7"));
	run_put(&r, 612, "/status", "\"Paused\"");
	r.f.meanwhile = die_before_the_update;
	run_sync(&r, HELLO("a", "8"));
	r.f.meanwhile = NULL;
	r.f.memory.dead = false;
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "");
	run_put(&r, 612, "/status", "\"Available\"");
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "");
}

static void one_that_cannot_be_paused_again_is_a_failure_and_is_paused_later(void **state)
{
	CLEANUP(run_done) struct run r = { .f = { .update_resumes = true, .memory.on = true } };

	run_sync(&r, HELLO("a", "7"));
	run_put(&r, 612, "/status", "\"Paused\"");
	r.f.faults[0] = (struct fake_fault){ .operation = OP_PAUSE, .times = 1, .status = 422 };
	run_sync(&r, HELLO("a", "8"));
	assert_steps(&r, "a patch failed: written, but the update resumed it, and it could not be paused again: pause "
	             "workflow 612 \"a\": the service answered 422 (not a valid workflow): not now\n");
	assert_int_equal(r.report.steps[0].http_status, 422);
	assert_true(r.f.memory.records.items[0].paused);
	run_sync(&r, HELLO("a", "8"));
	assert_writes(&r, "pause 612\n");
}

/* ---- one request that goes wrong ---- */

#define NOT_NOW	": the service answered 422 (not a valid workflow): not now\n"
#define BROKE	": the connection broke\n"
#define DESCRIBE_A	"describe workflow 613 \"a\""
#define DESCRIBE_OLD	"describe workflow 612 \"old\""
#define A_APPLIED	"a patch applied\n"
#define NEW_APPLIED	"new create applied\n"
#define OLD_APPLIED	"old delete applied\n"

/* "One step's failure stops no other" (design, 6): "a" is updated, "new" is created, "old" is deleted. */
static void one_answer_decides_what_becomes_of_one_workflow(void **state)
{
	static const struct { struct fake_fault fault; const char *steps, *writes; } cases[] = {
		{ { OP_DESCRIBE, 613, 0, 1, .failure = FAILURE_GIVEN_UP }, "a none deferred: " DESCRIBE_A BROKE NEW_APPLIED
		  OLD_APPLIED, "create 614\ndelete 612\n" },
		{ { OP_DESCRIBE, 613, 1, 1, .failure = FAILURE_GIVEN_UP }, "a patch deferred: " DESCRIBE_A BROKE NEW_APPLIED
		  OLD_APPLIED, "create 614\ndelete 612\n" },
		{ { OP_DESCRIBE, 613, 1, 1, .status = 422 }, "a patch failed: " DESCRIBE_A NOT_NOW NEW_APPLIED OLD_APPLIED,
		  "create 614\ndelete 612\n" },
		{ { OP_LIST, 0, 1, 1, .failure = FAILURE_GIVEN_UP }, A_APPLIED "new create deferred: create workflow \"new\": "
		  "list workflows, page 1" BROKE "old delete deferred: waits for a create or a rename that has not "
		  "succeeded\n", "update 613\n" },
		{ { OP_DESCRIBE, 612, 0, 1, .failure = FAILURE_GIVEN_UP }, A_APPLIED NEW_APPLIED "old delete deferred: "
		  DESCRIBE_OLD BROKE, "update 613\ncreate 614\n" },
		{ { OP_DESCRIBE, 612, 0, 1, .status = 422 }, A_APPLIED NEW_APPLIED "old delete failed: " DESCRIBE_OLD NOT_NOW,
		  "update 613\ncreate 614\n" },
		{ { OP_DESCRIBE, 612, 0, 1, .status = 404 }, A_APPLIED NEW_APPLIED OLD_APPLIED, "update 613\ncreate 614\n" },
		{ { OP_DELETE, 612, 0, 1, .status = 422 }, A_APPLIED NEW_APPLIED "old delete failed: delete workflow 612 "
		  "\"old\"" NOT_NOW, "update 613\ncreate 614\n" },
		{ { OP_DELETE, 612, 0, 1, .status = 409 }, A_APPLIED NEW_APPLIED OLD_APPLIED,
		  "update 613\ncreate 614\ndelete 612\n" },
		{ { OP_DELETE, 612, 0, 1, .done = true, .status = 410 }, A_APPLIED NEW_APPLIED OLD_APPLIED,
		  "update 613\ncreate 614\ndelete 612\n" },
		{ { OP_DELETE, 612, 0, 1, .done = true, .status = 200, .body = "<html>" }, A_APPLIED NEW_APPLIED OLD_APPLIED,
		  "update 613\ncreate 614\ndelete 612\n" },
		{ { OP_DELETE, 612, 0, 1, .status = 200, .body = "<html>" }, A_APPLIED NEW_APPLIED "old delete failed: delete "
		  "workflow 612 \"old\": expected {} or an empty answer, found a web page (HTML), and the workflow is still "
		  "there\n", "update 613\ncreate 614\n" },
		{ { OP_DELETE, 612, 0, 1, .status = 404, .body = "<html>" }, A_APPLIED NEW_APPLIED "old delete failed: delete "
		  "workflow 612 \"old\": the service answered 404 (not found)\n", "update 613\ncreate 614\n" },
		{ { OP_UPDATE, 613, 0, 1, .status = 200, .body = "<html>" }, "a patch failed: update workflow 613 \"a\": "
		  "expected JSON, found a web page (HTML); is the endpoint right?\n" NEW_APPLIED OLD_APPLIED,
		  "create 614\ndelete 612\n" },
	};
	const struct cycle_options prune = { .apply = true, .prune = true };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .concurrency = 1 } };
		const struct specs before = tree_specs(&r.a, HELLO("old", "7") "---\n" HELLO("a", "7"));
		const struct specs after = tree_specs(&r.a, HELLO("a", "8") "---\n" HELLO("new", "7"));

		run_cycle(&r, &before, &prune);
		r.f.faults[0] = cases[i].fault;
		run_cycle(&r, &after, &prune);
		assert_steps(&r, cases[i].steps);
		assert_writes(&r, cases[i].writes);
		/* What is deleted, or gone, is forgotten. */
		assert_int_equal(r.f.memory.records.count, strstr(cases[i].steps, OLD_APPLIED) ? 2 :
		                 strstr(cases[i].steps, NEW_APPLIED) ? 3 : 2);
	}
}

/* ---- what is remembered when ---- */

static void what_was_written_is_remembered_before_it_is_checked(void **state)
{
	CLEANUP(run_done) struct run r = { .f = { .memory.on = true, .meanwhile = die_after_the_update } };

	run_make(&r, HELLO_BODY("a", "7"));
	run_sync(&r, HELLO("a", "8"));
	assert_int_equal(r.report.steps[0].result, RESULT_FAILED);
	assert_int_equal(r.f.memory.records.count, 1);
	assert_int_equal(r.f.memory.records.items[0].id, 612);
	assert_string_equal(tree_text(&r.a, node_at(applied_record_body(&r.a, &r.f.memory.records.items[0]), "/steps/greet/imageId")), "8");
}

static void a_create_whose_answer_is_lost_bears_our_marker(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	r.f.faults[0] = (struct fake_fault){ .operation = OP_CREATE, .times = 1, .done = true, .failure = FAILURE_LOST };
	run_sync(&r, HELLO("a", "7"));
	assert_steps(&r, "a create applied\n");
	assert_memory_equal(run_tags(&r, 612), "flowsync-default flowsync-id-ca978112-1", 39);
	assert_int_equal(r.f.memory.records.items[0].id, 612);
}

static void a_lost_state_begins_again_from_what_stands_on_the_workflow(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, "metadata: {allowConcurrentExecution: true}\n" HELLO("a", "7"));
	r.f.memory.records.count = 0;
	run_sync(&r, "metadata: {allowConcurrentExecution: true}\n" HELLO("a", "7"));
	assert_writes(&r, "");
	assert_int_equal(r.f.memory.records.count, 1);
	run_sync(&r, HELLO("a", "7"));
	assert_string_equal(run_changes(&r), "remove /metadata undeclared\n");
	assert_steps(&r, "a replace applied\n");
}

/* The record of an older spec tells of keys that went long ago, and of none that came since. */
static void an_older_state_is_brought_up_to_what_stands_on_the_workflow(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.on = true };

	run_sync(&r, HELLO("a", "7"));
	const struct applied_record older = r.f.memory.records.items[0];
	run_sync(&r, "metadata: {allowConcurrentExecution: true}\n" HELLO("a", "7"));
	/* as from a backup */
	r.f.memory.records.items[0] = older;
	run_sync(&r, "metadata: {allowConcurrentExecution: true}\n" HELLO("a", "7"));
	assert_writes(&r, "");
	run_sync(&r, HELLO("a", "7"));
	assert_string_equal(run_changes(&r), "remove /metadata undeclared\n");
	assert_steps(&r, "a replace applied\n");
}

/* A checkout of depth 1 without a state: the key stays, and the report must not be silent. */
static void an_equal_workflow_of_an_unknown_digest_is_warned_of_until_it_is_marked(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.why = "the clone is shallow" };
	const struct cycle_options mark = { .apply = true, .mark = true }, whole = { .whole = true };
	const struct specs specs = tree_specs(&r.a, HELLO("a", "7"));

	run_sync(&r, TIMED("7"));
	assert_said(&r, "");
	run_plan(&r, HELLO("a", "7"));
	assert_said(&r, UNMATCHED);
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "");
	assert_steps(&r, "a none unchanged\n");
	assert_said(&r, UNMATCHED);
	/* a state that has nothing of it is no better */
	r.f.memory.on = true;
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "");
	assert_said(&r, UNMATCHED);
	/* Where undeclared keys are removed, all is seen. */
	run_cycle(&r, &specs, &whole);
	assert_string_equal(run_changes(&r), "remove /steps/greet/stepTimeout adopted\n");
	run_put(&r, 612, "/steps/greet/stepTimeout", "null");
	run_cycle(&r, &specs, &whole);
	assert_said(&r, "");
	run_put(&r, 612, "/steps/greet/stepTimeout", "9");
	run_cycle(&r, &specs, &mark);
	assert_writes(&r, "update 612\n");
	assert_string_equal(r.report.steps[0].note, "already equal: flowsync's tags are added, because --mark is given");
	run_sync(&r, HELLO("a", "7"));
	assert_writes(&r, "");
	assert_said(&r, "");
	assert_string_equal(run_shown(&r, 612, "/steps/greet/stepTimeout"), "9");
}

static void workflows_of_unknown_digests_are_warned_of_once(void **state)
{
	CLEANUP(run_done) struct run r = { .f.memory.why = "the clone is shallow" };

	run_sync(&r, TIMED("7"));
	run_sync(&r, "name: b\nsteps: {greet: {imageId: 7, command: run, stepTimeout: 9}}\n");
	run_make(&r, HELLO_BODY("c", "6"));
	run_sync(&r, HELLO("a", "7") "---\n" HELLO("b", "7") "---\n" HELLO("c", "7"));
	assert_writes(&r, "update 614\n");
	assert_said(&r, "warning: workflow \"c\" has no record of an earlier apply: keys removed from the spec cannot be "
	            "detected\nwarning: 2 workflows (\"a\" and others) have no record of an earlier apply: keys removed from "
	            "the spec cannot be detected; the clone is shallow\n");
}

static void what_we_wrote_ourselves_has_nothing_to_lose(void **state)
{
	CLEANUP(run_done) struct run r = { .f.hides_options = true };

	run_sync(&r, HELLO("a", "7"));
	run_plan(&r, HELLO("a", "8"));
	assert_steps(&r, "a patch planned\n");
	assert_said(&r, "warning: workflow \"a\" has no record of an earlier apply: keys removed from the spec cannot be detected\n");
}

static void what_is_ignored_is_not_even_written_where_the_spec_is_the_whole_truth(void **state)
{
	CLEANUP(run_done) struct run r = { 0 };
	const struct specs specs = tree_specs(&r.a, "flowsync: {ignore: [/steps/greet/command, /watchers, "
		"/steps/greet/resources/storage]}\n" HELLO("a", "8"));

	run_make(&r, "{\"name\":\"a\",\"watchers\":[{\"user\":\"u\",\"events\":{\"fail\":true}}],\"retryOptions\":{"
	         "\"duration\":9},\"steps\":{\"greet\":{\"imageId\":7,\"command\":\"other\",\"resources\":{\"instanceTypeId\":5,"
	         "\"storage\":\"9GB\"}}}}");
	run_cycle(&r, &specs, &(struct cycle_options){ .apply = true, .whole = true });
	assert_string_equal(run_changes(&r), "replace /steps/greet/imageId adopted\nremove /steps/greet/resources/instanceTypeId adopted\n"
	                    "remove /retryOptions adopted\n");
	assert_string_equal(run_shown(&r, 612, "/steps/greet/command"), "\"other\"");
	assert_string_equal(run_shown(&r, 612, "/watchers"),
	                    "[{\"user\":\"u\",\"events\":{\"fail\":true}}]");
	assert_string_equal(run_shown(&r, 612, "/steps/greet/resources"), "{\"storage\":\"9GB\"}");
	assert_string_equal(run_shown(&r, 612, "/retryOptions"), "null");
	run_cycle(&r, &specs, &(struct cycle_options){ .apply = true, .whole = true });
	assert_writes(&r, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_habit_is_learnt_by_two_writes_and_never_written_again),
		cmocka_unit_test(booleans_that_come_back_as_numbers_are_settled),
		cmocka_unit_test(a_boolean_that_is_shown_as_a_number_is_carried_over_as_one),
		cmocka_unit_test(a_settled_value_is_written_again_when_the_spec_or_it_changes),
		cmocka_unit_test(another_change_does_not_write_what_is_settled_twice_more),
		cmocka_unit_test(a_key_that_does_not_go_is_settled_and_never_written_again),
		cmocka_unit_test(a_key_that_does_not_go_needs_no_state_to_be_left_alone),
		cmocka_unit_test(what_is_filled_in_where_a_key_went_is_no_habit),
		cmocka_unit_test(whether_a_hidden_key_went_cannot_be_seen),
		cmocka_unit_test(one_that_is_made_again_has_no_habits_of_the_old_one),
		cmocka_unit_test(one_that_vanished_tells_nothing_of_the_one_that_is_made_again),
		cmocka_unit_test(a_removal_that_is_settled_makes_no_replacement),
		cmocka_unit_test(tags_that_are_lowered_are_settled_not_refused),
		cmocka_unit_test(a_stale_read_is_no_habit),
		cmocka_unit_test(what_passes_after_a_create_is_no_habit),
		cmocka_unit_test(a_value_that_changes_with_each_write_is_written_twice_more_at_most),
		cmocka_unit_test(one_create_is_sent_however_late_the_service_shows_it),
		cmocka_unit_test(a_lost_create_is_looked_up_longer_for_a_quarter_of_an_hour),
		cmocka_unit_test(a_create_that_was_refused_is_not_awaited),
		cmocka_unit_test(a_refusal_does_not_forget_an_earlier_lost_create),
		cmocka_unit_test(a_key_of_a_lost_write_is_removed_with_the_spec),
		cmocka_unit_test(every_lost_update_is_remembered_until_one_succeeds),
		cmocka_unit_test(a_round_of_writes_costs_two_commits),
		cmocka_unit_test(a_refused_update_of_a_paused_workflow_forgets_no_lost_create),
		cmocka_unit_test(a_hidden_value_is_written_once_without_a_record_and_when_it_changes),
		cmocka_unit_test(a_secret_that_is_given_back_empty_is_hidden_not_refused),
		cmocka_unit_test(a_secret_that_is_declared_empty_is_equal_to_an_empty_one),
		cmocka_unit_test(what_is_not_shown_is_named_in_the_step_after_the_cycle),
		cmocka_unit_test(older_versions_of_a_file_are_a_record),
		cmocka_unit_test(older_versions_are_asked_for_once_a_look),
		cmocka_unit_test(a_masked_value_that_is_ignored_is_never_sent),
		cmocka_unit_test(a_masked_value_does_not_take_the_place_of_another),
		cmocka_unit_test(a_masked_value_that_the_service_has_stops_no_other_change),
		cmocka_unit_test(one_that_vanishes_is_not_made_again_with_a_masked_value),
		cmocka_unit_test(where_tags_are_dropped_and_there_is_no_state_the_report_says_so),
		cmocka_unit_test(where_tags_are_dropped_a_state_is_enough),
		cmocka_unit_test(tags_that_were_kept_before_are_written_again_on_demand),
		cmocka_unit_test(a_keep_tag_that_is_not_kept_is_not_written_for_ever),
		cmocka_unit_test(a_paused_workflow_stays_paused),
		cmocka_unit_test(a_crash_does_not_set_it_going),
		cmocka_unit_test(what_was_never_updated_is_not_paused_later),
		cmocka_unit_test(a_paused_workflow_that_runs_is_paused_again_after_its_update),
		cmocka_unit_test(what_may_have_been_updated_is_paused_later),
		cmocka_unit_test(a_workflow_that_is_still_paused_is_no_more_to_be_paused),
		cmocka_unit_test(one_that_cannot_be_paused_again_is_a_failure_and_is_paused_later),
		cmocka_unit_test(one_answer_decides_what_becomes_of_one_workflow),
		cmocka_unit_test(what_was_written_is_remembered_before_it_is_checked),
		cmocka_unit_test(a_create_whose_answer_is_lost_bears_our_marker),
		cmocka_unit_test(a_lost_state_begins_again_from_what_stands_on_the_workflow),
		cmocka_unit_test(an_older_state_is_brought_up_to_what_stands_on_the_workflow),
		cmocka_unit_test(an_equal_workflow_of_an_unknown_digest_is_warned_of_until_it_is_marked),
		cmocka_unit_test(workflows_of_unknown_digests_are_warned_of_once),
		cmocka_unit_test(what_we_wrote_ourselves_has_nothing_to_lose),
		cmocka_unit_test(what_is_ignored_is_not_even_written_where_the_spec_is_the_whole_truth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
