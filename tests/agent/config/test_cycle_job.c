#include "tests/test.h"

#include <string.h>

#include "agent/config/cycle_job.h"

static const struct cycle_job full = {
	.config_path = "/etc/flow \"sync\".yaml", .config_text = "syncs:\n- name: \"ä\"\n\tx", .sync = "one",
	.trigger = "source", .endpoint = "http://127.0.0.1:1", .token = "t\\0", .commit = "c", .tree = "e", .ref = "main",
	.source_error = "down", .names = { (const char *[]){ "a*", "" }, 2 }, .warnings = { (const char *[]){ "w" }, 1 },
	.logged = { (const char *[]){ "warning: x", "" }, 2 },
	.hurry_fd = 7,
};

static struct cycle_job carry(struct arena *a, const struct cycle_job *job)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct cycle_job back;
	struct err err;

	cycle_job_write(job, &text);
	if (!cycle_job_read(a, buf_str(&text), text.len, &back, &err))
		fail_msg("%s", err.msg);
	return back;
}

static void same_texts(const struct texts *found, const struct texts *wanted)
{
	assert_int_equal(found->count, wanted->count);
	for (size_t i = 0; i < wanted->count; i++)
		assert_string_equal(found->items[i], wanted->items[i]);
}

static void every_member_comes_back_but_the_descriptor(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct cycle_job back = carry(&a, &full);

	assert_string_equal(back.config_path, full.config_path);
	assert_string_equal(back.config_text, full.config_text);
	assert_string_equal(back.sync, full.sync);
	assert_string_equal(back.trigger, full.trigger);
	assert_string_equal(back.endpoint, full.endpoint);
	assert_string_equal(back.token, full.token);
	assert_string_equal(back.commit, full.commit);
	assert_string_equal(back.tree, full.tree);
	assert_string_equal(back.ref, full.ref);
	assert_string_equal(back.source_error, full.source_error);
	same_texts(&back.names, &full.names);
	same_texts(&back.warnings, &full.warnings);
	same_texts(&back.logged, &full.logged);
	assert_int_equal(back.hurry_fd, -1);
}

static void what_is_not_given_is_not_there(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct cycle_job back = carry(&a, &(struct cycle_job){ .sync = "one", .trigger = "start" });

	assert_null(back.config_path);
	assert_null(back.config_text);
	assert_null(back.endpoint);
	assert_null(back.token);
	assert_null(back.commit);
	assert_null(back.source_error);
	assert_int_equal(back.names.count + back.warnings.count, 0);
}

static void what_is_no_job_is_refused(void **state)
{
	static const struct { const char *text, *msg; } cases[] = {
		{ "", "the job on stdin: " },
		{ "{\"sync\": \"one\"", "the job on stdin: " },
		{ "[]", "the job on stdin: expected an object, found a list" },
		{ "{}", "the job on stdin: it names no sync, or no trigger" },
		{ "{\"sync\": \"one\"}", "the job on stdin: it names no sync, or no trigger" },
		{ "{\"sync\": 1, \"trigger\": \"start\"}", "the job on stdin: it names no sync, or no trigger" },
		{ "{\"sync\": \"s\", \"trigger\": \"t\", \"names\": \"a\"}",
		  "the job on stdin: names: expected a list of texts" },
		{ "{\"sync\": \"s\", \"trigger\": \"t\", \"warnings\": [\"a\", 1]}",
		  "the job on stdin: warnings: expected a list of texts" },
		{ "{\"sync\": \"s\", \"trigger\": \"t\", \"commit\": \"c\"}",
		  "the job on stdin: a commit without its tree or its ref" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct cycle_job job = { .sync = "untouched" };
		struct err err;

		assert_false(cycle_job_read(&a, cases[i].text, strlen(cases[i].text), &job, &err));
		assert_string_equal(job.sync, "untouched");
		if (strncmp(err.msg, cases[i].msg, strlen(cases[i].msg)) != 0)
			fail_msg("%s: %s", cases[i].text, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_comes_back_but_the_descriptor),
		cmocka_unit_test(what_is_not_given_is_not_there),
		cmocka_unit_test(what_is_no_job_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
