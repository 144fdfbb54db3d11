#include "tests/test.h"
#include "agent/service/steps/secrets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/file.h"
#include "agent/util/secret_file.h"

static char dir[] = "/tmp/flowsync-test-XXXXXX";

static void put(struct arena *a, const char *name, const char *bytes, size_t len)
{
	struct err err;

	if (!file_replace(a, arena_printf(a, "%s/%s", dir, name), bytes, len, 0600, &err))
		fail_msg("%s", err.msg);
}

static void a_secret_is_what_its_file_holds_without_newlines_at_the_end(void **state)
{
	static const struct { const char *name, *bytes, *want; } cases[] = {
		{ "plain", "s3same", "s3same" },
		{ "db-password", "s3same\n", "s3same" },
		{ "two.newlines", "s3same\r\n\n", "s3same" },
		{ "inner lines", "s3same\nword \n", "s3same\nword " },
		{ "empty", "", "" },
		{ "\xc3\xa9t\xc3\xa9", "\xe2\x82\xac", "\xe2\x82\xac" },
	};
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *value;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put(&a, cases[i].name, cases[i].bytes, strlen(cases[i].bytes));
		if (!secret_read(&a, dir, cases[i].name, &value, &err))
			fail_msg("%s", err.msg);
		assert_string_equal(value, cases[i].want);
	}
	/* As some systems lay them out. */
	assert_int_equal(symlink("plain", arena_printf(&a, "%s/link", dir)), 0);
	assert_true(secret_read(&a, dir, "link", &value, &err));
	assert_string_equal(value, "s3same");
}

static void a_secret_may_be_64_kib_and_no_more(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *bytes = arena_new(&a, char, SECRET_FILE_MAX + 1);
	const char *value;
	struct err err;

	memset(bytes, 'x', SECRET_FILE_MAX + 1);
	put(&a, "large", bytes, SECRET_FILE_MAX);
	assert_true(secret_read(&a, dir, "large", &value, &err));
	assert_int_equal(strlen(value), SECRET_FILE_MAX);
	put(&a, "large", bytes, SECRET_FILE_MAX + 1);
	value = "untouched";
	assert_false(secret_read(&a, dir, "large", &value, &err));
	assert_string_equal(err.msg, "secret \"large\": larger than 65536 bytes");
	assert_string_equal(value, "untouched");
}

#define NO_NAME	"the name of a secret is not a file name: it is empty, too long, begins with a dot, or has a " \
		"slash or a control character in it"

static void what_is_no_secret_is_refused_in_words(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *endless = arena_new(&a, char, SECRET_NAME_MAX + 2);
	const struct { const char *name, *msg; } cases[] = {
		{ "missing", arena_printf(&a, "secret \"missing\" was not found: expected a file of that name in %s", dir) },
		{ "folder", "secret \"folder\": a directory, expected a file" },
		{ "pipe", "secret \"pipe\": not a regular file" },
		{ "nul", "secret \"nul\": a NUL byte, or not UTF-8; expected text" },
		{ "latin", "secret \"latin\": a NUL byte, or not UTF-8; expected text" },
		{ "", NO_NAME }, { ".", NO_NAME }, { "..", NO_NAME }, { ".hidden", NO_NAME },
		{ "../plain", NO_NAME }, { "folder/x", NO_NAME }, { "/etc/passwd", NO_NAME },
		{ "a\nb", NO_NAME }, { endless, NO_NAME },
	};
	const char *value;
	struct err err;

	memset(endless, 'x', SECRET_NAME_MAX + 1);
	assert_int_equal(mkdir(arena_printf(&a, "%s/folder", dir), 0700), 0);
	assert_int_equal(mkfifo(arena_printf(&a, "%s/pipe", dir), 0600), 0);
	put(&a, "folder/x", "s3same", 6);
	put(&a, ".hidden", "s3same", 6);
	put(&a, "nul", "s3\0same", 7);
	put(&a, "latin", "s3same\xe9", 7);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(secret_read(&a, dir, cases[i].name, &value, &err));
		assert_string_equal(err.msg, cases[i].msg);
	}
	assert_false(secret_read(&a, NULL, "x", &value, &err));
	assert_string_equal(err.msg, "secret \"x\" was not found: the service has no directory of secrets (--secrets-dir)");
}

static void what_stands_in_a_field_is_in_no_message(void **state)
{
	static const char *const names[] = { "s3same", "s3same/with/slash", ".s3same", "s3same\nline", "" };
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *value;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_false(secret_read_for_field(&a, dir, "auth.bearerToken", names[i], &value, &err));
		assert_string_equal(err.msg, arena_printf(&a, "the secret that auth.bearerToken names was not found: "
		                                          "expected a file of that name in %s", dir));
		assert_false(secret_read_for_field(&a, NULL, "auth.bearerToken", names[i], &value, &err));
		assert_string_equal(err.msg, "the secret that auth.bearerToken names was not found: the service has no "
		                             "directory of secrets (--secrets-dir)");
	}
	put(&a, "s3same", "a\0b", 3);
	assert_false(secret_read_for_field(&a, dir, "auth.apiKey", "s3same", &value, &err));
	assert_string_equal(err.msg, "the secret that auth.apiKey names: a NUL byte, or not UTF-8; expected text");
	assert_int_equal(mkdir(arena_printf(&a, "%s/s3same-dir", dir), 0700), 0);
	assert_false(secret_read_for_field(&a, dir, "auth.apiKey", "s3same-dir", &value, &err));
	assert_string_equal(err.msg, "the secret that auth.apiKey names: a directory, expected a file");
}

static void a_secret_has_its_variables(void **state)
{
	static const struct { const char *name, *shorter, *custom; } cases[] = {
		{ "secret", "SECRET", "SECRET_CUSTOM" },
		{ "db-password", "DB_PASSWORD", "DB_PASSWORD_CUSTOM" },
		{ "Api.Key 2", "API_KEY_2", "API_KEY_2_CUSTOM" },
		{ "\xc3\xa9", "__", "___CUSTOM" },
	};
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_string_equal(secret_variable_short(&a, cases[i].name), cases[i].shorter);
		assert_string_equal(secret_variable(&a, cases[i].name), cases[i].custom);
	}
}

static void masks_grow_and_always_end(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct masks m = { 0 };

	assert_null(masks_list(&m)[0]);
	masks_add(&a, &m, NULL);
	masks_add(&a, &m, "");
	assert_int_equal(m.count, 0);
	for (int i = 0; i < 100; i++) {
		masks_add(&a, &m, arena_printf(&a, "%d", i));
		assert_int_equal(m.count, i + 1);
		assert_null(masks_list(&m)[i + 1]);
	}
	assert_string_equal(masks_list(&m)[7], "7");
	assert_string_equal(masks_list(&m)[99], "99");
}

static void what_is_masked_is_covered_whole(void **state)
{
	static const char *const masks[] = { "s3same", "s3same-longer", "abc", "with\nline", NULL };
	static const struct { const char *text; size_t most; const char *want; bool whole; } cases[] = {
		{ "", 10, "", true },
		{ "nothing", 100, "nothing", true },
		{ "s3same", 100, "(masked #1)", true },
		{ "a s3same, s3same-longer.", 100, "a (masked #1), (masked #1).", true },
		{ "abc stays", 100, "abc stays", true },
		{ "with\nline\n", 100, "(masked #1)\n", true },
		{ "s3sam", 100, "s3sam", true },
		{ "12345", 5, "12345", true },
		{ "123456", 5, "12345", false },
		/* What the end cuts in two is not shown in part. */
		{ "12s3same", 5, "12", false },
		{ "12s3same3", 13, "12(masked #1)", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_done) struct buf out = BUF_TEXT;
		buf_adds(&out, "> ");
		assert_int_equal(masks_cover(masks, cases[i].text, strlen(cases[i].text), cases[i].most, &out),
		                 cases[i].whole);
		assert_string_equal(buf_str(&out) + 2, cases[i].want);
	}
}

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return system(arena_printf(&a, "rm -r %s", dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_what_its_file_holds_without_newlines_at_the_end),
		cmocka_unit_test(a_secret_may_be_64_kib_and_no_more),
		cmocka_unit_test(what_is_no_secret_is_refused_in_words),
		cmocka_unit_test(what_stands_in_a_field_is_in_no_message),
		cmocka_unit_test(a_secret_has_its_variables),
		cmocka_unit_test(masks_grow_and_always_end),
		cmocka_unit_test(what_is_masked_is_covered_whole),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
