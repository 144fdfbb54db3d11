#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/service/exec/attempt.h"
#include "agent/util/file.h"

static const char *top;

static int enter(void **state)
{
	static char name[] = "/tmp/flowsync-attempt-XXXXXX";

	top = mkdtemp(name);
	return !top;
}

static int leave(void **state)
{
	return rmdir(top);
}

static const char *const *words(const char *const *list)
{
	return list;
}

#define WORDS(...)	words((const char *const[]){ __VA_ARGS__, NULL })

static void same_words(const char *const *found, const char *const *wanted)
{
	for (; *wanted; found++, wanted++) {
		assert_non_null(*found);
		assert_string_equal(*found, *wanted);
	}
	assert_null(*found);
}

static void what_is_written_is_read_again(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	static const char input[] = "a\0b\xff\n";
	const struct attempt_command commands[] = {
		{ .argv = WORDS("echo", "", "\xfc \"x\"") },
		{ .argv = WORDS("step-http"), .self = true, .input = input, .len = sizeof input - 1 },
		{ .argv = WORDS("x"), .input = "" },
	};
	const struct attempt attempt = { "/a \xff/b", commands, 3, WORDS("A=\x80", "B=1\n2"), WORDS("pass"), "/c" };
	struct attempt read;
	struct err err;

	attempt_write(&attempt, &text);
	assert_true(attempt_read(&a, buf_str(&text), text.len, &read, &err));
	assert_string_equal(read.folder, attempt.folder);
	assert_string_equal(read.cgroup, "/c");
	same_words(read.env, attempt.env);
	same_words(read.masks, attempt.masks);
	assert_int_equal(read.command_count, 3);
	for (size_t i = 0; i < 3; i++) {
		same_words(read.commands[i].argv, commands[i].argv);
		assert_int_equal(read.commands[i].self, commands[i].self);
		assert_int_equal(read.commands[i].len, commands[i].len);
	}
	assert_null(read.commands[0].input);
	assert_memory_equal(read.commands[1].input, input, sizeof input - 1);
	assert_non_null(read.commands[2].input);
}

static void a_hidden_command_keeps_a_copy_of_its_document(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct buf text = BUF_TEXT;

	buf_adds(&text, "{\"x\":1}");
	struct attempt_command command = attempt_hidden_command(&a, "step-http", &text);
	text.text[0] = '!';
	buf_done(&text);
	same_words(command.argv, WORDS("step-http"));
	assert_true(command.self);
	assert_int_equal(command.len, 7);
	assert_string_equal(command.input, "{\"x\":1}");
	assert_null(command.env);
}

static void no_environment_and_no_mask_are_empty_ones(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const struct attempt_command command = { .argv = WORDS("x") };
	struct attempt read;
	struct err err;

	attempt_write(&(struct attempt){ .folder = "/f", .commands = &command, .command_count = 1 }, &text);
	assert_true(attempt_read(&a, buf_str(&text), text.len, &read, &err));
	assert_null(read.env[0]);
	assert_null(read.masks[0]);
	assert_null(read.cgroup);
}

static void a_document_that_is_none_is_refused(void **state)
{
	static const char no_folder[] = "the document of an attempt: its folder has no absolute path",
	                  no_command[] = "the document of an attempt: expected commands, each with a program";
	/* L2Y= is "/f", Zg== "f", AA== a NUL, eA== "x". */
	static const struct { const char *text, *message; } cases[] = {
		{ "{}", no_folder },
		{ "[]", no_folder },
		{ "{\"folder\":\"Zg==\"}", no_folder },
		{ "{\"folder\":\"?\"}", no_folder },
		{ "{\"folder\":\"L2Y=\"}", no_command },
		{ "{\"folder\":\"L2Y=\",\"commands\":[]}", no_command },
		{ "{\"folder\":\"L2Y=\",\"commands\":[{\"argv\":[]}]}", no_command },
		{ "{\"folder\":\"L2Y=\",\"commands\":[{\"argv\":[\"AA==\"]}]}", no_command },
		{ "{\"folder\":\"L2Y=\",\"commands\":[{\"argv\":[\"eA==\"],\"input\":1}]}", no_command },
		{ "{\"folder\":\"L2Y=\",\"commands\":[{\"argv\":[\"eA==\"]}],\"env\":[]}",
		  "the document of an attempt: expected a text in base64" },
		{ "{\"folder\":\"L2Y=\",\"commands\":[{\"argv\":[\"eA==\"]}],\"env\":[1],\"masks\":[]}",
		  "the document of an attempt: expected a text in base64" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct attempt attempt;
		struct err err;
		assert_false(attempt_read(&a, cases[i].text, strlen(cases[i].text), &attempt, &err));
		assert_string_equal(err.msg, cases[i].message);
	}
}

static void a_result_is_read_as_it_was_written(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *folder = arena_printf(&a, "%s/r", top), *message = NULL;
	struct err err;
	bool found = true;
	int code = -1;

	assert_true(attempt_result_read(&a, folder, &code, &message, &found, &err));
	assert_false(found);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_false(attempt_begun(folder));
	assert_true(file_create(arena_printf(&a, "%s/begun", folder), "", 0, 0600, &err));
	assert_true(attempt_begun(folder));
	for (int i = 0; i < 2; i++) {
		assert_true(attempt_result_write(folder, 137, "killed by \"9\"", &err));
		assert_true(attempt_result_read(&a, folder, &code, &message, &found, &err));
		assert_true(found);
		assert_int_equal(code, 137);
		assert_string_equal(message, "killed by \"9\"");
	}
	assert_true(attempt_remove(folder, &err));
}

static void a_result_that_is_none_is_told(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char *const texts[] = { "{", "[]", "{\"code\":1}", "{\"code\":-1,\"message\":\"\"}",
	                                     "{\"code\":9999999999,\"message\":\"\"}" };
	const char *folder = arena_printf(&a, "%s/n", top), *message, *path = arena_printf(&a, "%s/result", folder);
	struct err err;
	bool found = true;
	int code;

	assert_int_equal(mkdir(folder, 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_true(file_replace(&a, path, texts[i], strlen(texts[i]), 0600, &err));
		assert_false(attempt_result_read(&a, folder, &code, &message, &found, &err));
		assert_non_null(strstr(err.msg, "/n/result\": "));
	}
	assert_true(file_replace(&a, path, "", 0, 0600, &err));
	assert_true(attempt_result_read(&a, folder, &code, &message, &found, &err));
	assert_false(found);
	assert_true(attempt_remove(folder, &err));
}

/* Deeper than a path can be long. */
static void make_deep(const char *folder)
{
	char name[101];

	memset(name, 'd', 100);
	name[100] = '\0';
	assert_int_equal(chdir(folder), 0);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(mkdir(name, 0700), 0);
		assert_int_equal(chdir(name), 0);
		assert_int_equal(close(open("file", O_CREAT | O_WRONLY, 0)), 0);
	}
	assert_int_equal(chdir("/"), 0);
}

static void all_that_an_attempt_left_is_removed(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *folder = arena_printf(&a, "%s/a", top), *other = arena_printf(&a, "%s/other", top);
	struct stat st;
	struct err err;

	assert_true(attempt_remove(folder, &err));
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(system(arena_printf(&a,
		"cd %s && echo 1 > other/kept && mkdir a && cd a && ln -s ../other link && ln -s nowhere broken &&"
		" mkfifo pipe && mkdir -p 0/1/2 1 2/x work/.hidden/x 'a b' && echo 1 > 3 && echo 1 > work/.hidden/x/f &&"
		" ln -s ../../other work/link && chmod 0 work/.hidden/x && chmod 0 work/.hidden && chmod 500 2 0/1 &&"
		" chmod 0 work 0 && chmod 0 .", top)), 0);
	assert_true(attempt_remove(folder, &err));
	assert_int_equal(lstat(folder, &st), -1);
	assert_int_equal(mkdir(folder, 0700), 0);
	make_deep(folder);
	assert_true(attempt_remove(folder, &err));
	assert_int_equal(lstat(folder, &st), -1);
	/* Nor is the folder itself a link that is followed. */
	assert_int_equal(symlink(other, folder), 0);
	assert_false(attempt_remove(folder, &err));
	assert_int_equal(unlink(folder), 0);
	assert_int_equal(stat(arena_printf(&a, "%s/kept", other), &st), 0);
	assert_true(attempt_remove(other, &err));
}

static void what_is_mounted_there_is_not_touched(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *folder = arena_printf(&a, "%s/m", top), *other = arena_printf(&a, "%s/m2", top);
	const char *at = arena_printf(&a, "%s/work/deep/at", folder);
	struct stat st;
	struct err err;

	assert_int_equal(system(arena_printf(&a, "mkdir -p %s %s && echo 1 > %s/kept && chmod 755 %s", at, other,
	                                     other, other)), 0);
	if (mount(other, at, "none", MS_BIND, NULL) < 0) {
		assert_true(attempt_remove(folder, &err) && attempt_remove(other, &err));
		skip();
	}
	assert_false(attempt_remove(folder, &err));
	assert_string_equal(err.msg, arena_printf(&a, "remove the folder \"%s\": Device or resource busy", folder));
	assert_int_equal(stat(arena_printf(&a, "%s/kept", other), &st), 0);
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_int_equal(system(arena_printf(&a, "umount %s/*/at", folder)), 0);
	assert_true(attempt_remove(folder, &err));
	assert_true(attempt_remove(other, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(a_hidden_command_keeps_a_copy_of_its_document),
		cmocka_unit_test(no_environment_and_no_mask_are_empty_ones),
		cmocka_unit_test(a_document_that_is_none_is_refused),
		cmocka_unit_test(a_result_is_read_as_it_was_written),
		cmocka_unit_test(a_result_that_is_none_is_told),
		cmocka_unit_test(all_that_an_attempt_left_is_removed),
		cmocka_unit_test(what_is_mounted_there_is_not_touched),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
