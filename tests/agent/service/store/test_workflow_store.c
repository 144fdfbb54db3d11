#include "tests/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/service/store/workflow_store.h"
#include "reconcile/base/buf.h"

struct fixture {
	char folder[32];
	char *file;
	struct arena arena;
	struct store *store;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err err;

	assert_non_null(f);
	strcpy(f->folder, "/tmp/flowsync-store-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_true(asprintf(&f->file, "%s/a.db", f->folder) > 0);
	if (!workflow_store_open(f->file, 100, &f->store, &err))
		fail_msg("%s", err.msg);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	static const char *const ends[] = { "", "-wal", "-shm" };

	workflow_store_close(f->store);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		unlink(arena_printf(&f->arena, "%s%s", f->file, ends[i]));
	assert_int_equal(rmdir(f->folder), 0);
	arena_free(&f->arena);
	free(f->file);
	free(f);
	return 0;
}

static const char *print(struct arena *a, const struct stored_workflow *w)
{
	const char *text = arena_printf(a, "%lld %s %d %lld %lld %s", (long long)w->id, w->name,
	                                w->status, (long long)w->created, (long long)w->updated,
	                                w->modified_by);

	for (size_t i = 0; i < w->trigger_count; i++)
		text = arena_printf(a, "%s %s=%s", text, w->triggers[i].cron ? "cron" : "webhook",
		                    w->triggers[i].cron ? w->triggers[i].cron : w->triggers[i].webhook);
	for (size_t i = 0; i < w->tag_count; i++)
		text = arena_printf(a, "%s #%s", text, w->tags[i]);
	return arena_printf(a, "%s %s", text, w->body ? w->body : "-");
}

static int64_t add(struct fixture *f, const char *name, enum workflow_status status, const char *by)
{
	struct stored_workflow w = {
		.name = name, .status = status, .created = 1, .updated = 2, .modified_by = by, .body = "{}",
	};
	struct err err;

	assert_true(workflow_store_begin(f->store, &err));
	if (!workflow_store_add(f->store, &w, &err) || !workflow_store_end(f->store, true, &err))
		fail_msg("%s", err.msg);
	return w.id;
}

static void expect(struct fixture *f, int64_t id, const char *text)
{
	struct stored_workflow w = { 0 };
	struct err err;

	if (!workflow_store_get(f->store, &f->arena, id, &w, &err))
		fail_msg("%s", err.msg);
	if (w.id)
		assert_string_equal(print(&f->arena, &w), text);
	else
		assert_null(text);
}

static void a_workflow_is_given_back_as_it_was_added_and_put(void **state)
{
	struct fixture *f = *state;
	struct stored_workflow w = {
		.name = "n\xc3\xa4me", .status = WORKFLOW_DRAFT, .created = 10, .updated = 20, .modified_by = "me",
		.triggers = (struct stored_trigger[]){ { .cron = "0 0 * * *" }, { .webhook = "w-1" } },
		.trigger_count = 2, .tags = (const char *const[]){ "b", "a", "b" }, .tag_count = 3,
		.body = "{\"name\":1}",
	};
	struct err err;

	assert_true(workflow_store_add(f->store, &w, &err));
	assert_int_equal(w.id, 1);
	expect(f, 1, "1 n\xc3\xa4me 0 10 20 me cron=0 0 * * * webhook=w-1 #b #a #b {\"name\":1}");

	w.name = "other";
	w.status = WORKFLOW_PAUSED;
	w.updated = 30;
	w.triggers++;
	w.trigger_count = 1;
	w.tag_count = 1;
	w.body = "[]";
	assert_true(workflow_store_put(f->store, &w, &err));
	expect(f, 1, "1 other 3 10 30 me webhook=w-1 #b []");

	assert_true(workflow_store_put_status(f->store, 1, WORKFLOW_AVAILABLE, 40, &err));
	expect(f, 1, "1 other 2 10 40 me webhook=w-1 #b []");
}

static void an_id_is_never_given_out_twice(void **state)
{
	struct fixture *f = *state;
	struct err err;

	add(f, "a", WORKFLOW_AVAILABLE, "me");
	assert_true(workflow_store_drop(f->store, 1, &err));
	expect(f, 1, NULL);
	assert_int_equal(add(f, "a", WORKFLOW_AVAILABLE, "me"), 2);
}

static void what_is_not_kept_did_not_happen(void **state)
{
	struct fixture *f = *state;
	struct stored_workflow w = { .name = "a", .modified_by = "me", .body = "{}" };
	struct err err;

	assert_true(workflow_store_begin(f->store, &err));
	assert_true(workflow_store_add(f->store, &w, &err));
	expect(f, 1, "1 a 0 0 0 me {}");
	assert_true(workflow_store_end(f->store, false, &err));
	expect(f, 1, NULL);
}

static const char *page(struct fixture *f, const struct page_query *q)
{
	struct workflow_page p = { 0 };
	struct err err;

	if (!workflow_store_page(f->store, &f->arena, q, &p, &err))
		fail_msg("%s", err.msg);
	const char *text = arena_printf(&f->arena, "%lld:", (long long)p.total);
	for (size_t i = 0; i < p.count; i++)
		text = arena_printf(&f->arena, "%s %lld", text, (long long)p.items[i].id);
	return text;
}

static void a_page_has_what_fits_the_query(void **state)
{
	static const char *const me[] = { "me" }, *const others[] = { "you", "it's \"them\"" };
	struct fixture *f = *state;
	const struct { struct page_query q; const char *found; } cases[] = {
		{ { 1, 10 }, "6: 1 2 3 4 5 6" },
		{ { 2, 4 }, "6: 5 6" },
		{ { 3, 4 }, "6:" },
		{ { 1, 10, 1 << WORKFLOW_PAUSED }, "1: 3" },
		{ { 1, 10, 1 << WORKFLOW_PAUSED | 1 << WORKFLOW_DRAFT }, "2: 3 4" },
		{ { 1, 10, 1 << WORKFLOW_RUNNING }, "0:" },
		{ { 1, 10, .search = "daily" }, "3: 1 2 3" },
		{ { 1, 10, .search = "DAILY-REPORT" }, "2: 1 2" },
		{ { 1, 10, .search = "aily" }, "3: 1 2 3" },
		{ { 1, 10, .search = "another, longer daily" }, "0:" },
		{ { 1, 10, .search = "da" }, "3: 1 2 3" },
		{ { 1, 10, .search = "2" }, "1: 2" },
		{ { 1, 10, .search = "%" }, "1: 4" },
		{ { 1, 10, .search = "100%" }, "1: 4" },
		{ { 1, 10, .search = "_" }, "0:" },
		{ { 1, 10, .search = "\"quo\"" }, "1: 5" },
		{ { 1, 10, .search = "a\" OR \"b" }, "0:" },
		{ { 1, 10, .search = "\xc3\xbc" "ber" }, "1: 6" },
		{ { 1, 10, .search = "\xc3\x9c" "BER" }, "0:" },
		{ { 2, 1, .search = "daily" }, "3: 2" },
		{ { 1, 10, .modified_by = me, .modified_by_count = 1 }, "4: 1 3 5 6" },
		{ { 1, 10, .modified_by = others, .modified_by_count = 2 }, "2: 2 4" },
		{ { 1, 10, 1 << WORKFLOW_AVAILABLE, "daily", me, 1 }, "1: 1" },
	};

	add(f, "daily-report", WORKFLOW_AVAILABLE, "me");
	add(f, "Daily-Report-2", WORKFLOW_AVAILABLE, "you");
	add(f, "daily", WORKFLOW_PAUSED, "me");
	add(f, "100% done", WORKFLOW_DRAFT, "it's \"them\"");
	add(f, "a \"quo\"ted one", WORKFLOW_AVAILABLE, "me");
	add(f, "\xc3\xbc" "ber", WORKFLOW_AVAILABLE, "me");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (strcmp(page(f, &cases[i].q), cases[i].found) != 0)
			fail_msg("case %zu (%s): %s, not %s", i, cases[i].q.search ? cases[i].q.search : "",
			         page(f, &cases[i].q), cases[i].found);
}

static void a_new_name_is_found_and_the_old_one_is_not(void **state)
{
	struct fixture *f = *state;
	struct stored_workflow w = { .id = 1, .name = "young", .modified_by = "me", .body = "{}" };
	struct err err;

	add(f, "ancient", WORKFLOW_AVAILABLE, "me");
	assert_true(workflow_store_put(f->store, &w, &err));
	assert_string_equal(page(f, &(struct page_query){ 1, 10, .search = "young" }), "1: 1");
	assert_string_equal(page(f, &(struct page_query){ 1, 10, .search = "ancient" }), "0:");
	assert_true(workflow_store_drop(f->store, 1, &err));
	assert_string_equal(page(f, &(struct page_query){ 1, 10, .search = "young" }), "0:");
}

static void the_file_is_for_its_owner_alone(void **state)
{
	struct fixture *f = *state;
	static const char *const ends[] = { "", "-wal", "-shm" };
	struct stat st;

	add(f, "a", WORKFLOW_AVAILABLE, "me");
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		assert_int_equal(stat(arena_printf(&f->arena, "%s%s", f->file, ends[i]), &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

static void another_one_sees_what_was_kept_and_waits_its_turn(void **state)
{
	struct fixture *f = *state;
	CLEANUP(workflow_store_closep) struct store *other = NULL;
	struct stored_workflow w;
	struct err err;

	assert_true(workflow_store_open(f->file, 100, &other, &err));
	add(f, "a", WORKFLOW_AVAILABLE, "me");
	assert_true(workflow_store_get(other, &f->arena, 1, &w, &err));
	assert_int_equal(w.id, 1);
	assert_false(workflow_store_was_busy(other));

	assert_true(workflow_store_begin(f->store, &err));
	assert_false(workflow_store_begin(other, &err));
	assert_string_equal(err.msg, arena_printf(&f->arena,
	                                          "database \"%s\" is in use by another process",
	                                          f->file));
	assert_true(workflow_store_was_busy(other));
	assert_true(workflow_store_end(f->store, true, &err));
	assert_true(workflow_store_begin(other, &err));
	assert_true(workflow_store_end(other, true, &err));
}

/* Closes the store, does what sql says to its file, and opens it again. */
static bool reopen(struct fixture *f, const char *sql, struct err *err)
{
	sqlite3 *db;

	workflow_store_close(take(f->store));
	assert_int_equal(sqlite3_open(f->file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	return workflow_store_open(f->file, 100, &f->store, err);
}

static void what_is_no_store_of_this_version_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct { const char *sql, *msg; } cases[] = {
		{ "PRAGMA user_version = 7",
		  "database \"%s\" is of version 7, this flowsync knows versions up to 3: it was written by a newer flowsync" },
		{ "PRAGMA user_version = 1; PRAGMA application_id = 5",
		  "\"%s\" is the database of another program" },
	};
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(reopen(f, cases[i].sql, &err));
		CLEANUP(buf_done) struct buf msg = BUF_TEXT;
		const char *gap = strstr(cases[i].msg, "%s");
		buf_add(&msg, cases[i].msg, (size_t)(gap - cases[i].msg));
		buf_adds(&msg, f->file);
		buf_adds(&msg, gap + 2);
		assert_string_equal(err.msg, buf_str(&msg));
	}
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void **state)
{
	struct fixture *f = *state;
	struct err err;
	char text[64] = { 0 };
	FILE *file;

	workflow_store_close(take(f->store));
	assert_non_null(file = fopen(f->file, "w"));
	fputs("not a database, but longer than the head of one is, which matters\n", file);
	fclose(file);
	assert_false(workflow_store_open(f->file, 100, &f->store, &err));
	assert_string_equal(err.msg, arena_printf(&f->arena, "database \"%s\": file is not a database; it holds all workflows and "
	                    "is left as it is; put a backup in its place (flowsync serve --backup FILE makes one), or get a copy "
	                    "of what can be read with: sqlite3 FILE .recover | sqlite3 NEW", f->file));
	assert_non_null(file = fopen(f->file, "r"));
	assert_non_null(fgets(text, 16, file));
	fclose(file);
	assert_string_equal(text, "not a database,");

	assert_false(workflow_store_open(f->folder, 100, &f->store, &err));
	assert_string_equal(err.msg, arena_printf(&f->arena, "open database \"%s\": Is a directory",
	                                          f->folder));
}

static void opening_again_keeps_what_is_there(void **state)
{
	struct fixture *f = *state;
	struct err err;

	add(f, "a", WORKFLOW_AVAILABLE, "me");
	assert_true(reopen(f, "SELECT 1", &err));
	expect(f, 1, "1 a 2 1 2 me {}");
}

int main(void)
{
#define WITH_STORE(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_STORE(a_workflow_is_given_back_as_it_was_added_and_put),
		WITH_STORE(an_id_is_never_given_out_twice),
		WITH_STORE(what_is_not_kept_did_not_happen),
		WITH_STORE(a_page_has_what_fits_the_query),
		WITH_STORE(a_new_name_is_found_and_the_old_one_is_not),
		WITH_STORE(the_file_is_for_its_owner_alone),
		WITH_STORE(another_one_sees_what_was_kept_and_waits_its_turn),
		WITH_STORE(what_is_no_store_of_this_version_is_refused),
		WITH_STORE(a_file_that_is_no_database_is_refused_and_left_alone),
		WITH_STORE(opening_again_keeps_what_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
