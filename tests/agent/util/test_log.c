#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "reconcile/base/buf.h"

static const char *written(FILE *f)
{
	static char text[1000];
	size_t n;

	rewind(f);
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	return text;
}

static void write_all(struct log *log)
{
	log_error(log, "a %s", "b\nc");
	log_warn(log, "w");
	log_info(log, "i");
	log_debug(log, "d");
	fflush(log->to);
}

static void a_line_says_its_level_in_each_format(void **state)
{
	static const struct { struct log log; const char *text; } cases[] = {
		{ { .level = LEVEL_DEBUG }, "flowsync: error: a b\\nc\nflowsync: warning: w\nflowsync: i\n"
		  "flowsync: debug: d\n" },
		{ { .level = LEVEL_WARN }, "flowsync: error: a b\\nc\nflowsync: warning: w\n" },
		{ { .level = LEVEL_DEBUG, .journal = true }, "<3>error: a b\\nc\n<4>warning: w\n<6>i\n<7>debug: d\n" },
		{ { .level = LEVEL_WARN, .journal = true, .color = true }, "<3>error: a b\\nc\n<4>warning: w\n" },
		{ { .level = LEVEL_ERROR, .sync = "s" }, "flowsync: error: s: a b\\nc\n" },
		{ { .level = LEVEL_ERROR, .sync = "s", .journal = true }, "<3>error: s: a b\\nc\n" },
		{ { .level = LEVEL_ERROR, .color = true }, "flowsync: \033[1;31merror: \033[0ma b\\nc\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct log log = cases[i].log;
		log.to = tmpfile();
		assert_non_null(log.to);
		write_all(&log);
		assert_string_equal(written(log.to), cases[i].text);
		fclose(log.to);
	}
}

static void a_line_of_text_begins_with_the_time_if_asked_for(void **state)
{
	struct log log = { .to = tmpfile(), .level = LEVEL_INFO, .times = true, .sync = "s" };
	int64_t before = clock_now(), at;

	assert_non_null(log.to);
	log_info(&log, "i");
	const char *line = written(log.to), *rest = strchr(line, ' ');
	assert_non_null(rest);
	assert_string_equal(rest, " flowsync: s: i\n");
	char *time = strndup(line, (size_t)(rest - line));
	assert_true(timestamp_parse(time, &at));
	assert_true(at >= before && at <= clock_now());
	free(time);
	fclose(log.to);
}

static void the_journal_knows_the_time_itself(void **state)
{
	struct log log = { .to = tmpfile(), .level = LEVEL_INFO, .times = true, .journal = true };

	assert_non_null(log.to);
	log_info(&log, "i");
	assert_string_equal(written(log.to), "<6>i\n");
	fclose(log.to);
}

static void json_lines_are_the_same_in_the_journal(void **state)
{
	struct log log = { .to = tmpfile(), .level = LEVEL_ERROR, .format = LOG_JSON, .journal = true };

	assert_non_null(log.to);
	write_all(&log);
	assert_memory_equal(written(log.to), "{\"ts\":\"", 7);
	assert_non_null(strstr(written(log.to), "\",\"level\":\"error\",\"msg\":\"a b\\\\nc\"}\n"));
	fclose(log.to);
}

static void the_journal_is_known_by_its_file(void **state)
{
	CLEANUP(buf_done) struct buf own = BUF_TEXT, other = BUF_TEXT;
	FILE *f = tmpfile();
	char *memory = NULL;
	size_t len;
	FILE *no_file = open_memstream(&memory, &len);
	struct stat st;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	buf_addf(&own, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	buf_addf(&other, "%s0", buf_str(&own));
	assert_true(log_is_journal(f, buf_str(&own)));
	/* Whoever sends stderr elsewhere, as a shell in a service does, leaves the variable. */
	assert_false(log_is_journal(f, buf_str(&other)));
	assert_false(log_is_journal(f, "x"));
	assert_false(log_is_journal(f, NULL));
	assert_false(log_is_journal(no_file, buf_str(&own)));
	fclose(f);
	fclose(no_file);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_says_its_level_in_each_format),
		cmocka_unit_test(a_line_of_text_begins_with_the_time_if_asked_for),
		cmocka_unit_test(the_journal_knows_the_time_itself),
		cmocka_unit_test(json_lines_are_the_same_in_the_journal),
		cmocka_unit_test(the_journal_is_known_by_its_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
