/* The looks that state_store.h keeps. */
#include "tests/test.h"
#include "agent/state/state_store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sqlite3.h>

#include "agent/state/database.h"

struct fixture {
	char top[32];
	struct arena arena;
	struct state_store *state;
	struct held_looks looks;	/* as loaded last */
};

static void reopen(struct fixture *f, const char *endpoint, const char *owner)
{
	struct err err;

	state_store_close(f->state);
	f->state = NULL;
	if (!state_store_open(f->top, STATE_WRITE, endpoint, owner, &f->state, &err))
		fail_msg("%s", err.msg);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	strcpy(f->top, "/tmp/flowsync-looks-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	reopen(f, "e", "o");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int failed = system(arena_printf(&f->arena, "rm -rf %s", f->top));

	state_store_close(f->state);
	arena_free(&f->arena);
	free(f);
	return failed;
}

static void load(struct fixture *f)
{
	struct err err;

	if (!state_store_load_looks(f->state, &f->arena, &f->looks, &err))
		fail_msg("%s", err.msg);
}

static void save(struct fixture *f, struct warm w)
{
	struct err err;

	load(f);
	w.held = &f->looks;
	if (!w.full_ms)
		w.full_ms = f->looks.full_ms;
	if (!state_store_save_looks(f->state, &w, 77, &err))
		fail_msg("%s", err.msg);
	load(f);
}

static void hold(struct fixture *f, const char *name)
{
	save(f, (struct warm){ .fresh = &(struct held_look){ .name = name }, .fresh_count = 1 });
}

static void a_look_is_given_back_as_it_was_held(void **state)
{
	struct held_look b = {
		.name = "b", .entry = { .updated = 5, .digest = "sixteen bytes \0." }, .described = 6,
		.inputs = "\0another sixteen", .outcome = "{\"tags\":\"none\"}", .unseen = "/metadata",
	}, a = { .name = "a" };
	struct fixture *f = *state;

	save(f, (struct warm){ .fresh = (struct held_look[]){ b, a }, .fresh_count = 2, .full_ms = 99 });
	assert_int_equal(f->looks.count, 2);
	assert_int_equal(f->looks.full_ms, 99);
	assert_int_equal(f->looks.off_ms, 0);
	const struct held_look *found = &f->looks.items[1];
	assert_string_equal(f->looks.items[0].name, "a");
	assert_null(f->looks.items[0].outcome);
	assert_null(f->looks.items[0].unseen);
	assert_string_equal(found->name, "b");
	assert_int_equal(found->entry.updated, 5);
	assert_memory_equal(found->entry.digest, b.entry.digest, sizeof b.entry.digest);
	assert_int_equal(found->described, 6);
	assert_memory_equal(found->inputs, b.inputs, sizeof b.inputs);
	assert_string_equal(found->outcome, b.outcome);
	assert_string_equal(found->unseen, b.unseen);
	b.outcome = NULL;
	save(f, (struct warm){ .fresh = &b, .fresh_count = 1, .stale = (const char *[]){ "a" }, .stale_count = 1 });
	assert_int_equal(f->looks.count, 1);
	assert_null(f->looks.items[0].outcome);
	assert_int_equal(f->looks.full_ms, 99);
}

static void looks_are_those_of_one_owner_and_a_wrong_one_speaks_for_the_endpoint(void **state)
{
	struct fixture *f = *state;

	hold(f, "a");
	save(f, (struct warm){ .full_ms = 5, .wrong = "a" });
	assert_int_equal(f->looks.off_ms, 77);
	reopen(f, "e", "other");
	load(f);
	assert_int_equal(f->looks.count, 0);
	assert_int_equal(f->looks.full_ms, 0);
	assert_int_equal(f->looks.off_ms, 77);
	reopen(f, "other", "o");
	load(f);
	assert_int_equal(f->looks.off_ms, 0);
	reopen(f, "e", "o");
	load(f);
	assert_int_equal(f->looks.count, 1);
}

static void put_record(struct state_store *s, const char *name)
{
	state_store_put(s, &(struct applied_record){ .name = name, .id = 1 });
}

static void put_intent(struct state_store *s, const char *name)
{
	state_store_intend(s, &(struct applied_intent){ .name = name, .digest = "d" });
}

static void drop_intent(struct state_store *s, const char *name)
{
	state_store_withdraw(s, &(struct applied_intent){ .name = name, .digest = "d" });
}

/* However a cycle ends: what it wrote was not seen by the look. */
static void whatever_is_stored_of_a_workflow_drops_its_look(void **state)
{
	static void (*const changes[])(struct state_store *, const char *) = {
		put_record, put_record, state_store_drop, put_intent, put_intent, drop_intent, put_intent,
		state_store_drop_intents,
	};
	struct fixture *f = *state;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		hold(f, "a");
		hold(f, "b");
		changes[i](f->state, "b");
		assert_true(state_store_commit(f->state, true, &err));
		load(f);
		if (f->looks.count != 1)
			fail_msg("change %zu", i);
		assert_string_equal(f->looks.items[0].name, "a");
	}
}

static void where_nothing_was_learned_nothing_is_written(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;
	const char *wal = arena_printf(&f->arena, "%s/state.db-wal", f->top);

	hold(f, "a");
	assert_int_equal(stat(wal, &before), 0);
	save(f, (struct warm){ .full_ms = f->looks.full_ms });
	assert_int_equal(stat(wal, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void a_damaged_look_is_refused(void **state)
{
	struct fixture *f = *state;
	struct err err;
	sqlite3 *db;

	hold(f, "a");
	assert_int_equal(sqlite3_open(arena_printf(&f->arena, "%s/state.db", f->top), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE held SET entry = x'00'", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_false(state_store_load_looks(f->state, &f->arena, &f->looks, &err));
	assert_non_null(strstr(err.msg, "is corrupt: a look at a workflow has a digest of the wrong length"));
}

int main(void)
{
#define WITH_STATE(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_STATE(a_look_is_given_back_as_it_was_held),
		WITH_STATE(looks_are_those_of_one_owner_and_a_wrong_one_speaks_for_the_endpoint),
		WITH_STATE(whatever_is_stored_of_a_workflow_drops_its_look),
		WITH_STATE(where_nothing_was_learned_nothing_is_written),
		WITH_STATE(a_damaged_look_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
