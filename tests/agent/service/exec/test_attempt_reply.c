#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/service/exec/attempt_reply.h"
#include "agent/service/exec/attempt.h"
#include "agent/util/file.h"

static char folder[] = "/tmp/flowsync-answer-XXXXXX";
static struct arena arena;

static void what_is_written_in_work_is_read_from_its_folder(void **state)
{
	static const struct { struct attempt_reply answer; const char *text; } cases[] = {
		{ { true, 204 }, "{\"status\":204}" },
		{ { true, 0, "it is \"late\"\n" }, "{\"message\":\"it is \\\"late\\\"\\n\",\"final\":false}" },
		{ { true, 0, "no", true }, "{\"message\":\"no\",\"final\":true}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct attempt_reply found = { 0 };
		const char *text;
		size_t len;
		struct err err;
		if (!attempt_reply_write(&cases[i].answer, &err) || !attempt_reply_read(&arena, folder, &found, &err) ||
		    !file_read(&arena, "../answer", 1000, &text, &len, &err))
			fail_msg("%s", err.msg);
		assert_string_equal(text, cases[i].text);
		assert_true(found.found && found.status == cases[i].answer.status && found.final == cases[i].answer.final);
		assert_true(!found.message == !cases[i].answer.message);
		if (found.message)
			assert_string_equal(found.message, cases[i].answer.message);
	}
}

static void no_answer_is_no_failure(void **state)
{
	struct attempt_reply found = { true, 7, "x", true };
	struct err err;

	unlink("../answer");
	assert_true(attempt_reply_read(&arena, folder, &found, &err));
	assert_true(!found.found && !found.status && !found.message && !found.final);
}

static void an_answer_that_is_none_is_told_and_leaves_what_was_there(void **state)
{
	static const struct { const char *text, *msg; } cases[] = {
		{ "", "the reply of the command: nothing, where JSON was expected" },
		{ "{}", "the reply of the command: expected a status or a message" },
		{ "7", "the reply of the command: expected a status or a message" },
		{ "{\"status\":\"200\"}", "the reply of the command: expected a status or a message" },
		{ "{\"status\":200,\"message\":\"x\"}", "the reply of the command: expected a status or a message" },
	};
	struct attempt_reply found = { true, 7 };
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(file_replace(&arena, "../answer", cases[i].text, strlen(cases[i].text), 0600, &err));
		assert_false(attempt_reply_read(&arena, folder, &found, &err));
		assert_string_equal(err.msg, cases[i].msg);
	}
	unlink("../answer");
	assert_int_equal(mkdir("../answer", 0700), 0);
	assert_false(attempt_reply_read(&arena, folder, &found, &err));
	assert_string_equal(err.msg, "the reply of the command: a directory, expected a file");
	assert_false(attempt_reply_write(&found, &err));
	assert_string_equal(err.msg, "the reply of the command: cannot be written: Is a directory");
	assert_int_equal(rmdir("../answer"), 0);
	assert_true(found.found && found.status == 7);
}

static int enter(void **state)
{
	return !mkdtemp(folder) || chdir(folder) || mkdir("work", 0700) || chdir("work");
}

static int leave(void **state)
{
	struct err err;
	bool good = attempt_remove(folder, &err);

	arena_free(&arena);
	return !good;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_in_work_is_read_from_its_folder),
		cmocka_unit_test(no_answer_is_no_failure),
		cmocka_unit_test(an_answer_that_is_none_is_told_and_leaves_what_was_there),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
