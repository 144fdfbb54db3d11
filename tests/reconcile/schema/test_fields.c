#include "tests/test.h"
#include "reconcile/schema/fields.h"

#include <string.h>

#include "tests/tree.h"

/* The row that a pointer names, "*" standing for keys of maps and items of lists. */
static const struct field *row(struct arena *a, const char *pointer, unsigned kind)
{
	const struct field *f = &workflow_field;

	for (char *rest = arena_strdup(a, pointer + 1), *key; f && (key = strsep(&rest, "/")); )
		f = field_child(f, key, kind);
	return f;
}

enum { STANDARD = 1, HTTP = 2, EXPORT = 4, SQL = 8 };

static void every_field_of_the_contract_has_its_row(void **state)
{
	static const struct { const char *pointer; enum field_type type; unsigned only, need; const char *otherwise; } rows[] = {
		{ "/name", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/metadata/allowConcurrentExecution", FIELD_BOOL, 0, 0, NULL },
		{ "/tags/*/name", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/triggers/*/cron", FIELD_TEXT, 0, 0, NULL },
		{ "/triggers/*/webhook", FIELD_BOOL, 0, 0, NULL },
		{ "/triggers/*/webhookPolicy", FIELD_TEXT, 0, 0, NULL },
		{ "/watchers/*/user", FIELD_TEXT, 0, 0, NULL },
		{ "/watchers/*/webhook/name", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/watchers/*/webhook/url", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/watchers/*/webhook/payload", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/watchers/*/email/name", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/watchers/*/email/recipients/to/*", FIELD_TEXT, 0, 0, NULL },
		{ "/watchers/*/events/success", FIELD_BOOL, 0, 0, "false" },
		{ "/watchers/*/events/fail", FIELD_BOOL, 0, 0, "false" },
		{ "/watchers/*/events/runtimeExceeded", FIELD_NUMBER, 0, 0, NULL },
		{ "/retryOptions/duration", FIELD_INT, 0, 0, "5" },
		{ "/retryOptions/exitCodes/*", FIELD_INT, 0, 0, NULL },
		{ "/retryOptions/exponentialBackoff", FIELD_BOOL, 0, 0, "false" },
		{ "/retryOptions/numberOfRetries", FIELD_INT, 0, 0, "3" },
		{ "/steps/*/type", FIELD_TEXT, 0, 0, "standard" },
		{ "/steps/*/parents/*", FIELD_TEXT, 0, 0, NULL },
		{ "/steps/*/parameters", FIELD_OBJECT, STANDARD | HTTP | SQL, 0, NULL },
		{ "/steps/*/parameters/env/*", FIELD_TEXT, 0, 0, NULL },
		{ "/steps/*/parameters/inherit/*", FIELD_TEXT, 0, 0, NULL },
		{ "/steps/*/parameters/secrets", FIELD_LIST, STANDARD | HTTP, 0, NULL },
		{ "/steps/*/executionParameters/conditional/*/condition", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/steps/*/executionParameters/conditional/*/paramName", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/steps/*/executionParameters/conditional/*/stepName", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/steps/*/executionParameters/conditional/*/value", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/steps/*/executionParameters/parentStatus/*/condition", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/steps/*/executionParameters/parentStatus/*/parents/*", FIELD_TEXT, 0, 0, NULL },
		{ "/steps/*/executionParameters/parentStatus/*/status/*", FIELD_TEXT, 0, 0, NULL },
		{ "/steps/*/runConfiguration/retryOptions/duration", FIELD_INT, 0, 0, "5" },
		{ "/steps/*/runConfiguration/skipConfiguration/skip", FIELD_BOOL, 0, 0, "false" },
		{ "/steps/*/runConfiguration/skipConfiguration/skipDAG", FIELD_BOOL, 0, 0, "false" },
		{ "/steps/*/imageId", FIELD_INT, STANDARD, STANDARD, NULL },
		{ "/steps/*/imageVersionId", FIELD_INT, STANDARD, 0, NULL },
		{ "/steps/*/command", FIELD_TEXT, STANDARD, STANDARD, NULL },
		{ "/steps/*/resources/instanceTypeId", FIELD_INT, 0, 0, NULL },
		{ "/steps/*/resources/storage", FIELD_TEXT, 0, 0, NULL },
		{ "/steps/*/stepTimeout", FIELD_INT, STANDARD, 0, "0" },
		{ "/steps/*/clearImageCache", FIELD_BOOL, STANDARD, 0, "false" },
		{ "/steps/*/repository", FIELD_OBJECT, STANDARD | SQL, 0, NULL },
		{ "/steps/*/repository/url", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/steps/*/repository/branch", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/steps/*/repository/token", FIELD_TEXT, 0, 0, NULL },
		{ "/steps/*/repository/filePath", FIELD_TEXT, SQL, SQL, NULL },
		{ "/steps/*/sqlQueryPath", FIELD_TEXT, SQL, 0, NULL },
		{ "/steps/*/method", FIELD_TEXT, HTTP, 0, NULL },
		{ "/steps/*/url", FIELD_TEXT, HTTP, HTTP, NULL },
		{ "/steps/*/payload", FIELD_TEXT, HTTP, 0, NULL },
		{ "/steps/*/headers/absolute/*", FIELD_TEXT, 0, 0, NULL },
		{ "/steps/*/headers/secrets/*", FIELD_TEXT, 0, 0, NULL },
		{ "/steps/*/auth/type", FIELD_TEXT, 0, ALL_KINDS, NULL },
		{ "/steps/*/auth/clientId", FIELD_TEXT, 2, 2, NULL },
		{ "/steps/*/auth/clientSecret", FIELD_TEXT, 2, 2, NULL },
		{ "/steps/*/auth/authUrl", FIELD_TEXT, 2, 2, NULL },
		{ "/steps/*/auth/username", FIELD_TEXT, 4, 4, NULL },
		{ "/steps/*/auth/password", FIELD_TEXT, 4, 4, NULL },
		{ "/steps/*/auth/apiKey", FIELD_TEXT, 8, 8, NULL },
		{ "/steps/*/auth/bearerToken", FIELD_TEXT, 16, 16, NULL },
		{ "/steps/*/schema", FIELD_TEXT, EXPORT, EXPORT, NULL },
		{ "/steps/*/table", FIELD_TEXT, EXPORT, EXPORT, NULL },
		{ "/steps/*/sortBy", FIELD_TEXT, EXPORT, EXPORT, NULL },
		{ "/steps/*/sortOrder", FIELD_TEXT, EXPORT, 0, "asc" },
		{ "/steps/*/compression", FIELD_BOOL, EXPORT, 0, "false" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct field *f = row(&a, rows[i].pointer, ALL_KINDS);

		if (!f)
			fail_msg("%s has no row", rows[i].pointer);
		assert_int_equal(f->type, rows[i].type);
		assert_int_equal(f->only, rows[i].only);
		assert_int_equal(f->need, rows[i].need);
		assert_string_equal(f->otherwise ? f->otherwise : "none",
		                    rows[i].otherwise ? rows[i].otherwise : "none");
	}
}

static void what_the_service_fills_in_is_known_as_its_own(void **state)
{
	static const char *const pointers[] = {
		"/id", "/createdAt", "/updatedAt", "/status", "/lastExecution", "/triggers/*/scheduled", "/watchers/*/id",
		"/steps/*/imageName", "/steps/*/imageVersion",
	};
	for (size_t i = 0; i < ARRAY_LEN(pointers); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		assert_true(row(&a, pointers[i], ALL_KINDS)->flags & FIELD_FILLED);
	}
}

static void one_key_may_be_another_field_in_another_kind(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct field *step = row(&a, "/steps/*", ALL_KINDS);

	assert_null(field_child(step, "outputParameters", STANDARD)->fields->words);
	assert_string_equal(field_child(step, "outputParameters", HTTP)->fields->words[0], "response.txt");
	/* None for sql: the row of another kind is given, and tells whose it is. */
	assert_int_equal(field_child(step, "outputParameters", SQL)->only, STANDARD);
	assert_null(field_child(step, "outputParameter", STANDARD));
	assert_null(field_child(NULL, "a", STANDARD));
	assert_null(field_child(&workflow_field, NULL, STANDARD));	/* a list where a map is meant */
	assert_null(field_child(step->fields, "a", STANDARD));
}

static void the_kind_is_told_by_the_word_of_the_variant(void **state)
{
	static const struct { const char *pointer, *value; unsigned kind; } cases[] = {
		{ "/steps/*", "{}", STANDARD }, { "/steps/*", "{\"type\":null}", STANDARD },
		{ "/steps/*", "{\"type\":\"standard\"}", STANDARD }, { "/steps/*", "{\"type\":\"http\"}", HTTP },
		{ "/steps/*", "{\"type\":\"export\"}", EXPORT }, { "/steps/*", "{\"type\":\"sql\"}", SQL },
		{ "/steps/*", "{\"type\":\"HTTP\"}", 0 }, { "/steps/*/auth", "{\"type\":\"bearer-token\"}", 16 },
		{ "/steps/*/resources", "{\"type\":\"http\"}", 128 }, { "/name", "\"x\"", 128 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		assert_int_equal(field_kind(row(&a, cases[i].pointer, ALL_KINDS),
		                            tree_json(&a, cases[i].value), 128),
		                 cases[i].kind);
	}
}

static void kinds_are_told_by_their_words(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(field_kind_words(&a, row(&a, "/steps/*", ALL_KINDS), STANDARD | SQL), "standard, sql");
	assert_string_equal(field_kind_words(&a, row(&a, "/steps/*/auth", ALL_KINDS), 8), "api-key");
	assert_string_equal(field_kind_words(&a, row(&a, "/steps/*", ALL_KINDS), 0), "");
}

static void own_tags_are_told_by_how_they_begin(void **state)
{
	assert_true(field_own_tag("flowsync-default"));
	assert_true(field_own_tag("flowsync-"));
	assert_false(field_own_tag("flowsync"));
	assert_false(field_own_tag("my-flowsync-x"));
	assert_false(field_own_tag("Flowsync-x"));
}

/* Walks the table and asks of each row what all that read it rely on. */
static void check_rows(const struct field *outer)
{
	assert_true(outer->type == FIELD_OBJECT ||
	            (strcmp(outer->fields[0].name, outer->type == FIELD_MAP ? "*" : "[]") == 0 &&
	             !outer->fields[1].name));
	if (outer->variant)
		assert_non_null(field_child(outer, outer->variant, ALL_KINDS)->words);
	for (const struct field *f = outer->fields; f->name; f++) {
		bool inner = f->type == FIELD_OBJECT || f->type == FIELD_MAP || f->type == FIELD_LIST;
		assert_true(!inner || f->fields || (f->flags & FIELD_FILLED));
		assert_true(inner || !f->fields);
		assert_true(!f->otherwise || !inner);
		assert_true(f->least <= f->most);
		assert_true(!(f->flags & FIELD_SET) || f->type == FIELD_LIST);
		assert_true(!(f->flags & FIELD_CLOSED) || f->type == FIELD_MAP);
		assert_true(!f->only || (f->need & f->only) == f->need);
		if (f->fields)
			check_rows(f);
	}
}

static void the_table_is_sound(void **state)
{
	check_rows(&workflow_field);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_the_contract_has_its_row),
		cmocka_unit_test(what_the_service_fills_in_is_known_as_its_own),
		cmocka_unit_test(one_key_may_be_another_field_in_another_kind),
		cmocka_unit_test(the_kind_is_told_by_the_word_of_the_variant),
		cmocka_unit_test(kinds_are_told_by_their_words),
		cmocka_unit_test(own_tags_are_told_by_how_they_begin),
		cmocka_unit_test(the_table_is_sound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
