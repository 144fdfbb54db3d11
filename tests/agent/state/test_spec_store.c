/* What spec_store.h keeps of files. */
#include "tests/test.h"
#include "agent/state/spec_store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const unsigned char usual[DIGEST_SIZE] = "usual", other[DIGEST_SIZE] = "other";

struct fixture {
	char top[32];
	struct arena arena;
	struct spec_store *store;
};

static void reopen(struct fixture *f, bool write, const char *source, const unsigned char *options)
{
	struct err err;

	spec_store_close(f->store);
	f->store = NULL;
	if (!spec_store_open(f->top, write, source, options, &f->store, &err))
		fail_msg("%s", err.msg);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	strcpy(f->top, "/tmp/flowsync-specs-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	reopen(f, true, "s", usual);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int failed = system(arena_printf(&f->arena, "rm -rf %s", f->top));

	spec_store_close(f->store);
	arena_free(&f->arena);
	free(f);
	return failed;
}

/* Stores files with the stamp "1" under the names, each a letter, of `fresh`, and keeps those of `names`. */
static void save_at(struct fixture *f, const char *fresh, const char *names, int64_t now)
{
	struct stored_file files[8] = { 0 };
	const char *kept[8];
	struct err err;

	for (size_t i = 0; fresh[i]; i++) {
		files[i] = (struct stored_file){ .name = arena_strndup(&f->arena, &fresh[i], 1), .stamp = "1", .len = 7,
		                                 .declares = "{}" };
		files[i].digest[31] = 9;
	}
	for (size_t i = 0; names[i]; i++)
		kept[i] = arena_strndup(&f->arena, &names[i], 1);
	if (!spec_store_save(f->store, files, strlen(fresh), kept, strlen(names), now, &err))
		fail_msg("%s", err.msg);
}

static void save(struct fixture *f, const char *fresh, const char *names)
{
	save_at(f, fresh, names, 1000);
}

/* The names, of a to e, that are found with the stamp "1". */
static const char *found(struct fixture *f)
{
	char *out = arena_alloc(&f->arena, 6, 1, 1), *end = out;
	struct stored_file file;

	for (char name[2] = "a"; *name <= 'e'; (*name)++)
		if (spec_store_find(f->store, &f->arena, name, "1", &file))
			*end++ = *name;
	return out;
}

static void a_file_is_found_by_its_name_and_its_stamp(void **state)
{
	struct fixture *f = *state;
	struct stored_file file;

	assert_string_equal(found(f), "");
	save(f, "ab", "ab");
	for (int i = 0; i < 2; i++) {
		assert_string_equal(found(f), "ab");
		assert_false(spec_store_find(f->store, &f->arena, "a", "2", &file));
		assert_true(spec_store_find(f->store, &f->arena, "a", "1", &file));
		assert_int_equal(file.len, 7);
		assert_int_equal(file.digest[31], 9);
		assert_string_equal(file.declares, "{}");
		reopen(f, i == 0, "s", usual);
	}
}

static void what_is_not_kept_is_dropped(void **state)
{
	struct fixture *f = *state;

	save(f, "abc", "abc");
	save(f, "d", "bd");
	assert_string_equal(found(f), "bd");
	save(f, "", "d");
	assert_string_equal(found(f), "d");
	save(f, "", "");
	assert_string_equal(found(f), "");
}

static void other_options_and_other_sources_find_nothing(void **state)
{
	struct fixture *f = *state;

	save(f, "a", "a");
	reopen(f, true, "t", usual);
	assert_string_equal(found(f), "");
	save(f, "b", "b");
	reopen(f, true, "s", other);
	assert_string_equal(found(f), "");
	save(f, "c", "c");
	reopen(f, true, "s", usual);
	assert_string_equal(found(f), "");	/* dropped, not only hidden */
	reopen(f, true, "t", usual);
	assert_string_equal(found(f), "b");
}

static void a_source_that_is_not_used_is_dropped_and_one_that_is_stays(void **state)
{
	static const int64_t day = (int64_t)24 * 3600 * 1000;
	struct fixture *f = *state;

	save_at(f, "a", "a", 1);
	reopen(f, true, "t", usual);
	save_at(f, "b", "b", 1);
	for (int64_t at = day; at < 40 * day; at += day)
		save_at(f, "", "b", at);
	assert_string_equal(found(f), "b");
	reopen(f, true, "s", usual);
	assert_string_equal(found(f), "");
}

static void find_time(struct fixture *f, struct timespec *time)
{
	struct stat st;

	assert_int_equal(stat(arena_printf(&f->arena, "%s/specs.db", f->top), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	*time = st.st_mtim;
}

static void what_is_stored_already_is_not_written(void **state)
{
	struct fixture *f = *state;
	struct timespec before, after;

	save(f, "ab", "ab");
	spec_store_close(take(f->store));	/* which moves what SQLite has beside the file into it */
	find_time(f, &before);
	reopen(f, true, "s", usual);
	save(f, "", "ab");
	spec_store_close(take(f->store));
	find_time(f, &after);
	assert_memory_equal(&before, &after, sizeof before);
	reopen(f, true, "s", usual);
	save(f, "", "a");
	assert_string_equal(found(f), "a");
}

static void a_plan_creates_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(system(arena_printf(&f->arena, "rm %s/*", f->top)), 0);
	reopen(f, false, "s", usual);
	assert_string_equal(found(f), "");
	assert_int_equal(system(arena_printf(&f->arena, "[ -z \"$(ls %s)\" ]", f->top)), 0);
}

static void the_key_is_random_and_stays(void **state)
{
	struct fixture *f = *state;
	unsigned char key[DIGEST_KEY_SIZE];

	memcpy(key, spec_store_key(f->store), sizeof key);
	reopen(f, true, "t", other);
	assert_memory_equal(key, spec_store_key(f->store), sizeof key);
	assert_int_equal(system(arena_printf(&f->arena, "rm %s/*", f->top)), 0);
	reopen(f, true, "s", usual);
	assert_memory_not_equal(key, spec_store_key(f->store), sizeof key);
}

static void a_damaged_file_is_replaced_and_one_of_another_kind_is_not(void **state)
{
	struct fixture *f = *state;
	struct err err;

	save(f, "a", "a");
	spec_store_close(take(f->store));
	assert_int_equal(system(arena_printf(&f->arena, "echo no database, and long enough for that to be seen >%s/specs.db",
	                                     f->top)), 0);
	assert_false(spec_store_open(f->top, false, "s", usual, &f->store, &err));	/* a plan writes nothing */
	reopen(f, true, "s", usual);
	assert_string_equal(found(f), "");
	save(f, "b", "b");
	assert_string_equal(found(f), "b");
	spec_store_close(take(f->store));
	assert_int_equal(system(arena_printf(&f->arena, "rm %s/specs.db; sqlite3 %s/specs.db 'CREATE TABLE t(x)'", f->top,
	                                     f->top)), 0);
	assert_false(spec_store_open(f->top, true, "s", usual, &f->store, &err));
}

static void a_key_of_another_length_is_refused(void **state)
{
	struct fixture *f = *state;
	struct err err;

	spec_store_close(take(f->store));
	assert_int_equal(system(arena_printf(&f->arena, "sqlite3 %s/specs.db \"UPDATE seal SET key = x'00'\"", f->top)), 0);
	assert_false(spec_store_open(f->top, true, "s", usual, &f->store, &err));
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_found_by_its_name_and_its_stamp),
		TEST(what_is_not_kept_is_dropped),
		TEST(other_options_and_other_sources_find_nothing),
		TEST(a_source_that_is_not_used_is_dropped_and_one_that_is_stays),
		TEST(what_is_stored_already_is_not_written),
		TEST(a_plan_creates_nothing),
		TEST(the_key_is_random_and_stays),
		TEST(a_damaged_file_is_replaced_and_one_of_another_kind_is_not),
		TEST(a_key_of_another_length_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
