#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/service/exec/attempt_outcome.h"
#include "agent/util/file.h"
#include "reconcile/tree/json.h"

/* The folder of an attempt, as it is left. */
struct fixture {
	char folder[40];
	struct arena arena;
	bool confined;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	strcpy(f->folder, "/tmp/flowsync-ending-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_int_equal(mkdir(arena_printf(&f->arena, "%s/work", f->folder), 0700), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct err err;

	if (!attempt_remove(f->folder, &err))
		fail_msg("%s", err.msg);
	arena_free(&f->arena);
	free(f);
	return 0;
}

static void leave(struct fixture *f, const char *name, const char *bytes, size_t len)
{
	struct err err;

	if (!file_replace(&f->arena, arena_printf(&f->arena, "%s/%s", f->folder, name), bytes, len, 0600, &err))
		fail_msg("%s: %s", name, err.msg);
}

/* "KIND STEP CODE MESSAGE OUTPUTS", and what is noted after a "|". */
static const char *read_end(struct fixture *f, const char *body)
{
	static const char *const kinds[] = {
		[DAG_ENDED] = "ended", [DAG_BROKEN] = "broken", [DAG_REFUSED] = "refused", [DAG_LOST] = "lost",
	};
	CLEANUP(buf_done) struct buf notes = BUF(1000);
	struct dag_step step = { .name = "s" };
	struct node *n;
	struct err err;

	assert_true(json_read(&f->arena, body, strlen(body), &n, &err));
	step.body = n;
	struct dag_event e = attempt_outcome_read(&f->arena, &step, f->folder, f->confined, &notes);
	return arena_printf(&f->arena, "%s %s %d %s %s|%s", kinds[e.kind], e.step, e.code, e.message ? e.message : "-",
	                    e.outputs ? json_text(&f->arena, e.outputs) : "-", buf_str(&notes));
}

static void an_attempt_without_a_result_is_lost(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(read_end(f, "{}"), "lost s 0 - -|");
	leave(f, "result", "", 0);
	assert_string_equal(read_end(f, "{}"), "lost s 0 - -|");
	leave(f, "answer", "{\"status\":200}", 14);
	assert_string_equal(read_end(f, "{}"), "lost s 0 - -|");
	strcpy(f->folder, "/tmp/flowsync-ending-none");
	assert_string_equal(read_end(f, "{}"), "lost s 0 - -|");
}

static void a_result_that_is_none_is_lost_and_told(void **state)
{
	static const struct { const char *result, *msg; } cases[] = {
		{ "{}", "expected a code and a message" }, { "[]", "expected a code and a message" },
		{ "{\"code\":-1,\"message\":\"\"}", "expected a code and a message" },
		{ "{\"code\":1}", "expected a code and a message" },
		{ "{\"code\":4294967296,\"message\":\"\"}", "expected a code and a message" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		leave(f, "result", cases[i].result, strlen(cases[i].result));
		assert_string_equal(read_end(f, "{}"),
		                    arena_printf(&f->arena, "lost s 0 the result \"%s/result\": %s -|", f->folder, cases[i].msg));
	}
	leave(f, "result", "half", 4);
	assert_non_null(strstr(read_end(f, "{}"), "lost s 0 the result \""));
}

static void the_end_of_a_command_is_its_code_and_what_was_said_of_it(void **state)
{
	static const struct { const char *result, *end; } cases[] = {
		{ "{\"code\":0,\"message\":\"\"}", "ended s 0 - {}|" },
		{ "{\"code\":143,\"message\":\"\"}", "ended s 143 - {}|" },
		{ "{\"code\":127,\"message\":\"sh: not there\"}", "ended s 127 sh: not there {}|" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		leave(f, "result", cases[i].result, strlen(cases[i].result));
		assert_string_equal(read_end(f, "{}"), cases[i].end);
	}
}

static void an_answer_says_more_than_a_code(void **state)
{
	static const struct { const char *result, *answer, *end; } cases[] = {
		{ "{\"code\":0,\"message\":\"\"}", "{\"status\":200}", "ended s 200 - {}|" },
		{ "{\"code\":1,\"message\":\"exit\"}", "{\"status\":503}", "ended s 503 - {}|" },
		{ "{\"code\":75,\"message\":\"\"}", "{\"message\":\"no such host\",\"final\":false}",
		  "broken s 0 no such host -|" },
		{ "{\"code\":64,\"message\":\"\"}", "{\"message\":\"no such branch\",\"final\":true}",
		  "refused s 0 no such branch -|" },
		{ "{\"code\":64,\"message\":\"\"}", "{\"message\":\"no such branch\"}", "broken s 0 no such branch -|" },
		/* none that can be read: what was known stays known, and it is said */
		{ "{\"code\":3,\"message\":\"\"}", "[]",
		  "ended s 3 the reply of the command: expected a status or a message {}|" },
		{ "{\"code\":3,\"message\":\"\"}", "{\"status\":200,\"message\":\"x\"}",
		  "ended s 3 the reply of the command: expected a status or a message {}|" },
		{ "{\"code\":3,\"message\":\"\"}", "", "ended s 3 the reply of the command: nothing, where JSON was expected {}|" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		leave(f, "result", cases[i].result, strlen(cases[i].result));
		leave(f, "answer", cases[i].answer, strlen(cases[i].answer));
		assert_string_equal(read_end(f, "{}"), cases[i].end);
	}
}

#define WRITES(params)	"{\"outputParameters\":" params "}"
#define DONE	"{\"code\":0,\"message\":\"\"}"

static void output_parameters_are_what_stands_in_their_files(void **state)
{
	struct fixture *f = *state;
	const struct { const char *body, *end; } cases[] = {
		{ "{}", "ended s 0 - {}|" },
		{ WRITES("null"), "ended s 0 - {}|" },
		{ WRITES("[\"a\"]"), "ended s 0 - {}|" },
		{ WRITES("{\"A\":\"a\"}"), "ended s 0 - {\"A\":\"one\\n\"}|" },
		{ WRITES("{\"B\":\"a\",\"A\":\"sub/b\",\"C\":\"./a\"}"),
		  "ended s 0 - {\"B\":\"one\\n\",\"A\":\"two\",\"C\":\"one\\n\"}|" },
		{ WRITES("{\"E\":\"empty\"}"), "ended s 0 - {\"E\":\"\"}|" },
		/* what nobody wrote, and what names no file, is none */
		{ WRITES("{\"A\":\"none\",\"B\":\"none/a\",\"C\":\"\",\"D\":7,\"E\":null}"), "ended s 0 - {}|" },
		{ arena_printf(&f->arena, WRITES("{\"A\":\"%s/work/a\"}"), f->folder), "ended s 0 - {\"A\":\"one\\n\"}|" },
		{ WRITES("{\"A\":\"link\",\"B\":\"nowhere\"}"), "ended s 0 - {\"A\":\"one\\n\"}|" },
		/* what cannot be one is told */
		{ WRITES("{\"A\":\"sub\"}"), "ended s 0 - {}|output parameter A: sub: a directory, expected a file\n" },
		{ WRITES("{\"A\":\"pipe\",\"B\":\"a\"}"),
		  "ended s 0 - {\"B\":\"one\\n\"}|output parameter A: pipe: not a regular file\n" },
		{ WRITES("{\"A\":\"nul\",\"B\":\"latin\"}"),
		  "ended s 0 - {}|output parameter A: nul: expected UTF-8 text without NUL bytes\n"
		  "output parameter B: latin: expected UTF-8 text without NUL bytes\n" },
		{ WRITES("{\"A\":\"large\"}"), "ended s 0 - {}|output parameter A: large: larger than 65536 bytes\n" },
		{ WRITES("{\"A\":\"a/b\"}"), "ended s 0 - {}|output parameter A: a/b: cannot be read: Not a directory\n" },
	};
	char *large = arena_new(&f->arena, char, OUTPUT_MAX + 1);

	memset(large, 'x', OUTPUT_MAX + 1);
	leave(f, "result", DONE, strlen(DONE));
	leave(f, "work/a", "one\n", 4);
	assert_int_equal(mkdir(arena_printf(&f->arena, "%s/work/sub", f->folder), 0700), 0);
	leave(f, "work/sub/b", "two", 3);
	leave(f, "work/empty", "", 0);
	leave(f, "work/nul", "a\0b", 3);
	leave(f, "work/latin", "\xe4", 1);
	leave(f, "work/large", large, OUTPUT_MAX + 1);
	assert_int_equal(symlink("a", arena_printf(&f->arena, "%s/work/link", f->folder)), 0);
	assert_int_equal(symlink("none", arena_printf(&f->arena, "%s/work/nowhere", f->folder)), 0);
	assert_int_equal(mkfifo(arena_printf(&f->arena, "%s/work/pipe", f->folder), 0600), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (strcmp(read_end(f, cases[i].body), cases[i].end) != 0)
			fail_msg("%s\nwant %s\ngot  %s", cases[i].body, cases[i].end, read_end(f, cases[i].body));

	leave(f, "work/large", large, OUTPUT_MAX);
	assert_int_equal(strlen(read_end(f, WRITES("{\"A\":\"large\"}"))), OUTPUT_MAX + strlen("ended s 0 - {\"A\":\"\"}|"));
}

/* An http step's file is the body of the answer; a failing command's parameters are there as well. */
static void output_parameters_are_read_whatever_the_end_was(void **state)
{
	struct fixture *f = *state;

	leave(f, "work/response.txt", "{}", 2);
	leave(f, "result", "{\"code\":7,\"message\":\"\"}", 23);
	assert_string_equal(read_end(f, WRITES("{\"A\":\"response.txt\"}")), "ended s 7 - {\"A\":\"{}\"}|");
	leave(f, "answer", "{\"status\":404}", 14);
	assert_string_equal(read_end(f, WRITES("{\"A\":\"response.txt\"}")), "ended s 404 - {\"A\":\"{}\"}|");
}

static void what_a_confined_step_points_at_outside_of_its_folder_is_not_read(void **state)
{
	static const struct { const char *file, *end; } cases[] = {
		{ "inside", "ended s 0 - {\"P\":\"in\"}|" },
		{ "link", "ended s 0 - {}|output parameter P: link: the file is not in the folder of the step\n" },
		{ "../outside", "ended s 0 - {}|output parameter P: ../outside: the file is not in the folder of the step\n" },
		{ "/etc/passwd", "ended s 0 - {}|output parameter P: /etc/passwd: the file is not in the folder of the step\n" },
		{ "none", "ended s 0 - {}|" },
	};
	struct fixture *f = *state;

	leave(f, "result", "{\"code\":0,\"message\":\"\"}", 23);
	leave(f, "work/inside", "in", 2);
	leave(f, "outside", "out", 3);
	assert_int_equal(symlink("../outside", arena_printf(&f->arena, "%s/work/link", f->folder)), 0);
	f->confined = true;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(read_end(f, arena_printf(&f->arena, "{\"outputParameters\":{\"P\":\"%s\"}}",
		                                             cases[i].file)), cases[i].end);
	f->confined = false;
	assert_string_equal(read_end(f, "{\"outputParameters\":{\"P\":\"link\"}}"), "ended s 0 - {\"P\":\"out\"}|");
}

int main(void)
{
#define WITH_FOLDER(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(an_attempt_without_a_result_is_lost),
		WITH_FOLDER(a_result_that_is_none_is_lost_and_told),
		WITH_FOLDER(the_end_of_a_command_is_its_code_and_what_was_said_of_it),
		WITH_FOLDER(an_answer_says_more_than_a_code),
		WITH_FOLDER(output_parameters_are_what_stands_in_their_files),
		WITH_FOLDER(output_parameters_are_read_whatever_the_end_was),
		WITH_FOLDER(what_a_confined_step_points_at_outside_of_its_folder_is_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
