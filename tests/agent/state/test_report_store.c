#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/state/report_store.h"
#include "agent/util/fd.h"
#include "agent/util/file.h"
#include "agent/util/clock.h"
#include "reconcile/base/buf.h"
#include "reconcile/plan/report.h"
#include "reconcile/tree/json.h"

static const int64_t start = 1790000000000, hour = 3600000;	/* 2026-09-21T14:13:20Z */

struct fixture {
	char top[32];
	const char *dir;
	struct arena arena;
	unsigned stored;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	strcpy(f->top, "/tmp/flowsync-reports-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	f->dir = arena_printf(&f->arena, "%s/state", f->top);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int failed = system(arena_printf(&f->arena, "rm -rf %s", f->top));

	arena_free(&f->arena);
	free(f);
	return failed;
}

/* A report as a cycle makes it; with a step applied, or one of nothing to do. */
static const struct node *make_of(struct fixture *f, const char *sync, int64_t at, bool quiet)
{
	struct report r = {
		.mode = "sync", .sync = sync, .verdict.applied = !quiet, .started = timestamp_text(&f->arena, at),
		.cycle_id = arena_printf(&f->arena, "%s-%08x", timestamp_text(&f->arena, at), f->stored++),
	};

	return report_tree(&f->arena, &r);
}

static const struct node *make(struct fixture *f, int64_t at, bool quiet)
{
	return make_of(f, NULL, at, quiet);
}

static const char *json_pretty(struct fixture *f, const struct node *n)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	json_write(n, JSON_PRETTY, &out);
	return arena_strdup(&f->arena, buf_str(&out));
}

static bool add(struct fixture *f, const struct node *report, int64_t at, struct err *err)
{
	const char *text = arena_printf(&f->arena, "%s\n", json_pretty(f, report));
	const struct file_content document = { text, strlen(text), -1 };

	return report_store_add(f->dir, node_get_text(report, "cycle_id"), &document, at, err);
}

static const char *store_of(struct fixture *f, const char *sync, int64_t at, bool quiet)
{
	const struct node *report = make_of(f, sync, at, quiet);
	struct err err;

	if (!add(f, report, at, &err))
		fail_msg("%s", err.msg);
	return node_get_text(report, "cycle_id");
}

static const char *store(struct fixture *f, int64_t at, bool quiet)
{
	return store_of(f, NULL, at, quiet);
}

/* The last digits of the ids, newest first. */
static const char *listed(struct fixture *f)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char **ids;
	size_t count;
	struct err err;

	if (!report_store_list(&f->arena, f->dir, &ids, &count, &err))
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < count; i++)
		buf_addf(&text, "%s%lx", i ? " " : "", strtoul(strrchr(ids[i], '-') + 1, NULL, 16));
	return arena_strdup(&f->arena, buf_str(&text));
}

static const char *path(struct fixture *f, const char *name)
{
	return arena_printf(&f->arena, "%s/reports/%s", f->dir, name);
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void a_report_is_read_as_it_was_stored(void **state)
{
	struct fixture *f = *state;
	const struct node *report = make(f, start, false), *again;
	struct stat st;
	struct err err;

	assert_string_equal(listed(f), "");
	assert_true(add(f, report, start, &err));
	assert_true(report_store_read(&f->arena, f->dir, "2026-09-21T14:13:20.000Z-00000000", &again, &err));
	assert_true(node_equal(again, report));
	assert_true(report_store_check(again, &err));
	const char *later = store(f, start + 1, true);
	assert_true(report_store_read(&f->arena, f->dir, "latest", &again, &err));
	assert_string_equal(node_get_text(again, "cycle_id"), later);
	assert_string_equal(listed(f), "1 0");

	assert_int_equal(stat(path(f, ""), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(path(f, "latest.json"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(path(f, "2026-09-21T14:13:20.000Z-00000000.json"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_report_in_a_file_is_stored_byte_for_byte(void **state)
{
	struct fixture *f = *state;
	const char *names[] = { "2026-09-21T14:13:20.000Z-00000000.json", "latest.json" }, *bytes;
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	CLEANUP(fd_close) int file = -1;
	struct err err;
	size_t len;

	for (int i = 0; i < 30000; i++)		/* more than one piece */
		buf_addf(&text, "%d\n", i);
	assert_true(fd_open_temporary(NULL, &file));
	assert_true(fd_write_all(file, buf_str(&text), text.len));
	assert_true(report_store_add(f->dir, "2026-09-21T14:13:20.000Z-00000000",
	                                      &(struct file_content){ .file = file }, start, &err));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_true(file_read(&f->arena, path(f, names[i]), 1 << 20, &bytes, &len, &err));
		assert_int_equal(len, text.len);
		assert_memory_equal(bytes, buf_str(&text), len);
	}
}

static void the_beginning_of_an_id_is_enough_if_only_one_has_it(void **state)
{
	struct fixture *f = *state;
	const char *first = store(f, start, true), *second = store(f, start + 1000, true);
	const struct node *out = NULL;
	struct err err;

	assert_true(report_store_read(&f->arena, f->dir, "2026-09-21T14:13:20", &out, &err));
	assert_string_equal(node_get_text(out, "cycle_id"), first);
	assert_true(report_store_read(&f->arena, f->dir, "2026-09-21T14:13:21.", &out, &err));
	assert_string_equal(node_get_text(out, "cycle_id"), second);
	assert_false(report_store_read(&f->arena, f->dir, "2026-09-21", &out, &err));
	assert_string_equal(err.msg, "the ids of 2 reports begin with \"2026-09-21\": give more of the id");
	assert_false(report_store_read(&f->arena, f->dir, "2026-09-22", &out, &err));
	assert_string_equal(err.msg, "there is no report \"2026-09-22\": expected list, latest, or an id from the list or "
	                             "its beginning");
}

static void what_is_not_there_is_said(void **state)
{
	struct fixture *f = *state;
	const struct { const char *id, *msg; } cases[] = {
		{ "latest", arena_printf(&f->arena, "there is no report in \"%s/reports\" yet: sync stores one", f->dir) },
		{ "2026-09-21T14:13:20.000Z-00000000",
		  arena_printf(&f->arena, "there is no report \"2026-09-21T14:13:20.000Z-00000000\" in \"%s/reports\"",
		               f->dir) },
		{ "../../x", "there is no report \"../../x\": expected list, latest, or an id from the list or its beginning" },
		{ "", "there is no report \"\": expected list, latest, or an id from the list or its beginning" },
	};
	const struct node *out = (const struct node *)f;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(report_store_read(&f->arena, f->dir, cases[i].id, &out, &err));
		assert_string_equal(err.msg, cases[i].msg);
		assert_ptr_equal(out, f);
	}
}

static void what_cannot_be_read_is_said(void **state)
{
	struct fixture *f = *state;
	const struct node *out;
	struct err err;

	store(f, start, false);
	write_file(path(f, "latest.json"), "{");
	assert_false(report_store_read(&f->arena, f->dir, "latest", &out, &err));
	assert_memory_equal(err.msg, arena_printf(&f->arena, "report \"%s\": ", path(f, "latest.json")),
	                    strlen(path(f, "latest.json")) + 11);
	assert_int_equal(unlink(path(f, "latest.json")), 0);
	assert_int_equal(mkdir(path(f, "latest.json"), 0700), 0);
	assert_false(report_store_read(&f->arena, f->dir, "latest", &out, &err));
	assert_string_equal(err.msg, arena_printf(&f->arena, "report \"%s\": a directory, expected a file",
	                                          path(f, "latest.json")));
}

static void a_document_of_another_form_is_refused(void **state)
{
	struct fixture *f = *state;
	struct node *report = node_copy(&f->arena, make(f, start, false));
	struct err err;

	assert_true(report_store_check(report, &err));
	node_put(&f->arena, report, "new_key", node_null(&f->arena));
	assert_true(report_store_check(report, &err));
	node_put(&f->arena, report, "owner", node_int(&f->arena, 5));
	assert_false(report_store_check(report, &err));
	assert_string_equal(err.msg, "/owner is a number, expected a text");
	node_put(&f->arena, report, "owner", node_null(&f->arena));
	struct node *step = node_add(&f->arena, node_get(report, "workflows"), node_map(&f->arena));
	node_put(&f->arena, step, "name", node_text(&f->arena, "a"));
	assert_false(report_store_check(report, &err));
	assert_string_equal(err.msg, "/workflows/0/id is missing");
	assert_false(report_store_check(node_list(&f->arena), &err));
	assert_string_equal(err.msg, "the document is a list, expected a mapping");
}

/* The numbers from first down to last. */
static const char *from_to(struct fixture *f, int first, int last)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	for (int i = first; i >= last; i--)
		buf_addf(&text, "%s%x", i < first ? " " : "", (unsigned)i);
	return arena_strdup(&f->arena, buf_str(&text));
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < REPORT_STORE_MAX + 3; i++)
		store(f, start + i * hour, false);
	assert_string_equal(listed(f), from_to(f, REPORT_STORE_MAX + 2, 3));
}

static void those_of_nothing_to_do_go_first_but_for_the_newest(void **state)
{
	struct fixture *f = *state;

	/* 2 and 5 found nothing to do. */
	for (int i = 0; i < REPORT_STORE_MAX; i++)
		store(f, start + i * hour, i == 2 || i == 5);
	assert_string_equal(listed(f), from_to(f, REPORT_STORE_MAX - 1, 0));
	store(f, start + 200 * hour, true);
	assert_string_equal(listed(f), arena_printf(&f->arena, "%s 1 0", from_to(f, REPORT_STORE_MAX, 3)));
	store(f, start + 201 * hour, true);
	assert_string_equal(listed(f),
	                    arena_printf(&f->arena, "%s 4 3 1 0", from_to(f, REPORT_STORE_MAX + 1, 6)));
	store(f, start + 202 * hour, false);
	assert_string_equal(listed(f), arena_printf(&f->arena, "66 65 %s 4 3 1 0",
	                                            from_to(f, REPORT_STORE_MAX - 1, 6)));
	store(f, start + 203 * hour, false);
	store(f, start + 204 * hour, true);
	assert_string_equal(listed(f), arena_printf(&f->arena, "68 67 66 %s 4 3 1",
	                                            from_to(f, REPORT_STORE_MAX - 1, 6)));
}

static void what_is_older_than_a_month_goes(void **state)
{
	struct fixture *f = *state;
	const int64_t day = 24 * hour;

	store(f, start, false);
	store(f, start + 1, true);
	store(f, start + 20 * day, true);
	assert_string_equal(listed(f), "2 1 0");
	store(f, start + REPORT_STORE_DAYS * day, false);
	assert_string_equal(listed(f), "3 2 1 0");
	store(f, start + REPORT_STORE_DAYS * day + 1, false);
	assert_string_equal(listed(f), "4 3 2 1");
	/* A clock that was set back: what was just stored stays. */
	store(f, start - 90 * day, false);
	assert_string_equal(listed(f), "4 3 2 1 5");
	store(f, start + 200 * day, false);
	assert_string_equal(listed(f), "6");
}

static void the_sync_of_a_report_is_read_without_the_rest(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = { "a", "a \"quoted\"", "a\nb", "\xc3\xa4" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *id = store_of(f, names[i], start + (int64_t)i, false);
		const char *file = path(f, arena_printf(&f->arena, "%s.json", id));
		assert_string_equal(report_store_sync_name(&f->arena, f->dir, id), names[i]);
		assert_int_equal(truncate(file, 400), 0);
		assert_string_equal(report_store_sync_name(&f->arena, f->dir, id), names[i]);
		write_file(file, "{\"sync\": \"no form of ours\"}\n");
		assert_null(report_store_sync_name(&f->arena, f->dir, id));
	}
	assert_null(report_store_sync_name(&f->arena, f->dir, store(f, start + hour, false)));
	assert_null(report_store_sync_name(&f->arena, f->dir, "2020-01-01T00:00:00.000Z-00000001"));
}

/* A report of a sync that is so many MiB large. */
static void store_large(struct fixture *f, const char *sync, int hours, int mib)
{
	const char *id = store_of(f, sync, start + hours * hour, false);

	assert_int_equal(truncate(path(f, arena_printf(&f->arena, "%s.json", id)), (off_t)mib << 20), 0);
}

static void the_oldest_go_when_all_are_too_large(void **state)
{
	struct fixture *f = *state;
	const int mib = REPORT_STORE_BYTES >> 20;

	store_large(f, "a", 0, mib / 4);
	store_large(f, "a", 1, 0);
	store_large(f, "a", 2, mib / 2);
	store_large(f, "a", 3, mib / 4);
	assert_string_equal(listed(f), "3 2 1 0");
	store_large(f, "a", 4, mib / 4);	/* together with the bytes of this one they are too large */
	assert_string_equal(listed(f), "4 3 2 1");
	store_large(f, "a", 5, mib * 2);	/* 1 has no bytes, but is older than 2 */
	assert_string_equal(listed(f), "5 4 3");
	store_large(f, "a", 6, 1);
	assert_string_equal(listed(f), "6");
}

static void the_newest_of_each_sync_stays(void **state)
{
	struct fixture *f = *state;
	const int mib = REPORT_STORE_BYTES >> 20;

	store_large(f, "a \"quoted\"", 0, mib);
	store_large(f, "b", 1, mib);
	store_large(f, "a \"quoted\"", 2, mib);
	store_large(f, "c", 3, mib);
	assert_string_equal(listed(f), "3 2 1");
	for (int i = 4; i < REPORT_STORE_MAX + 4; i++)
		store_of(f, "d", start + i * hour, i % 2);
	assert_string_equal(listed(f), arena_printf(&f->arena, "%x 3 2 1", REPORT_STORE_MAX + 3));
	store_of(f, "d", start + 31 * 24 * hour, true);
	assert_string_equal(listed(f), arena_printf(&f->arena, "%x %x", REPORT_STORE_MAX + 4, REPORT_STORE_MAX + 3));
}

static void the_newest_of_each_sync_counts_and_stays(void **state)
{
	struct fixture *f = *state;

	store_of(f, "a", start, false);
	store_of(f, "a", start + hour, true);
	for (int i = 2; i < REPORT_STORE_MAX + 4; i++)
		store_of(f, "b", start + i * hour, false);
	assert_string_equal(listed(f), arena_printf(&f->arena, "%s 1", from_to(f, REPORT_STORE_MAX + 3, 5)));
}

static void the_latest_takes_no_room_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct stat first, second, latest;

	const char *one = path(f, arena_printf(&f->arena, "%s.json", store(f, start, false)));
	assert_int_equal(stat(one, &first) | stat(path(f, "latest.json"), &latest), 0);
	assert_int_equal(first.st_ino, latest.st_ino);
	const char *two = path(f, arena_printf(&f->arena, "%s.json", store(f, start + 1, false)));
	assert_int_equal(stat(one, &first) | stat(two, &second) | stat(path(f, "latest.json"), &latest), 0);
	assert_int_equal(second.st_ino, latest.st_ino);
	assert_int_equal(first.st_nlink, 1);
}

static void files_of_other_names_are_left_alone(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {
		"notes.txt", "2020-01-01T00:00:00.000Z-00000000", "2020-01-01T00:00:00.000Z-0000000g.json",
		"2020-01-01T00:00:00.000Z-00000000.json.bak", ".json", "2020-01-01T00:00:00.000Z-000000000.json",
	};

	store(f, start, false);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		write_file(path(f, names[i]), "mine");
	store(f, start + 1, false);
	assert_string_equal(listed(f), "1 0");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(access(path(f, names[i]), F_OK), 0);
}

static void a_folder_named_like_a_report_is_left_alone(void **state)
{
	struct fixture *f = *state;
	const char *folder = path(f, "2020-01-01T00:00:00.000Z-00000001.json");
	struct stat st;

	store(f, start, false);
	assert_int_equal(mkdir(folder, 0700), 0);
	store(f, start + hour, false);		/* the folder would be too old */
	assert_string_equal(listed(f), "1 0");
	assert_int_equal(stat(folder, &st), 0);
}

static void a_folder_in_the_place_of_the_latest_stops_no_reports(void **state)
{
	struct fixture *f = *state;
	const char *folder = path(f, "latest.json");
	const struct node *found;
	struct err err;
	struct stat st;

	store(f, start, false);
	assert_int_equal(unlink(folder), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	const char *newest = store(f, start + hour, true);
	assert_string_equal(listed(f), "1 0");
	assert_true(report_store_read(&f->arena, f->dir, newest, &found, &err));
	assert_int_equal(stat(folder, &st), 0);
}

static void a_folder_that_cannot_be_used_is_said(void **state)
{
	struct fixture *f = *state;
	const char **ids;
	size_t count;
	struct err err;

	write_file(f->dir, "");
	assert_false(add(f, make(f, start, false), start, &err));
	assert_string_equal(err.msg,
	                    arena_printf(&f->arena, "make the folder \"%s\": File exists; --state-dir names another state "
	                                 "directory", f->dir));
	assert_false(report_store_list(&f->arena, f->dir, &ids, &count, &err));
	assert_string_equal(err.msg, arena_printf(&f->arena, "reports in \"%s/reports\": Not a directory", f->dir));
}

/* As on a disk without room for this one. */
static void a_full_disk_is_said_and_leaves_what_was_there(void **state)
{
	struct fixture *f = *state;
	const char *before = store(f, start, true);
	const struct node *report = make(f, start + 1, true), *found;
	struct err err;
	int status;

	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit limit = { 100, 100 };
		signal(SIGXFSZ, SIG_IGN);
		_exit(setrlimit(RLIMIT_FSIZE, &limit) || add(f, report, start + 1, &err) ||
		      strcmp(err.msg, arena_printf(&f->arena, "report \"%s\": cannot be written: File too large",
		                                   path(f, "2026-09-21T14:13:20.001Z-00000001.json"))) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_string_equal(listed(f), "0");
	assert_true(report_store_read(&f->arena, f->dir, "latest", &found, &err));
	assert_string_equal(node_get_text(found, "cycle_id"), before);
	assert_int_equal(system(arena_printf(&f->arena, "test $(ls %s | wc -l) = 2", path(f, ""))), 0);
}

int main(void)
{
#define WITH_FOLDER(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(a_report_is_read_as_it_was_stored),
		WITH_FOLDER(a_report_in_a_file_is_stored_byte_for_byte),
		WITH_FOLDER(the_beginning_of_an_id_is_enough_if_only_one_has_it),
		WITH_FOLDER(what_is_not_there_is_said),
		WITH_FOLDER(what_cannot_be_read_is_said),
		WITH_FOLDER(a_document_of_another_form_is_refused),
		WITH_FOLDER(the_oldest_go_when_there_are_too_many),
		WITH_FOLDER(those_of_nothing_to_do_go_first_but_for_the_newest),
		WITH_FOLDER(what_is_older_than_a_month_goes),
		WITH_FOLDER(the_sync_of_a_report_is_read_without_the_rest),
		WITH_FOLDER(the_oldest_go_when_all_are_too_large),
		WITH_FOLDER(the_newest_of_each_sync_stays),
		WITH_FOLDER(the_newest_of_each_sync_counts_and_stays),
		WITH_FOLDER(the_latest_takes_no_room_of_its_own),
		WITH_FOLDER(files_of_other_names_are_left_alone),
		WITH_FOLDER(a_folder_named_like_a_report_is_left_alone),
		WITH_FOLDER(a_folder_in_the_place_of_the_latest_stops_no_reports),
		WITH_FOLDER(a_folder_that_cannot_be_used_is_said),
		WITH_FOLDER(a_full_disk_is_said_and_leaves_what_was_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
