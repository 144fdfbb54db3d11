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

/* The words of a section, one line of them; NULL ends them. */
static const char **words(struct arena *a, const char *text)
{
	const char **out = arena_new(a, const char *, strlen(text) + 1);
	char *rest = arena_strdup(a, text);
	size_t count = 0;

	for (char *word; (word = strsep(&rest, " \n")); )
		if (*word)
			out[count++] = word;
	return out;
}

/* @OPTIONS: prune mark no-adopt whole, as the options of sync; @OWNER: a name. */
static struct cycle_options options(struct arena *a, const char *text)
{
	const char *names = section(a, text, "@OPTIONS"), *owner = section(a, text, "@OWNER");
	struct cycle_options o = { .owner = owner ? words(a, owner)[0] : NULL };

	for (const char **w = words(a, names ? names : ""); *w; w++) {
		bool *flag = strcmp(*w, "prune") == 0 ? &o.prune : strcmp(*w, "mark") == 0 ? &o.mark :
		             strcmp(*w, "no-adopt") == 0 ? &o.no_adopt : strcmp(*w, "whole") == 0 ? &o.whole : NULL;
		assert_non_null(flag);
		*flag = true;
	}
	return o;
}

/* @RECORD: the specs that were synced before, onto the same service, by an agent with a state. */
static void sync_before(struct fake *f, struct arena *a, const char *text, struct cycle_options o)
{
	const char *record = section(a, text, "@RECORD");
	struct diagnostics faults = { .arena = a };
	struct report report;

	if (!record)
		return;
	struct specs specs = tree_specs(a, record);
	o.apply = f->memory.on = true;
	fake_cycle(f, a, &specs, &o, &report, &faults);
}

/* @LIVE: what describe shows, as JSON.  Beside a record: what somebody changed since, each laid over the workflow of its id. */
static void set_live(struct fake *f, struct arena *a, const char *text)
{
	struct node *live = tree_json(a, section(a, text, "@LIVE"));

	for (size_t i = 0; i < live->count; i++) {
		const struct node *n = live->entries[i].value;
		struct fake_workflow *w = fake_find(f, node_get_int(n, "id", 0));
		for (size_t j = 0; w && j < n->count; j++)
			node_put(&f->arena, w->shown, arena_strdup(&f->arena, n->entries[j].key),
			         node_copy(&f->arena, n->entries[j].value));
		if (!w)
			fake_add(f, n);
	}
}

/* The law: a cycle that describes only what may have changed reports what one that describes all workflows does. */
static void must_be_known(struct fake *f, struct arena *a, const char *file, const struct specs *specs,
                          struct cycle_options o)
{
	const char *reports[2];

	f->memory.on = true;
	o.observe_all_ms = 3600000;
	for (size_t i = 0; i < f->count; i++)
		fake_touch(f, &f->items[i]);
	for (unsigned i = 0; i < 4; i++) {
		struct diagnostics faults = { .arena = a };
		struct report report;
		f->now += 5000;
		o.observe_all = i == 3;
		fake_cycle(f, a, specs, &o, &report, &faults);
		assert_true(i != 2 || report.verdict.failed || report.by_operation[OP_DESCRIBE] == 0);
		reports[i % 2] = fake_report(a, &report);
	}
	must_be(file, "described", reports[1], reports[0]);
}

static void a_scenario_goes_as_it_is_written(void **state)
{
	const char *file = *state;
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(fake_done) struct fake f = { .dates = true, .stamps = FAKE_STAMP_WRITE };
	const char *text = tree_file(&a, arena_printf(&a, FOLDER "/%s", file));
	const char *spec = section(&a, text, "@SPEC");
	const char *expect = section(&a, text, "@EXPECT"), *sync = section(&a, text, "@SYNC");
	struct cycle_options o = options(&a, text);

	assert_non_null(spec);
	assert_non_null(expect);
	sync_before(&f, &a, text, o);
	set_live(&f, &a, text);
	buf_reset(&f.writes);
	struct specs specs = tree_specs(&a, spec);
	must_be(file, "plan", expect, fake_told(&f, &a, &specs, o));
	assert_string_equal(buf_str(&f.writes), "");
	o.apply = true;
	if (sync)
		must_be(file, "sync", sync, fake_told(&f, &a, &specs, o));
	buf_reset(&f.writes);
	if (sync)	/* the law: nothing is written twice */
		fake_told(&f, &a, &specs, o);
	assert_string_equal(buf_str(&f.writes), "");
	o.apply = true;
	must_be_known(&f, &a, file, &specs, o);
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
