#include "tests/test.h"
#include "reconcile/plan/sync_estimate.h"

#include "tests/tree.h"

static const char *estimated(struct arena *a, const char *workflows, const char *requests, const char *seconds)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	const struct report_view plan = {
		.frame = tree_json(a, arena_printf(a, "{\"workflows\":[%s],\"requests\":%s,\"duration_s\":%s}", workflows, requests,
		                                   seconds)),
	};
	struct sync_estimate e;

	if (sync_estimate(&plan, &e))
		sync_estimate_add(&e, &out);
	return arena_strdup(a, buf_str(&out));
}

#define W(action, result)	"{\"action\":\"" action "\",\"result\":\"" result "\"}"

static void each_action_has_its_requests(void **state)
{
	static const char requests[] = "{\"total\":10,\"by_operation\":{\"list_workflows\":2},\"waited_s\":1.0,\"concurrency\":2}";
	static const struct { const char *workflows, *said; } cases[] = {
		{ W("none", "unchanged") "," W("none", "conflict"), "" },
		{ W("patch", "failed"), "" },
		{ W("create", "planned"), "A sync sends about 15 requests and takes about a second." },
		{ W("patch", "planned"), "A sync sends about 13 requests and takes about a second." },
		{ W("replace", "planned"), "A sync sends about 13 requests and takes about a second." },
		{ W("delete", "planned"), "A sync sends about 11 requests and takes about a second." },
		{ W("create", "planned") "," W("create", "planned") "," W("delete", "planned"),
		  "A sync sends about 19 requests and takes about a second." },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		assert_string_equal(estimated(&a, cases[i].workflows, requests, "0.5"), cases[i].said);
	}
}

static void the_time_is_that_of_the_plan_and_of_the_requests_by_the_concurrency(void **state)
{
	static const struct { const char *requests, *seconds, *said; } cases[] = {
		/* three requests of a second, one after the other */
		{ "{\"total\":10,\"waited_s\":10.0,\"concurrency\":8}", "4.0", "about 7 seconds." },
		{ "{\"total\":10,\"waited_s\":1000.0,\"concurrency\":8}", "0.0", "about 5 minutes." },
		/* a report of an earlier version does not know how long requests took */
		{ "{\"total\":10}", "2.5", "about 3 seconds." },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		assert_string_equal(estimated(&a, W("patch", "planned"), cases[i].requests, cases[i].seconds),
		                    arena_printf(&a, "A sync sends about 13 requests and takes %s", cases[i].said));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_action_has_its_requests),
		cmocka_unit_test(the_time_is_that_of_the_plan_and_of_the_requests_by_the_concurrency),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
