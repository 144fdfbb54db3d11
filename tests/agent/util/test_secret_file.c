#include "tests/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/file.h"
#include "agent/util/secret_file.h"

static char dir[] = "/tmp/flowsync-secret-XXXXXX";

static const char *put(struct arena *a, const char *name, const char *bytes, size_t len, mode_t mode)
{
	const char *path = arena_printf(a, "%s/%s", dir, name);
	struct err err;

	if (!file_replace(a, path, bytes, len, mode, &err))
		fail_msg("%s", err.msg);
	return path;
}

static void each_kind_has_its_characters(void **state)
{
	static const struct { enum secret_kind kind; const char *bytes; size_t len; const char *want, *msg; } cases[] = {
		{ SECRET_TOKEN, "  s3same\r\n", 10, "s3same", NULL },
		{ SECRET_TOKEN, "Bearer s3same", 13, "Bearer s3same", NULL },
		{ SECRET_TOKEN, "s3\nsame", 7, NULL,
		  "a character that no HTTP header can carry; expected one line of printable ASCII" },
		{ SECRET_TOKEN, "s3s\xc3\xa4me", 7, NULL,
		  "a character that no HTTP header can carry; expected one line of printable ASCII" },
		{ SECRET_TOKEN, "s3\0same", 7, NULL,
		  "a character that no HTTP header can carry; expected one line of printable ASCII" },
		{ SECRET_TOKEN, " \n", 2, "", NULL },
		{ SECRET_LINE, " s3s\xc3\xa4me \r\nuser", 15, " s3s\xc3\xa4me ", NULL },
		{ SECRET_LINE, "s3\0same", 7, NULL, "a NUL byte, or not UTF-8; expected text" },
		{ SECRET_LINE, "s3same\xe9", 7, NULL, "a NUL byte, or not UTF-8; expected text" },
		{ SECRET_LINE, "\nsecond", 7, "", NULL },
		{ SECRET_TEXT, "s3same\nword \r\n\n", 15, "s3same\nword ", NULL },
		{ SECRET_TEXT, "s3\0same", 7, NULL, "a NUL byte, or not UTF-8; expected text" },
		{ SECRET_TEXT, "", 0, "", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *path = put(&a, "kind", cases[i].bytes, cases[i].len, 0600), *got = "untouched";
		struct err err;

		assert_int_equal(secret_file_read(&a, path, cases[i].kind, &got, &err), cases[i].want != NULL);
		assert_string_equal(got, cases[i].want ? cases[i].want : "untouched");
		if (!cases[i].want)
			assert_string_equal(err.msg, cases[i].msg);
	}
}

static void one_limit_holds_for_all(void **state)
{
	for (enum secret_kind kind = SECRET_TOKEN; kind <= SECRET_TEXT; kind++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		char *bytes = arena_new(&a, char, SECRET_FILE_MAX + 1);
		const char *got;
		struct err err;

		memset(bytes, 'x', SECRET_FILE_MAX + 1);
		assert_true(secret_file_read(&a, put(&a, "large", bytes, SECRET_FILE_MAX, 0600), kind, &got, &err));
		assert_int_equal(strlen(got), SECRET_FILE_MAX);
		assert_false(secret_file_read(&a, put(&a, "large", bytes, SECRET_FILE_MAX + 1, 0600), kind, &got, &err));
		assert_string_equal(err.msg, "larger than 65536 bytes");
	}
}

static void an_empty_secret_is_an_error_where_one_is_needed(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *path = put(&a, "empty", "\nx", 1, 0600), *got = "untouched";
	struct err err;

	assert_false(secret_file_read_some(&a, path, SECRET_TOKEN, &got, &err));
	assert_string_equal(err.msg, "empty, expected a secret");
	assert_false(secret_file_read_some(&a, path, SECRET_LINE, &got, &err));
	assert_string_equal(err.msg, "its first line is empty, expected a secret");
	assert_string_equal(got, "untouched");
	assert_false(secret_file_read(&a, arena_printf(&a, "%s/none", dir), SECRET_TOKEN, &got, &err));
	assert_string_equal(err.msg, "cannot be read: No such file or directory");
}

/* What the log says of each path. */
static const char *warned(struct arena *a, const char *const *paths, size_t count)
{
	char *text = NULL;
	size_t len = 0;
	struct log log = { .to = open_memstream(&text, &len), .level = LEVEL_INFO };

	for (size_t i = 0; i < count; i++)
		secret_file_warn(&log, "token file", paths[i]);
	fclose(log.to);
	const char *copy = arena_strndup(a, text, len);
	free(text);
	return copy;
}

static void a_file_that_others_can_read_is_warned_of_once(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *paths[] = {
		put(&a, "own", "x", 1, 0600), put(&a, "group", "x", 1, 0640), put(&a, "all", "x", 1, 0604), NULL,
		arena_printf(&a, "%s/none", dir), arena_printf(&a, "%s/group", dir),
	};

	assert_string_equal(warned(&a, paths, ARRAY_LEN(paths)),
	                    arena_printf(&a, "flowsync: warning: token file \"%s/group\" can be read by others: chmod 600 it\n"
	                                     "flowsync: warning: token file \"%s/all\" can be read by others: chmod 600 it\n",
	                                 dir, dir));
	assert_string_equal(warned(&a, paths, ARRAY_LEN(paths)), "");
}

static void a_credential_of_systemd_is_not_warned_of(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *path = put(&a, "credential", "x", 1, 0440);

	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
	assert_string_equal(warned(&a, &path, 1), "");
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/tmp/flowsync-secret", 1), 0);
	assert_string_not_equal(warned(&a, &path, 1), "");
	unsetenv("CREDENTIALS_DIRECTORY");
}

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "kind", "large", "empty", "own", "group", "all", "credential" };
	char path[100];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_characters),
		cmocka_unit_test(one_limit_holds_for_all),
		cmocka_unit_test(an_empty_secret_is_an_error_where_one_is_needed),
		cmocka_unit_test(a_file_that_others_can_read_is_warned_of_once),
		cmocka_unit_test(a_credential_of_systemd_is_not_warned_of),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
