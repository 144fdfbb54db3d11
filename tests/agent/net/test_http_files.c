#include "tests/descriptors.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/net/http_files.h"
#include "reconcile/base/arena.h"

static char top[] = "/tmp/flowsync-http-files-XXXXXX";

static int enter(void **state)
{
	return !mkdtemp(top) || chdir(top);
}

static int leave(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return chdir("/") || system(arena_printf(&a, "rm -rf %s", top));
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void reader_free(struct http_files_reader **r)
{
	http_files_reader_free(*r);
}

/* A reader of text, where @NAME@ stands for the file. */
static struct http_files_reader *reader_of(const char *text)
{
	struct http_files files = { 0 };
	struct buf plain = BUF_TEXT;
	CLEANUP(arena_free) struct arena a = { 0 };
	char *copy = arena_strdup(&a, text);

	for (bool name = false; copy; name = !name) {
		const char *part = strsep(&copy, "@");
		if (name)
			assert_true(http_files_add(&files, plain.len, part));
		else
			buf_adds(&plain, part);
	}
	struct http_files_reader *r = http_files_reader_new(&plain, &files);
	assert_int_equal(plain.len + files.count, 0);
	return r;
}

static void text_and_files_come_in_order_whatever_the_pieces(void **state)
{
	static const struct { const char *parts, *whole; } cases[] = {
		{ "text", "text" }, { "a@one@b", "a11111b" }, { "@one@", "11111" }, { "@one@@two@", "1111122" },
		{ "a@none@b@two@", "ab22" }, { "@none@@none@", "" }, { "[@one@,@two@,@one@]", "[11111,22,11111]" },
	};
	int descriptors = count_descriptors();

	write_file("one", "11111");
	write_file("two", "22");
	write_file("none", "");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t piece = 1; piece < 8; piece++) {
			CLEANUP(reader_free) struct http_files_reader *r = reader_of(cases[i].parts);
			CLEANUP(buf_done) struct buf got = BUF_TEXT;
			char bytes[8];
			assert_int_equal(http_files_reader_size(r), strlen(cases[i].whole));
			while (got.len < http_files_reader_size(r)) {
				ssize_t n = http_files_reader_read(r, got.len, bytes, piece);
				assert_true(n > 0 && (size_t)n <= piece);
				buf_add(&got, bytes, (size_t)n);
				assert_true(count_descriptors() <= descriptors + 1);
			}
			assert_string_equal(buf_str(&got), cases[i].whole);
		}
	assert_int_equal(count_descriptors(), descriptors);
}

static void what_is_no_plain_file_is_not_added(void **state)
{
	struct http_files files = { 0 };
	int descriptors = count_descriptors();

	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_false(http_files_add(&files, 0, "missing"));
	assert_false(http_files_add(&files, 0, "pipe"));
	assert_false(http_files_add(&files, 0, "."));
	assert_int_equal(files.count, 0);
	http_files_done(&files);
	assert_int_equal(count_descriptors(), descriptors);
}

static void a_file_that_is_another_by_now_ends_the_answer(void **state)
{
	CLEANUP(reader_free) struct http_files_reader *replaced = NULL, *grown = NULL, *gone = NULL;
	char bytes[8];

	write_file("replaced", "abc");
	write_file("grown", "abc");
	write_file("gone", "abc");
	replaced = reader_of("x@replaced@");
	grown = reader_of("@grown@");
	gone = reader_of("@gone@");
	write_file("new", "def");
	assert_int_equal(rename("new", "replaced") | unlink("gone"), 0);
	write_file("grown", "abcd");
	assert_int_equal(http_files_reader_read(replaced, 0, bytes, 8), 1);
	assert_int_equal(http_files_reader_read(replaced, 1, bytes, 8), -1);
	assert_int_equal(http_files_reader_read(grown, 0, bytes, 8), -1);
	assert_int_equal(http_files_reader_read(gone, 0, bytes, 8), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_files_come_in_order_whatever_the_pieces),
		cmocka_unit_test(what_is_no_plain_file_is_not_added),
		cmocka_unit_test(a_file_that_is_another_by_now_ends_the_answer),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
