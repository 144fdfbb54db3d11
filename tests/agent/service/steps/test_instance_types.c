#include "tests/test.h"

#include "agent/service/steps/instance_types.h"
#include "reconcile/tree/json.h"

static void a_type_is_found_by_its_id(void **state)
{
	static const struct { int64_t id; double cpu; int64_t memory; } cases[] = {
		{ 21, 0.25, 512LL << 20 }, { 22, 0.5, 1LL << 30 }, { 23, 1, 2LL << 30 },
		{ 24, 2, 4LL << 30 }, { 25, 4, 8LL << 30 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct instance_type *t = instance_type_find(cases[i].id);
		assert_non_null(t);
		assert_int_equal(t->id, cases[i].id);
		assert_true(t->cpu == cases[i].cpu);
		assert_int_equal(instance_type_memory(t), cases[i].memory);
		assert_true(t->gpu == 0 && t->gpu_memory_gib == 0);
	}
	assert_non_null(instance_type_find(MACHINE_TYPE_DEFAULT));
}

static void what_no_type_has_is_none(void **state)
{
	static const int64_t ids[] = { 0, -21, 20, 26, INT64_MAX, INT64_MIN, (1LL << 32) + 21 };

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		assert_null(instance_type_find(ids[i]));
}

static void both_answers_are_as_the_service_gives_them(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf all = BUF_TEXT, one = BUF_TEXT;

	json_write(instance_types_reply(&a), JSON_COMPACT, &all);
	assert_string_equal(buf_str(&all),
		"[{\"id\":21,\"cpu\":0.25,\"memory\":0.5,\"gpu\":null,\"gpuMemory\":null},"
		"{\"id\":22,\"cpu\":0.5,\"memory\":1,\"gpu\":null,\"gpuMemory\":null},"
		"{\"id\":23,\"cpu\":1,\"memory\":2,\"gpu\":null,\"gpuMemory\":null},"
		"{\"id\":24,\"cpu\":2,\"memory\":4,\"gpu\":null,\"gpuMemory\":null},"
		"{\"id\":25,\"cpu\":4,\"memory\":8,\"gpu\":null,\"gpuMemory\":null}]");
	json_write(instance_types_default_reply(&a), JSON_COMPACT, &one);
	assert_string_equal(buf_str(&one), "{\"instanceTypeId\":21,\"storage\":\"10GB\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_type_is_found_by_its_id),
		cmocka_unit_test(what_no_type_has_is_none),
		cmocka_unit_test(both_answers_are_as_the_service_gives_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
