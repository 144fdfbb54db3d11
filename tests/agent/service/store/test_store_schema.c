#include "tests/test.h"
#include "agent/service/store/store_schema.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static sqlite3 *make_file(void)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	for (int i = 0; i < store_kind.version; i++)
		assert_int_equal(sqlite3_exec(db, store_kind.migrations[i], NULL, NULL, NULL), SQLITE_OK);
	return db;
}

/* What a line says is read from its first row to its last, or from some id on, which may be the first:
 * only what is small, or holds only what is under way. */
static bool may_be_scanned(size_t number, const char *line)
{
	static const char *const small[] = {
		"SCAN json_each ", "SCAN workflow_name VIRTUAL TABLE INDEX 0:M1",
		"SCAN run USING INDEX run_under_way", "SCAN run USING INDEX run_to_stop",
	};

	/* The answers that are missing are looked for once, at the start. */
	if ((strncmp(line, "SCAN ", 5) != 0 && !strstr(line, "(rowid>?")) || number == SQL_UNMADE_LIST)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(small); i++)
		if (strncmp(line, small[i], strlen(small[i])) == 0)
			return true;
	/* A page counts all workflows that fit it, whatever else it does. */
	return strcmp(line, "SCAN workflow") == 0 &&
	       ((number >= SQL_COUNT_EVERY && number <= SQL_PAGE_NAMED) || number == SQL_CRONS_LIST);
}

static void check_plan(sqlite3 *db, size_t number)
{
	char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", store_kind.sql[number]);
	sqlite3_stmt *plan;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &plan, NULL), SQLITE_OK);
	while (sqlite3_step(plan) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(plan, 3);
		if (!may_be_scanned(number, line))
			fail_msg("%s\nreads a whole table: %s", store_kind.sql[number], line);
	}
	sqlite3_finalize(plan);
	sqlite3_free(sql);
}

static void no_query_looks_through_all_runs(void **state)
{
	sqlite3 *db = make_file();

	for (size_t i = 0; i < store_kind.sql_count; i++)
		check_plan(db, i);
	sqlite3_close(db);
}

/* What belongs to a run, or to a workflow, is found by it when that goes. */
static void what_belongs_to_a_row_has_an_index_by_it(void **state)
{
	static const char *const sql[] = {
		"DELETE FROM run WHERE workflow = 1", "DELETE FROM run_work WHERE run = 1",
		"DELETE FROM rerun WHERE run = 1", "DELETE FROM log WHERE run = 1", "DELETE FROM tell WHERE run = 1",
	};
	sqlite3 *db = make_file();

	for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
		sqlite3_stmt *plan;
		char *text = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql[i]);
		assert_int_equal(sqlite3_prepare_v2(db, text, -1, &plan, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(plan), SQLITE_ROW);
		assert_ptr_equal(strstr((const char *)sqlite3_column_text(plan, 3), "SEARCH "),
		                 sqlite3_column_text(plan, 3));
		sqlite3_finalize(plan);
		sqlite3_free(text);
	}
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_query_looks_through_all_runs),
		cmocka_unit_test(what_belongs_to_a_row_has_an_index_by_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
