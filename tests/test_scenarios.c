/* Runs tests/scenarios/: specs, what the service shows, and what plan and sync say. */
#include "tests/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake_service.h"
#include "tests/tree.h"

#define FOLDER	"tests/scenarios"

/* The text between the line "@NAME" and the next line that begins with "@"; NULL: there is none. */
static const char *section(struct arena *a, const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *s = text; s; s = strstr(s, "\n@")) {
		s += *s == '\n';
		if (strncmp(s, name, len) != 0 || s[len] != '\n')
			continue;
		s += len + 1;
		const char *end = *s == '@' ? s : strstr(s, "\n@");
		return end ? arena_strndup(a, s, (size_t)(end - s) + (*s != '@')) : s;
	}
	return NULL;
}

static void must_be(const char *file, const char *part, const char *expected, const char *got)
{
	if (strcmp(expected, got) == 0)
		return;
	fail_msg("%s, %s\n---- expected\n%s---- got\n%s----", file, part, expected, got);
}

static void a_scenario_goes_as_it_is_written(void **state)
{
	const char *file = *state;
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fake_done) struct fake f = { 0 };
	const char *text = tree_file(&a, arena_printf(&a, FOLDER "/%s", file));
	const char *live = section(&a, text, "@LIVE"), *spec = section(&a, text, "@SPEC");
	const char *expect = section(&a, text, "@EXPECT"), *sync = section(&a, text, "@SYNC");

	assert_non_null(spec);
	assert_non_null(live);
	assert_non_null(expect);
	struct specs specs = tree_specs(&a, spec);
	struct node *workflows = tree_json(&a, live);
	for (size_t i = 0; i < workflows->count; i++)
		fake_add(&f, workflows->entries[i].value);
	must_be(file, "plan", expect, fake_plan(&f, &a, &specs));
	assert_string_equal(buf_str(&f.writes), "");
	if (sync)
		must_be(file, "sync", sync, fake_sync(&f, &a, &specs));
	buf_reset(&f.writes);
	if (sync)	/* the law: nothing is written twice */
		fake_sync(&f, &a, &specs);
	assert_string_equal(buf_str(&f.writes), "");
}

static int is_scenario(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0;
}

int main(void)
{
	struct dirent **files;
	int count = scandir(FOLDER, &files, is_scenario, alphasort);

	if (count < 1) {
		fputs("no scenarios: the tests run in the project's folder\n", stderr);
		return 1;
	}
	struct CMUnitTest *tests = calloc((size_t)count, sizeof *tests);
	for (int i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){ files[i]->d_name, a_scenario_goes_as_it_is_written, NULL,
		                                NULL, files[i]->d_name };
	int failed = _cmocka_run_group_tests("scenarios", tests, (size_t)count, NULL, NULL);
	for (int i = 0; i < count; i++)
		free(files[i]);
	free(files);
	free(tests);
	return failed;
}
