#include "tests/test.h"
#include "reconcile/wire/list_entry.h"

#include <string.h>

#include "reconcile/schema/digest.h"
#include "tests/tree.h"

static const unsigned char key[DIGEST_KEY_SIZE] = "key", other_key[DIGEST_KEY_SIZE] = "another";

static void a_time_is_read_to_the_microsecond(void **state)
{
	static const struct { const char *text; int64_t micros; } cases[] = {
		{ "1970-01-01T00:00:01Z", 1000000 }, { "2024-05-31T10:00:00.000Z", 1717149600000000 },
		{ "2024-05-31T10:00:00Z", 1717149600000000 }, { "2024-05-31 10:00:00", 1717149600000000 },
		{ "2024-05-31T10:00:00.5Z", 1717149600500000 }, { "2024-05-31T10:00:00.123456789Z", 1717149600123456 },
		{ "2024-05-31T12:00:00+02:00", 1717149600000000 }, { "2024-05-31T07:30:00-0230", 1717149600000000 },
		{ "2024-02-29T00:00:00Z", 1709164800000000 }, { "2000-03-01T00:00:00Z", 951868800000000 },
		{ "2100-03-01T00:00:00Z", 4107542400000000 }, { "1970-01-01T00:00:00Z", 0 },
		{ "", 0 }, { "2024-05-31", 0 }, { "2024-13-31T10:00:00Z", 0 }, { "2024-05-32T10:00:00Z", 0 },
		{ "2024-05-31T24:00:00Z", 0 }, { "2024-05-31T10:00:00Zx", 0 }, { "2024-05-31T10:00:00+2", 0 },
		{ "2024-05-31T10:00:00x0200", 0 }, { "1717149600", 0 }, { "1969-12-31T23:59:59Z", 0 },
	};

	assert_int_equal(list_entry_time(NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (list_entry_time(cases[i].text) != cases[i].micros)
			fail_msg("%s: %lld", cases[i].text, (long long)list_entry_time(cases[i].text));
}

static const char usual[] =
	"{\"id\": 1, \"name\": \"a\", \"status\": \"Available\", \"updatedAt\": \"2024-05-31T10:00:00Z\", "
	"\"tags\": [{\"name\": \"x\"}, {\"name\": \"y\"}], \"triggers\": [{\"cron\": \"1\", \"scheduled\": \"2\"}]}";

static bool same(const char *json)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct list_entry x = list_entry_read(&a, key, tree_json(&a, usual));
	struct list_entry y = list_entry_read(&a, key, tree_json(&a, json));

	return memcmp(x.digest, y.digest, sizeof x.digest) == 0;
}

static void what_changes_by_itself_is_left_out_and_order_does_not_matter(void **state)
{
	assert_true(same(usual));
	assert_true(same("{\"name\": \"a\", \"id\": 1, \"status\": \"Running\", \"updatedAt\": \"2024-05-31T10:00:00Z\", "
	                 "\"lastExecution\": {\"status\": \"Failed\"}, \"triggers\": [{\"scheduled\": \"3\", \"cron\": \"1\"}], "
	                 "\"tags\": [{\"name\": \"y\"}, {\"name\": \"x\"}]}"));
}

static void every_other_field_counts(void **state)
{
	static const char *const others[] = {
		"{\"id\": 2, \"name\": \"a\", \"status\": \"Available\", \"updatedAt\": \"2024-05-31T10:00:00Z\", "
		"\"tags\": [{\"name\": \"x\"}, {\"name\": \"y\"}], \"triggers\": [{\"cron\": \"1\", \"scheduled\": \"2\"}]}",
		"{\"id\": 1, \"name\": \"a\", \"status\": \"Paused\", \"updatedAt\": \"2024-05-31T10:00:00Z\", "
		"\"tags\": [{\"name\": \"x\"}, {\"name\": \"y\"}], \"triggers\": [{\"cron\": \"1\", \"scheduled\": \"2\"}]}",
		"{\"id\": 1, \"name\": \"a\", \"status\": 1, \"updatedAt\": \"2024-05-31T10:00:00Z\", "
		"\"tags\": [{\"name\": \"x\"}, {\"name\": \"y\"}], \"triggers\": [{\"cron\": \"1\", \"scheduled\": \"2\"}]}",
		"{\"id\": 1, \"name\": \"a\", \"updatedAt\": \"2024-05-31T10:00:00Z\", "
		"\"tags\": [{\"name\": \"x\"}, {\"name\": \"y\"}], \"triggers\": [{\"cron\": \"1\", \"scheduled\": \"2\"}]}",
		"{\"id\": 1, \"name\": \"a\", \"status\": \"Available\", \"updatedAt\": \"2024-05-31T10:00:01Z\", "
		"\"tags\": [{\"name\": \"x\"}, {\"name\": \"y\"}], \"triggers\": [{\"cron\": \"1\", \"scheduled\": \"2\"}]}",
		"{\"id\": 1, \"name\": \"a\", \"status\": \"Available\", \"updatedAt\": \"2024-05-31T10:00:00Z\", "
		"\"tags\": [{\"name\": \"xy\"}, {\"name\": \"\"}], \"triggers\": [{\"cron\": \"1\", \"scheduled\": \"2\"}]}",
		"{\"id\": 1, \"name\": \"a\", \"status\": \"Available\", \"updatedAt\": \"2024-05-31T10:00:00Z\", "
		"\"tags\": [{\"name\": \"x\"}, {\"name\": \"y\"}], \"triggers\": [{\"cron\": 1, \"scheduled\": \"2\"}]}",
		"{\"id\": 1, \"name\": \"a\", \"status\": \"Available\", \"updatedAt\": \"2024-05-31T10:00:00Z\", "
		"\"tags\": [{\"name\": \"x\"}, {\"name\": \"y\"}], \"triggers\": [{\"cron\": \"1\"}, {}]}",
		"{\"id\": 1, \"name\": \"a\", \"status\": \"Available\", \"updatedAt\": \"2024-05-31T10:00:00Z\", \"new\": null, "
		"\"tags\": [{\"name\": \"x\"}, {\"name\": \"y\"}], \"triggers\": [{\"cron\": \"1\", \"scheduled\": \"2\"}]}",
	};

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (same(others[i]))
			fail_msg("%s", others[i]);
}

static void the_digest_is_keyed(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct list_entry x = list_entry_read(&a, key, tree_json(&a, usual));
	struct list_entry y = list_entry_read(&a, other_key, tree_json(&a, usual));

	assert_memory_not_equal(x.digest, y.digest, sizeof x.digest);
	assert_int_equal(x.updated, 1717149600000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_read_to_the_microsecond),
		cmocka_unit_test(what_changes_by_itself_is_left_out_and_order_does_not_matter),
		cmocka_unit_test(every_other_field_counts),
		cmocka_unit_test(the_digest_is_keyed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
