#include "tests/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

#include "agent/service/exec/attempt.h"
#include "agent/service/exec/attempt_log.h"
#include "agent/util/base64.h"
#include "agent/util/clock.h"
#include "agent/util/file.h"

enum { LOG_MAX = 64 << 20 };

static const char *path;

static int enter(void **state)
{
	static char name[] = "/tmp/flowsync-log-XXXXXX";
	int fd = mkstemp(name);

	path = name;
	return fd < 0 || close(fd);
}

static int leave(void **state)
{
	return unlink(path);
}

/* ---- lines ---- */

struct said { struct buf text; };

static void take_line(void *context, int64_t ms, const char *text, size_t len)
{
	struct said *said = context;

	buf_addf(&said->text, "%lld ", (long long)ms);
	buf_add(&said->text, text, len);
	buf_addc(&said->text, '|');
}

/* What becomes of bytes that come in parts of `step`. */
static const char *shaped(struct arena *a, const char *const *masks, const char *bytes, size_t len, size_t step)
{
	struct said said = { BUF_TEXT };
	struct redactor secrets;
	struct line_splitter lines;

	redactor_init(a, masks, &secrets);
	line_splitter_init(&lines, &secrets, take_line, &said);
	for (size_t at = 0; at < len; at += step)
		line_splitter_add(&lines, bytes + at, len - at < step ? len - at : step, 5);
	line_splitter_end(&lines, 9);
	line_splitter_done(&lines);
	const char *text = arena_strdup(a, buf_str(&said.text));
	buf_done(&said.text);
	return text;
}

static void bytes_become_lines_however_they_come(void **state)
{
	static const char *const masks[] = { "secret", "abcd", "cdef", "no", "one line\r\ntwo lines\nxy\n", "\xc3\xa4rger",
	                                     "aaaa", NULL };
	static const struct { const char *bytes, *lines; } cases[] = {
		{ "", "" },
		{ "a\nb\n", "5 a|5 b|" },
		{ "a\n\n\nb", "5 a|5 |5 |9 b|" },
		{ "a\r\nb\r\r\nc\rd\n", "5 a\r|5 b\r\r|5 c\rd|" },
		{ "\r\n\r", "5 \r|9 \r|" },
		{ "\xc3\xbc\xe2\x82\xac\xf0\x9f\x9a\x80\n", "5 \xc3\xbc\xe2\x82\xac\xf0\x9f\x9a\x80|" },
		{ "\xff\xc3(\xe2\x82\n", "5 \xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd|" },
		{ "\xed\xa0\x80 \xc0\x80 \xf0\x9f\x9a", "9 \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd "
		                                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|" },
		{ "\t\x1b[1m\x7f\n", "5 \t\x1b[1m\x7f|" },
		{ "the secret, the secretsecret\n", "5 the (masked), the (masked)(masked)|" },
		{ "secre\ntsecret\n", "5 secre|5 t(masked)|" },
		{ "abcdef abcd cdef abcef", "9 (masked) (masked) (masked) abcef|" },
		{ "no one line two lines two xy", "9 no (masked) (masked) two xy|" },
		{ "gro\xc3\x9f""er \xc3\xa4rger\n", "5 gro\xc3\x9f""er (masked)|" },
		{ "aaaaaaaaa aaa\n", "5 (masked) aaa|" },
		{ "a secr", "9 a (masked)|" },
		{ "a sec", "9 a sec|" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step < 9; step++) {
			CLEANUP(arena_free) struct arena a = { 0 };
			assert_string_equal(shaped(&a, masks, cases[i].bytes, strlen(cases[i].bytes), step), cases[i].lines);
		}
}

static void a_nul_is_a_character_that_is_none(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(shaped(&a, NULL, "a\0b\n", 4, 1), "5 a\xef\xbf\xbd""b|");
}

/* A line of `len` times unit, whose parts are at most ATTEMPT_LINE_MAX long and put together are the
 * line again. */
static void check_long(const char *unit, size_t count, size_t step)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf line = BUF_TEXT, again = BUF_TEXT;
	static const char *const masks[] = { "xyzxyzxyz", NULL };

	for (size_t i = 0; i < count; i++)
		buf_adds(&line, unit);
	buf_addc(&line, '\n');
	const char *lines = shaped(&a, masks, line.text, line.len, step);
	for (const char *end; (end = strchr(lines, '|')); lines = end + 1) {
		size_t len = (size_t)(end - lines - 2);
		assert_in_range(len, end[1] ? ATTEMPT_LINE_MAX - 3 : 1, ATTEMPT_LINE_MAX);
		buf_add(&again, lines + 2, len);
	}
	buf_addc(&again, '\n');
	assert_string_equal(again.text, line.text);
}

static void a_long_line_is_cut_between_characters(void **state)
{
	static const char *const units[] = { "x", "\xe2\x82\xac", "a\xf0\x9f\x9a\x80", "xyz " };
	static const size_t lens[] = { ATTEMPT_LINE_MAX - 1, ATTEMPT_LINE_MAX, ATTEMPT_LINE_MAX + 1, 300000 };

	for (size_t u = 0; u < ARRAY_LEN(units); u++)
		for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
			check_long(units[u], lens[i] / strlen(units[u]), 65536);
			check_long(units[u], lens[i] / strlen(units[u]), 1021);
		}
}

/* A secret at each place where a line may be cut, and one longer than a line of the log. Under valgrind one place in seven
 * is enough: the others take the same path. */
static void no_cut_shows_a_part_of_a_secret(void **state)
{
	CLEANUP(buf_done) struct buf large = BUF_TEXT;

	for (int i = 0; i < 20000; i++)
		buf_addc(&large, (char)('A' + i * 7 % 26));
	const char *const masks[] = { "0123456789", large.text, NULL };
	size_t step = getenv("TESTS_RUN_SLOWLY") ? 7 : 1;
	for (size_t before = 65520; before < 65560; before += step) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(buf_done) struct buf line = BUF_TEXT;
		for (size_t i = 0; i < before + (before % 2 ? 20000 : 0); i++)
			buf_addc(&line, '-');
		buf_adds(&line, "0123456789-");
		buf_adds(&line, large.text);
		buf_adds(&line, "-\n");
		const char *text = shaped(&a, masks, line.text, line.len, 4096);
		assert_null(strpbrk(text, "01234678ABC"));
		const char *first = strstr(text, "(masked)"), *second = first ? strstr(first + 1, "(masked)") : NULL;
		assert_non_null(second);
		assert_null(strstr(second + 1, "(masked)"));
	}
}

/* What programs make of a secret: JSON, URLs, base64, shell quotes. */
static void an_encoded_secret_is_masked_as_well(void **state)
{
	static const char *const masks[] = { "a/b c'\"\xc3\xa9+$9", "line one\nline two", "short'7",
	                                     "p4ss\xf0\x9f\x98\x80word", NULL };
	static const struct { const char *text, *want; } cases[] = {
		{ "{\"k\":\"a/b c'\\\"\xc3\xa9+$9\"}", "5 {\"k\":\"(masked)\"}|" },
		{ "a/b c'\\\"\\u00e9+$9 a/b c'\\\"\\u00E9+$9 a\\/b c'\\\"\xc3\xa9+$9", "5 (masked) (masked) (masked)|" },
		{ "a%2Fb%20c%27%22%C3%A9%2B%249 a%2fb+c%27%22%c3%a9%2b%249", "5 (masked) (masked)|" },	/* curl, forms in lower case */
		{ "a/b%20c%27%22%C3%A9%2B%249 a%2Fb%20c'%22%C3%A9%2B%249", "5 (masked) (masked)|" },	/* Python, JavaScript */
		{ "YS9iIGMnIsOpKyQ5 YS9iIGMnIsOpKyQ5Cg==", "5 (masked) (masked)|" },
		{ "Basic dXNlcjphL2IgYyciw6krJDk= x", "5 Basic dXNlcjp(masked)k= x|" },		/* user:... */
		{ "eDphL2IgYyciw6krJDk6eQ==", "5 eDp(masked)k6eQ==|" },				/* x:...:y */
		{ "'a/b c'\\''\"\xc3\xa9+$9'", "5 '(masked)'|" },				/* sh -x */
		{ "'a/b c'\"'\"'\"\xc3\xa9+$9'", "5 '(masked)'|" },				/* shlex.quote() */
		{ "\"a/b c'\\\"\xc3\xa9+\\$9\"", "5 \"(masked)\"|" },
		{ "a/b\\ c\\'\\\"\xc3\xa9+\\$9", "5 (masked)|" },				/* printf %q */
		{ "line one\\nline two $'line one\\nline two' line%20one%0Aline%20two", "5 (masked) $'(masked)' (masked)|" },
		{ "short\\'7 short%277 c2hvcnQnNw==", "5 short\\'7 short%277 c2hvcnQnNw==|" },	/* less than 8 bytes */
		{ "short'7", "5 (masked)|" },
		{ "p4ss\\ud83d\\ude00word p4ss\\uD83D\\uDE00word", "5 (masked) (masked)|" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step < 100; step += 33) {
			CLEANUP(arena_free) struct arena a = { 0 };
			const char *line = arena_printf(&a, "%s\n", cases[i].text);
			assert_string_equal(shaped(&a, masks, line, strlen(line), step), cases[i].want);
		}
}

/* As base64(1) and openssl write a long one. */
static void a_long_secret_in_base64_is_masked_in_each_line(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char secret[121] = "";

	for (size_t i = 0; i < sizeof secret - 1; i++)
		secret[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[i * 7 % 36];
	const char *masks[] = { secret, NULL }, *coded = base64_encode(&a, secret, strlen(secret));
	const char *wrapped = arena_printf(&a, "%.76s\n%.76s\n%s\n", coded, coded + 76, coded + 152);
	assert_string_equal(shaped(&a, masks, wrapped, strlen(wrapped), 10), "5 (masked)|5 (masked)|5 (masked)|");
	wrapped = arena_printf(&a, "%.64s\n%.64s\n%s\n", coded, coded + 64, coded + 128);
	assert_string_equal(shaped(&a, masks, wrapped, strlen(wrapped), 10), "5 (masked)|5 (masked)|5 (masked)|");
}

static void a_line_that_waits_for_its_end_is_one_after_a_pause(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char *const masks[] = { "password", NULL };
	struct said said = { BUF_TEXT };
	struct redactor secrets;
	struct line_splitter lines;

	redactor_init(&a, masks, &secrets);
	line_splitter_init(&lines, &secrets, take_line, &said);
	assert_false(line_splitter_is_waiting(&lines));
	line_splitter_pause(&lines, 1);
	line_splitter_add(&lines, "go on? ", 7, 2);
	assert_true(line_splitter_is_waiting(&lines));
	line_splitter_pause(&lines, 3);
	assert_false(line_splitter_is_waiting(&lines));
	line_splitter_add(&lines, "\n\nx \xc3", 5, 4);	/* the newline of what is a line already is none of its own */
	line_splitter_pause(&lines, 5);
	line_splitter_add(&lines, "\xbc is pass", 9, 6);
	line_splitter_pause(&lines, 7);
	line_splitter_add(&lines, "word\n10%\r", 9, 8);
	line_splitter_pause(&lines, 9);
	line_splitter_add(&lines, "\n", 1, 10);
	line_splitter_end(&lines, 11);
	assert_string_equal(buf_str(&said.text), "3 go on? |4 |5 x |7 \xc3\xbc is |8 (masked)|9 10%\r|");
	line_splitter_done(&lines);
	buf_done(&said.text);
}

/* ---- the log ---- */

static void open_log(struct arena *a, const char *const *masks, struct attempt_log *log)
{
	struct err err;

	assert_true(attempt_log_open(a, path, masks, log, &err));
}

static const char *file(struct arena *a, size_t *len)
{
	const char *bytes = NULL;
	struct err err;

	if (!file_read(a, path, LOG_MAX, &bytes, len, &err))
		fail_msg("%s", err.msg);
	return bytes;
}

/* The beginning of the next line, alone: string functions look for the end of what they are given. */
static bool next_line(const char **at, const char *end, char line[128])
{
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));

	if (!newline)
		return false;
	size_t len = (size_t)(newline - *at) < 127 ? (size_t)(newline - *at) : 127;
	memcpy(line, *at, len);
	line[len] = '\0';
	*at = newline + 1;
	return true;
}

static void what_fits_is_written_as_it_comes(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char *const masks[] = { "hidden", NULL };
	struct attempt_log log;
	size_t len;

	open_log(&a, masks, &log);
	attempt_log_add(&log, "one\ntw", 6, 1000);
	assert_string_equal(file(&a, &len), "1000 one\n");
	attempt_log_add(&log, "o\nhid", 5, 2000);
	assert_string_equal(file(&a, &len), "1000 one\n2000 two\n");
	attempt_log_pause(&log, 3000);
	attempt_log_add(&log, "den", 3, 4000);
	attempt_log_pause(&log, 5000);
	attempt_log_add(&log, "half", 4, 6000);
	attempt_log_printf(&log, 7000, "%s", "of us: hidden");
	attempt_log_add(&log, "rest", 4, 8000);
	attempt_log_close(&log, 9000);
	assert_string_equal(file(&a, &len), "1000 one\n2000 two\n5000 (masked)\n7000+half\n"
	                    "7000 of us: (masked)\n9000 rest\n9000+\n");
}

/* Lines of 36 bytes as they are printed, of 52 in the log. */
static void add_lines(struct attempt_log *log, size_t from, size_t count, size_t step)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	for (size_t i = from; i < from + count; i++)
		buf_addf(&text, "line %010zu of something secret\n", i);
	for (size_t at = 0; at < text.len; at += step)
		attempt_log_add(log, text.text + at, text.len - at < step ? text.len - at : step, 1700000000000 + (int64_t)(at / step));
}

/* The log begins with all lines from 0 and ends with all up to the last, with one line between that
 * counts what is missing rightly. */
static void check_ends(struct arena *a, size_t last)
{
	size_t len, next = 0, missing = 0, bytes = 0, n;
	const char *text = file(a, &len), *at = text;
	char line[128];
	long long ms;

	assert_in_range(len, ATTEMPT_HEAD_MAX + ATTEMPT_TAIL_MAX * 9 / 10, ATTEMPT_HEAD_MAX + ATTEMPT_TAIL_MAX + 200);
	while (next_line(&at, text + len, line)) {
		if (!missing && sscanf(line, "%lld ... %zu lines (%zu bytes) left out ...", &ms, &missing, &bytes) == 3) {
			assert_in_range(at - text, ATTEMPT_HEAD_MAX - 100, ATTEMPT_HEAD_MAX + 100);
			next += missing;
			continue;
		}
		assert_int_equal(sscanf(line, "%lld line %zu of something (masked)", &ms, &n), 2);
		assert_int_equal(strlen(line), 51);
		assert_in_range(ms, 1700000000000, 1800000000000);
		assert_int_equal(n, next++);
	}
	assert_int_equal(next, last);
	/* As they were printed, or as they are shown. */
	assert_in_range(bytes, missing * 36, missing * 38);
}

static void of_much_the_first_and_the_newest_are_kept(void **state)
{
	static const char *const masks[] = { "secret", NULL };
	static const struct { size_t count, step; } cases[] = {
		{ 150000, 65536 }, { 1000000, 65536 }, { 150000, 65537 }, { 200000, 77 }, { 300000, 1000 },
	};
	for (size_t i = 0; i < (getenv("TESTS_RUN_SLOWLY") ? 1 : ARRAY_LEN(cases)); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct attempt_log log;
		open_log(&a, masks, &log);
		add_lines(&log, 0, cases[i].count, cases[i].step);
		attempt_log_close(&log, 1700000000000);
		check_ends(&a, cases[i].count);
	}
}

/* Each line's time is its own: here it says it. */
static void lines_of_the_end_keep_their_times(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct attempt_log log;
	size_t len, count = 0;
	long long ms, said;

	open_log(&a, NULL, &log);
	for (long long i = 100000000; i < 100000000 + 400000; i++) {
		char line[32];
		attempt_log_add(&log, line, (size_t)snprintf(line, sizeof line, "%lld\n", i), i);
	}
	attempt_log_close(&log, 1);
	char line[128];
	const char *text = file(&a, &len);
	for (const char *at = text; next_line(&at, text + len, line); )
		if (sscanf(line, "%lld %lld", &ms, &said) == 2) {
			assert_int_equal(ms, said);
			count++;
		}
	assert_in_range(count, 200000, 300000);
}

static void little_more_than_the_head_leaves_nothing_out(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf all = BUF_TEXT;
	struct attempt_log log;
	size_t len;

	open_log(&a, NULL, &log);
	for (int i = 0; i < 100000; i++) {
		char line[64];
		int n = snprintf(line, sizeof line, "%d of more or less%s", i, i % 3 ? "\n" : "\0\n");
		attempt_log_add(&log, line, (size_t)n, i / 10);
		buf_addf(&all, "%d %s", i / 10, line);
		if (i % 3 == 0) {
			attempt_log_end_line(&log, i / 10);
			buf_addc(&all, '\n');
		}
	}
	while (all.len < ATTEMPT_HEAD_MAX + ATTEMPT_TAIL_MAX / 2) {
		attempt_log_add(&log, "0123456789\n", 11, 10000);
		buf_adds(&all, "10000 0123456789\n");
	}
	attempt_log_printf(&log, 10000, "bye");
	buf_adds(&all, "10000 bye\n");
	attempt_log_close(&log, 10000);
	const char *text = file(&a, &len);
	assert_int_equal(len, all.len);
	assert_memory_equal(text, all.text, len);
}

/* Where the line was cut that has no end, a part of a secret may stand; and it has no newline. */
static void one_line_without_an_end_is_bounded_and_masked(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char *const masks[] = { "SECRETsecretSECRET!", NULL };
	struct attempt_log log;
	size_t len, lines = 0;

	open_log(&a, masks, &log);
	for (int i = 0; i < 1000000; i++)
		attempt_log_add(&log, masks[0], strlen(masks[0]), 1);
	attempt_log_close(&log, 2);
	const char *text = file(&a, &len);
	assert_in_range(len, ATTEMPT_HEAD_MAX + 400000, ATTEMPT_HEAD_MAX + ATTEMPT_TAIL_MAX + 200);
	assert_non_null(strstr(text, "left out"));
	assert_null(strpbrk(text, "SRET!c"));
	for (const char *at = text, *end; *at; at = end + 1, lines++) {
		end = memchr(at, '\n', (size_t)(text + len - at));
		assert_in_range(end - at, 1, ATTEMPT_LINE_MAX + 2);
	}
	assert_in_range(lines, ATTEMPT_HEAD_MAX / ATTEMPT_LINE_MAX, 400);
}

static void when_the_disk_is_full_the_log_ends_with_a_whole_line(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct rlimit before, little;
	struct attempt_log log;
	size_t len;

	getrlimit(RLIMIT_FSIZE, &before);
	little = (struct rlimit){ 100001, before.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &little);
	open_log(&a, NULL, &log);
	add_lines(&log, 0, 200000, 65536);
	attempt_log_printf(&log, 1, "not this");
	attempt_log_close(&log, 1);
	setrlimit(RLIMIT_FSIZE, &before);
	const char *text = file(&a, &len);
	assert_in_range(len, 100001 - 52, 100001);
	assert_int_equal(text[len - 1], '\n');
	assert_null(strstr(text, "not this"));
}

static void of_a_gigabyte_no_more_than_its_ends_is_kept(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char *const masks[] = { "secret", "another", NULL };
	static char bytes[65536];
	struct attempt_log log;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = i % 8 == 7 ? '\n' : 's';
	open_log(&a, masks, &log);
	int64_t began = clock_monotonic();
	size_t total = getenv("TESTS_RUN_SLOWLY") ? (size_t)64 << 20 : (size_t)1 << 30;
	for (size_t i = 0; i < total / sizeof bytes; i++)
		attempt_log_add(&log, bytes, sizeof bytes, 1700000000000);
	attempt_log_close(&log, 1);
	int64_t took = clock_monotonic() - began;
	print_message("%lld MB/s\n", (long long)(total / 1000 / (size_t)(took ? took : 1)));
	size_t len;
	file(&a, &len);
	assert_in_range(len, ATTEMPT_HEAD_MAX, ATTEMPT_HEAD_MAX + ATTEMPT_TAIL_MAX + 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_become_lines_however_they_come),
		cmocka_unit_test(a_nul_is_a_character_that_is_none),
		cmocka_unit_test(a_long_line_is_cut_between_characters),
		cmocka_unit_test(no_cut_shows_a_part_of_a_secret),
		cmocka_unit_test(an_encoded_secret_is_masked_as_well),
		cmocka_unit_test(a_long_secret_in_base64_is_masked_in_each_line),
		cmocka_unit_test(a_line_that_waits_for_its_end_is_one_after_a_pause),
		cmocka_unit_test(what_fits_is_written_as_it_comes),
		cmocka_unit_test(of_much_the_first_and_the_newest_are_kept),
		cmocka_unit_test(lines_of_the_end_keep_their_times),
		cmocka_unit_test(little_more_than_the_head_leaves_nothing_out),
		cmocka_unit_test(one_line_without_an_end_is_bounded_and_masked),
		cmocka_unit_test(when_the_disk_is_full_the_log_ends_with_a_whole_line),
		cmocka_unit_test(of_a_gigabyte_no_more_than_its_ends_is_kept),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
