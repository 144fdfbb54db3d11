#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agent/daemon/metrics.h"
#include "agent/sync/cycle_summary.h"
#include "reconcile/tree/json.h"
#include "reconcile/plan/report.h"

/* ---- a reader of the text format 0.0.4, as strict as what scrapes it may be ---- */

enum { SERIES_MAX = 2000, FAMILIES_MAX = 100 };

struct reader {
	struct arena arena;
	struct { const char *name, *type; bool helped; } families[FAMILIES_MAX];
	size_t family_count;
	struct { const char *id; double value; } series[SERIES_MAX];
	size_t series_count;
	/* Of the histogram whose buckets come. */
	const char *buckets_of;
	double below;
	bool infinite;
};

static bool is_name(const char *s, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:";

	if (len == 0 || !strchr(letters, s[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!strchr(letters, s[i]) && !(s[i] >= '0' && s[i] <= '9'))
			return false;
	return true;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), tail = strlen(end);

	return len >= tail && strcmp(text + len - tail, end) == 0;
}

static void read_comment(struct reader *r, char *line)
{
	bool help = strncmp(line, "# HELP ", 7) == 0;
	char *rest = line + 7, *name = strsep(&rest, " ");

	if (!help && strncmp(line, "# TYPE ", 7) != 0)
		fail_msg("neither HELP nor TYPE: %s", line);
	if (!rest || !*rest || !is_name(name, strlen(name)))
		fail_msg("a comment without its text: %s", name);
	if (help) {
		for (size_t i = 0; i < r->family_count; i++)
			if (strcmp(r->families[i].name, name) == 0)
				fail_msg("%s is there twice", name);
		assert_true(r->family_count < FAMILIES_MAX);
		r->families[r->family_count].name = arena_strdup(&r->arena, name);
		r->families[r->family_count++].helped = true;
		return;
	}
	if (!r->family_count || strcmp(r->families[r->family_count - 1].name, name) != 0 ||
	    r->families[r->family_count - 1].type)
		fail_msg("TYPE of %s does not follow its HELP", name);
	if (strcmp(rest, "counter") != 0 && strcmp(rest, "gauge") != 0 && strcmp(rest, "histogram") != 0)
		fail_msg("%s is of no known type: %s", name, rest);
	if ((strcmp(rest, "counter") == 0) != ends_with(name, "_total"))
		fail_msg("%s is a %s", name, rest);
	r->families[r->family_count - 1].type = arena_strdup(&r->arena, rest);
}

/* Past the "}"; *le is the value of that label, if there is one. */
static const char *read_labels(struct reader *r, const char *s, const char **le, struct buf *others)
{
	while (*s != '}') {
		const char *name = s, *value;
		size_t len = strcspn(s, "=");
		if (!is_name(name, len) || s[len + 1] != '"')
			fail_msg("no label: %s", s);
		value = s += len + 2;
		while (*s != '"') {
			if (*s == '\\' && !strchr("\\\"n", *++s))
				fail_msg("escaped is only \\\\, \\\" and \\n: %s", s);
			if (!*s || *s == '\n')
				fail_msg("a label's value does not end: %s", name);
			s++;
		}
		if (len == 2 && strncmp(name, "le", 2) == 0)
			*le = arena_strndup(&r->arena, value, (size_t)(s - value));
		else
			buf_add(others, name, (size_t)(s - name + 1));
		if (*++s == ',')
			s++;
		else if (*s != '}')
			fail_msg("labels are parted by commas: %s", s);
	}
	return s + 1;
}

static void read_bucket(struct reader *r, const char *of, const char *le, double value)
{
	if (!r->buckets_of || strcmp(r->buckets_of, of) != 0) {
		r->buckets_of = arena_strdup(&r->arena, of);
		r->below = 0;
	}
	if (!le || value < r->below)
		fail_msg("buckets of %s are not cumulative", of);
	r->below = value;
	r->infinite = strcmp(le, "+Inf") == 0;
}

/* of: name of the histogram and its labels but le. */
static void read_part(struct reader *r, const char *part, const char *of, const char *le, double value)
{
	if (strcmp(part, "_bucket") == 0) {
		read_bucket(r, of, le, value);
		return;
	}
	if (strcmp(part, "_sum") != 0 && strcmp(part, "_count") != 0)
		fail_msg("a histogram has no %s", part);
	if (!r->buckets_of || strcmp(r->buckets_of, of) != 0 || !r->infinite)
		fail_msg("%s of %s does not follow its last bucket", part, of);
	if (strcmp(part, "_count") == 0 && value != r->below)
		fail_msg("the count of %s is not that of its last bucket", of);
}

static void read_sample(struct reader *r, const char *line)
{
	CLEANUP(buf_done) struct buf of = BUF_TEXT;
	size_t len = strcspn(line, "{ "), index = r->family_count - 1;
	const char *name = arena_strndup(&r->arena, line, len), *le = NULL, *s = line + len;
	const char *family = r->family_count ? r->families[index].name : "";
	char *end;

	if (!is_name(line, len) || strncmp(name, family, strlen(family)) != 0 || !r->families[index].type)
		fail_msg("no series of the family it stands in: %s", line);
	buf_addf(&of, "%s ", family);
	if (*s == '{')
		s = read_labels(r, s + 1, &le, &of);
	const char *id = arena_strndup(&r->arena, line, (size_t)(s - line));
	double value = strtod(s + 1, &end);
	if (*s != ' ' || end == s + 1 || *end)
		fail_msg("no value: %s", line);
	for (size_t i = 0; i < r->series_count; i++)
		if (strcmp(r->series[i].id, id) == 0)
			fail_msg("%s is there twice", id);
	if (strcmp(r->families[index].type, "histogram") == 0)
		read_part(r, name + strlen(family), buf_str(&of), le, value);
	else if (strcmp(name, family) != 0 || le)
		fail_msg("no series of %s: %s", family, line);
	assert_true(r->series_count < SERIES_MAX);
	r->series[r->series_count].id = id;
	r->series[r->series_count++].value = value;
}

static void read_all(struct reader *r, const char *text)
{
	char *copy = arena_strdup(&r->arena, text);

	if (!ends_with(text, "\n"))
		fail_msg("the last line does not end");
	for (char *line; (line = strsep(&copy, "\n")) && copy; )
		if (*line == '#')
			read_comment(r, line);
		else
			read_sample(r, line);
	for (size_t i = 0; i < r->family_count; i++)
		if (!r->families[i].type)
			fail_msg("%s has no TYPE", r->families[i].name);
}

static void reader_done(struct reader *r)
{
	arena_free(&r->arena);
}

static double value_of(const struct reader *r, const char *id)
{
	for (size_t i = 0; i < r->series_count; i++)
		if (strcmp(r->series[i].id, id) == 0)
			return r->series[i].value;
	fail_msg("there is no %s", id);
	return 0;
}

static bool has(const struct reader *r, const char *id)
{
	for (size_t i = 0; i < r->series_count; i++)
		if (strcmp(r->series[i].id, id) == 0)
			return true;
	return false;
}

/* ---- */

static void metrics_freep(struct metrics **m)
{
	metrics_free(*m);
}

static void read_metrics(struct reader *r, const struct metrics *m)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	metrics_write(m, &text);
	reader_done(r);
	*r = (struct reader){ 0 };
	read_all(r, buf_str(&text));
}

struct wanted { const char *id; double value; };

static void assert_values(const struct reader *r, const struct wanted *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (value_of(r, wanted[i].id) != wanted[i].value)
			fail_msg("%s is %g, wanted %g", wanted[i].id, value_of(r, wanted[i].id), wanted[i].value);
}

#define CYCLE(report)	metrics_add_cycle(m, "a", tree(&arena, report), 1000)

static const struct node *tree(struct arena *a, struct report report)
{
	report.mode = "agent";
	report_judge(&report);
	return cycle_summary_tree(a, &report, report_tree(a, &report), true);
}

static void a_sync_has_its_series_before_anything_happened(void **state)
{
	CLEANUP(metrics_freep) struct metrics *m = metrics_new();
	CLEANUP(reader_done) struct reader r = { 0 };
	static const struct wanted wanted[] = {
		{ "flowsync_build_info{version=\"" FLOWSYNC_VERSION "\"}", 1 },
		{ "flowsync_reconcile_total{sync=\"a\",result=\"converged\"}", 0 },
		{ "flowsync_reconcile_total{sync=\"b\",result=\"interrupted\"}", 0 },
		{ "flowsync_objects{sync=\"a\",state=\"synced\"}", 0 },
		{ "flowsync_objects{sync=\"a\",state=\"suspended\"}", 0 },
		{ "flowsync_operations_total{sync=\"a\",action=\"create\",result=\"applied\"}", 0 },
		{ "flowsync_operations_total{sync=\"a\",action=\"delete\",result=\"deferred\"}", 0 },
		{ "flowsync_git_requests_total{sync=\"a\",result=\"failure\"}", 0 },
		{ "flowsync_git_fetch_fail_total{sync=\"a\"}", 0 },
		{ "flowsync_api_requests_total{sync=\"a\",operation=\"resume_workflow\"}", 0 },
		{ "flowsync_api_retries_total{sync=\"a\"}", 0 },
		{ "flowsync_webhook_events_total{sync=\"a\",result=\"accepted\"}", 0 },
		{ "flowsync_last_success_timestamp_seconds{sync=\"a\"}", 0 },
		{ "flowsync_suspended{sync=\"a\"}", 0 },
	};

	read_metrics(&r, m);
	assert_int_equal(r.series_count, 1);
	assert_int_equal(r.family_count, 14);
	metrics_set_syncs(m, (const char *const[]){ "a", "b", "a" }, 3);
	read_metrics(&r, m);
	assert_values(&r, wanted, ARRAY_LEN(wanted));
	assert_false(has(&r, "flowsync_api_requests_total{sync=\"a\",operation=\"execute_workflow\"}"));
}

static void a_cycle_is_counted(void **state)
{
	CLEANUP(metrics_freep) struct metrics *m = metrics_new();
	CLEANUP(reader_done) struct reader r = { 0 };
	CLEANUP(arena_free) struct arena arena = { 0 };
	struct plan_step steps[] = {
		{ "n1", .action = ACTION_CREATE, .result = RESULT_APPLIED, .reason = REASON_DECLARED },
		{ "n2", .action = ACTION_PATCH, .result = RESULT_APPLIED, .reason = REASON_DRIFT },
		{ "n3", .action = ACTION_REPLACE, .result = RESULT_FAILED, .reason = REASON_DRIFT },
		{ "n4", .action = ACTION_DELETE, .result = RESULT_APPLIED },
		{ "n5", .action = ACTION_NONE, .result = RESULT_UNCHANGED },
		{ "n6", .action = ACTION_NONE, .result = RESULT_UNCHANGED },
		{ "n7", .action = ACTION_NONE, .result = RESULT_REFUSED },
		{ "n8", .action = ACTION_PATCH, .result = RESULT_DEFERRED },
		{ "n9", .action = ACTION_NONE, .result = RESULT_SUSPENDED },
		{ "n0", .action = ACTION_NONE, .result = RESULT_CONFLICT },
	};
	struct guard guards[] = { { "rollback", "l", "v" }, { "delete-share", "l", "v", "blocks" } };
	struct report report = {
		.steps = steps, .step_count = ARRAY_LEN(steps), .duration_ms = 1500,
		.guards = { guards, 2, 2, true }, .requests = 9, .retries = 2,
		.by_operation = { [OP_LIST] = 3, [OP_UPDATE] = 6 },
	};
	static const struct wanted wanted[] = {
		{ "flowsync_reconcile_total{sync=\"a\",result=\"conflict\"}", 2 },
		{ "flowsync_reconcile_total{sync=\"a\",result=\"converged\"}", 0 },
		{ "flowsync_reconcile_duration_seconds_bucket{sync=\"a\",result=\"conflict\",le=\"1\"}", 0 },
		{ "flowsync_reconcile_duration_seconds_bucket{sync=\"a\",result=\"conflict\",le=\"2.5\"}", 2 },
		{ "flowsync_reconcile_duration_seconds_sum{sync=\"a\",result=\"conflict\"}", 3 },
		{ "flowsync_objects{sync=\"a\",state=\"synced\"}", 3 },
		{ "flowsync_objects{sync=\"a\",state=\"drifted\"}", 1 },
		{ "flowsync_objects{sync=\"a\",state=\"pending\"}", 0 },
		{ "flowsync_objects{sync=\"a\",state=\"failed\"}", 1 },
		{ "flowsync_objects{sync=\"a\",state=\"refused\"}", 1 },
		{ "flowsync_objects{sync=\"a\",state=\"deferred\"}", 1 },
		{ "flowsync_objects{sync=\"a\",state=\"blocked\"}", 0 },
		{ "flowsync_objects{sync=\"a\",state=\"conflict\"}", 1 },
		{ "flowsync_objects{sync=\"a\",state=\"suspended\"}", 1 },
		{ "flowsync_operations_total{sync=\"a\",action=\"create\",result=\"applied\"}", 2 },
		{ "flowsync_operations_total{sync=\"a\",action=\"patch\",result=\"applied\"}", 2 },
		{ "flowsync_operations_total{sync=\"a\",action=\"patch\",result=\"deferred\"}", 2 },
		{ "flowsync_operations_total{sync=\"a\",action=\"patch\",result=\"refused\"}", 0 },
		{ "flowsync_operations_total{sync=\"a\",action=\"replace\",result=\"failed\"}", 2 },
		{ "flowsync_operations_total{sync=\"a\",action=\"delete\",result=\"applied\"}", 2 },
		{ "flowsync_api_requests_total{sync=\"a\",operation=\"list_workflows\"}", 6 },
		{ "flowsync_api_requests_total{sync=\"a\",operation=\"update_workflow\"}", 12 },
		{ "flowsync_api_requests_total{sync=\"a\",operation=\"create_workflow\"}", 0 },
		{ "flowsync_api_retries_total{sync=\"a\"}", 4 },
		{ "flowsync_guard_blocks_total{sync=\"a\",guard=\"rollback\"}", 0 },
		{ "flowsync_guard_blocks_total{sync=\"a\",guard=\"delete-share\"}", 2 },
		{ "flowsync_last_success_timestamp_seconds{sync=\"a\"}", 0 },
		{ "flowsync_suspended{sync=\"a\"}", 1 },
	};

	/* Whether unchanged workflows are listed makes no difference; the second time counters go
	 * on and gauges stay. */
	for (int verbose = 0; verbose < 2; verbose++) {
		report.verbose = verbose;
		CYCLE(report);
	}
	read_metrics(&r, m);
	assert_values(&r, wanted, ARRAY_LEN(wanted));

	CYCLE((struct report){ .step_count = 0 });
	read_metrics(&r, m);
	assert_true(value_of(&r, "flowsync_last_success_timestamp_seconds{sync=\"a\"}") == 1000);
	assert_true(value_of(&r, "flowsync_objects{sync=\"a\",state=\"synced\"}") == 0);
	assert_true(value_of(&r, "flowsync_suspended{sync=\"a\"}") == 0);
}

static struct report of_steps(struct plan_step *steps, size_t count)
{
	return (struct report){ .steps = steps, .step_count = count };
}

static void what_could_not_be_seen_leaves_the_workflows_as_they_were(void **state)
{
	CLEANUP(metrics_freep) struct metrics *m = metrics_new();
	CLEANUP(reader_done) struct reader r = { 0 };
	CLEANUP(arena_free) struct arena arena = { 0 };
	struct plan_step steps[] = { { "a" }, { "b", .action = ACTION_PATCH, .result = RESULT_DEFERRED } };

	steps[0].result = RESULT_UNCHANGED;
	CYCLE(of_steps(steps, 2));
	CYCLE((struct report){ .verdict.failed = true });
	CYCLE((struct report){ .verdict.invalid = true });
	read_metrics(&r, m);
	assert_values(&r, (const struct wanted[]){
		{ "flowsync_objects{sync=\"a\",state=\"synced\"}", 1 },
		{ "flowsync_objects{sync=\"a\",state=\"deferred\"}", 1 },
		{ "flowsync_reconcile_total{sync=\"a\",result=\"failed\"}", 1 },
		{ "flowsync_reconcile_total{sync=\"a\",result=\"invalid\"}", 1 } }, 4);
}

static void a_cycle_over_deferred_steps_moves_only_those(void **state)
{
	CLEANUP(metrics_freep) struct metrics *m = metrics_new();
	CLEANUP(reader_done) struct reader r = { 0 };
	CLEANUP(arena_free) struct arena arena = { 0 };
	struct plan_step steps[] = {
		{ "a", .result = RESULT_UNCHANGED }, { "b", .result = RESULT_SUSPENDED },
		{ "c", .action = ACTION_PATCH, .result = RESULT_DEFERRED },
		{ "d", .action = ACTION_PATCH, .result = RESULT_DEFERRED },
	};
	struct report deferred = of_steps(steps + 2, 2);

	CYCLE(of_steps(steps, 4));
	steps[2].result = RESULT_APPLIED;
	deferred.trigger = "deferred";
	CYCLE(deferred);
	read_metrics(&r, m);
	assert_values(&r, (const struct wanted[]){
		{ "flowsync_objects{sync=\"a\",state=\"synced\"}", 2 },
		{ "flowsync_objects{sync=\"a\",state=\"deferred\"}", 1 },
		{ "flowsync_objects{sync=\"a\",state=\"suspended\"}", 1 },
		{ "flowsync_suspended{sync=\"a\"}", 1 } }, 4);
}

static void a_summary_that_lacks_keys_or_has_others_is_survived(void **state)
{
	static const char odd_results[] =
		"{\"results\":[1,null,{},{\"action\":\"explode\",\"result\":7,\"drift\":1,\"count\":3},{\"action\":\"patch\"},"
		"{\"action\":\"patch\",\"result\":\"applied\",\"count\":-4},{\"count\":\"x\"}]}";
	static const char *const reports[] = {
		"{}", "[]", "null", "{\"summary\":[],\"results\":{\"a\":1},\"requests\":3,\"guards\":\"x\"}", odd_results,
		"{\"summary\":{\"none\":-5,\"patch\":\"x\"},\"requests\":{\"by_operation\":{\"list_workflows\":-1}}}",
		"{\"guards\":[{},{\"name\":1},{\"result\":\"block\"}],\"duration_s\":\"x\",\"outcome\":\"odd\"}",
	};
	CLEANUP(metrics_freep) struct metrics *m = metrics_new();
	CLEANUP(reader_done) struct reader r = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(reports); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *report;
		struct err err;
		assert_true(json_read(&a, reports[i], strlen(reports[i]), &report, &err));
		metrics_add_cycle(m, "a", report, 1);
	}
	metrics_add_cycle(m, "a", NULL, 1);
	read_metrics(&r, m);
	assert_values(&r, (const struct wanted[]){
		{ "flowsync_reconcile_total{sync=\"a\",result=\"failed\"}", ARRAY_LEN(reports) + 1 },
		{ "flowsync_operations_total{sync=\"a\",action=\"patch\",result=\"applied\"}", 0 },
		{ "flowsync_api_requests_total{sync=\"a\",operation=\"list_workflows\"}", 0 },
		{ "flowsync_last_success_timestamp_seconds{sync=\"a\"}", 0 } }, 4);
}

static void fetches_and_hooks_are_counted(void **state)
{
	CLEANUP(metrics_freep) struct metrics *m = metrics_new();
	CLEANUP(reader_done) struct reader r = { 0 };

	metrics_add_fetch(m, "a", true, 99);
	metrics_add_fetch(m, "a", true, 100);
	metrics_add_fetch(m, "a", false, 700000);
	metrics_add_hook_calls(m, "a", true, 1);
	metrics_add_hook_calls(m, "a", false, 41);
	metrics_add_hook_calls(m, "a", false, 0);
	read_metrics(&r, m);
	assert_values(&r, (const struct wanted[]){
		{ "flowsync_git_requests_total{sync=\"a\",result=\"success\"}", 2 },
		{ "flowsync_git_requests_total{sync=\"a\",result=\"failure\"}", 1 },
		{ "flowsync_git_fetch_fail_total{sync=\"a\"}", 1 },
		{ "flowsync_git_request_duration_seconds_bucket{sync=\"a\",le=\"0.1\"}", 2 },
		{ "flowsync_git_request_duration_seconds_bucket{sync=\"a\",le=\"600\"}", 2 },
		{ "flowsync_git_request_duration_seconds_bucket{sync=\"a\",le=\"+Inf\"}", 3 },
		{ "flowsync_git_request_duration_seconds_sum{sync=\"a\"}", 700.199 },
		{ "flowsync_webhook_events_total{sync=\"a\",result=\"accepted\"}", 1 },
		{ "flowsync_webhook_events_total{sync=\"a\",result=\"refused\"}", 41 } }, 9);
}

static void after_a_reload_there_are_the_series_of_those_that_are_left(void **state)
{
	CLEANUP(metrics_freep) struct metrics *m = metrics_new();
	CLEANUP(reader_done) struct reader r = { 0 };

	metrics_set_syncs(m, (const char *const[]){ "a", "b" }, 2);
	metrics_add_fetch(m, "a", true, 1);
	metrics_add_fetch(m, "b", true, 1);
	metrics_set_syncs(m, (const char *const[]){ "c", "b" }, 2);
	read_metrics(&r, m);
	assert_false(has(&r, "flowsync_git_fetch_fail_total{sync=\"a\"}"));
	assert_values(&r, (const struct wanted[]){
		{ "flowsync_git_requests_total{sync=\"b\",result=\"success\"}", 1 },
		{ "flowsync_git_requests_total{sync=\"c\",result=\"success\"}", 0 } }, 2);
	metrics_set_syncs(m, NULL, 0);
	read_metrics(&r, m);
	assert_int_equal(r.series_count, 1);
}

static void a_name_with_quotes_and_line_breaks_stays_a_label(void **state)
{
	CLEANUP(metrics_freep) struct metrics *m = metrics_new();
	CLEANUP(reader_done) struct reader r = { 0 };

	metrics_add_fetch(m, "a\"\\\n}b", false, 1);
	metrics_add_fetch(m, "a\"\\\n}b", false, 1);
	read_metrics(&r, m);
	assert_true(value_of(&r, "flowsync_git_fetch_fail_total{sync=\"a\\\"\\\\\\n}b\"}") == 2);
}

static void the_process_tells_of_itself(void **state)
{
	CLEANUP(reader_done) struct reader r = { 0 };
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct rlimit files;
	int fds[2];

	metrics_write_process(&text);
	read_all(&r, buf_str(&text));
	double before = value_of(&r, "process_open_fds"), start = value_of(&r, "process_start_time_seconds");
	getrlimit(RLIMIT_NOFILE, &files);
	assert_true(value_of(&r, "process_max_fds") == (double)files.rlim_cur);
	assert_true(value_of(&r, "process_cpu_seconds_total") >= 0);
	assert_true(value_of(&r, "process_resident_memory_bytes") > 1 << 16);
	assert_true(value_of(&r, "process_virtual_memory_bytes") > value_of(&r, "process_resident_memory_bytes"));
	assert_true(start <= (double)time(NULL) + 1 && start > (double)time(NULL) - 86400);

	assert_int_equal(pipe(fds), 0);
	buf_reset(&text);
	metrics_write_process(&text);
	close(fds[0]);
	close(fds[1]);
	reader_done(&r);
	r = (struct reader){ 0 };
	read_all(&r, buf_str(&text));
	assert_true(value_of(&r, "process_open_fds") == before + 2);
	assert_true(value_of(&r, "process_start_time_seconds") == start);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sync_has_its_series_before_anything_happened),
		cmocka_unit_test(a_cycle_is_counted),
		cmocka_unit_test(what_could_not_be_seen_leaves_the_workflows_as_they_were),
		cmocka_unit_test(a_cycle_over_deferred_steps_moves_only_those),
		cmocka_unit_test(a_summary_that_lacks_keys_or_has_others_is_survived),
		cmocka_unit_test(fetches_and_hooks_are_counted),
		cmocka_unit_test(after_a_reload_there_are_the_series_of_those_that_are_left),
		cmocka_unit_test(a_name_with_quotes_and_line_breaks_stays_a_label),
		cmocka_unit_test(the_process_tells_of_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
