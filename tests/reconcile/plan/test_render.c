/* Renderings of the reports in renderings/, compared with the files beside them. */
#include "tests/test.h"
#include "reconcile/plan/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/base/utf8.h"
#include "tests/tree.h"

#define FOLDER	"tests/reconcile/plan/renderings/"

static const char *rendered(struct arena *a, const char *report, const struct render_options *options)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	const char *yaml = tree_file(a, arena_printf(a, FOLDER "%s", report));

	render_document(tree_yaml(a, yaml), options, &out);
	return arena_strdup(a, buf_str(&out));
}

/* As it is in the file. */
static void must_be_file(const char *file, const char *expected, const char *got)
{
	if (strcmp(expected, got) == 0)
		return;
	fail_msg("%s%s\n---- got\n%s----", FOLDER, file, got);
}

/* The clocks of Europe/Berlin go forward on 2026-03-29 at 01:00 UTC. */
static int64_t berlin(int64_t utc)
{
	return utc < 1774746000 ? 3600 : 7200;
}

/* Noon of 2026-03-27. */
#define CLOCK	.clock = { 1774612800, "Europe/Berlin", berlin }

static const struct { const char *report, *file; struct render_options options; } forms[] = {
	{ "changes.yaml", "changes.80.txt", { .width = 80, CLOCK } },
	{ "changes.yaml", "changes.120.txt", { .width = 120, CLOCK } },
	{ "changes.yaml", "changes.log.txt", { .clock = { .now = 1774612800 } } },
	{ "changes.yaml", "changes.md", { RENDER_MARKDOWN, CLOCK } },
	{ "changes.yaml", "changes.junit.xml", { RENDER_JUNIT, CLOCK } },
	{ "groups.yaml", "groups.md", { RENDER_MARKDOWN } },
	{ "groups.yaml", "groups.80.txt", { .width = 80 } },
	{ "groups.yaml", "groups.verbose.txt", { .width = 80, .verbose = true } },
};

static void each_form_is_as_in_its_file(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		must_be_file(forms[i].file, tree_file(&a, arena_printf(&a, FOLDER "%s", forms[i].file)),
		             rendered(&a, forms[i].report, &forms[i].options));
	}
}

static size_t columns_of(const char *line)
{
	size_t columns = 0;

	for (size_t len; *line && *line != '\n'; line += len, columns++)
		len = utf8_length(line, SIZE_MAX);
	return columns;
}

static void text_fits_the_terminal(void **state)
{
	for (size_t width = 20; width <= 200; width += 9) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *text = rendered(&a, "changes.yaml", &(struct render_options){ .width = width });
		for (const char *line = text; *line; line = strchr(line, '\n') + 1)
			if (columns_of(line) > width)
				fail_msg("wider than %zu: %.*s", width, (int)strcspn(line, "\n"), line);
	}
}

/* The text without its escape sequences. */
static const char *without_colour(struct arena *a, const char *text)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	while (*text) {
		if (*text == '\x1b')
			text += strcspn(text, "m") + 1;
		else
			buf_addc(&out, *text++);
	}
	return arena_strdup(a, buf_str(&out));
}

static void colour_changes_nothing_but_colours(void **state)
{
	for (size_t width = 0; width <= 120; width += 40) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct render_options plain = { .width = width }, colour = { .width = width, .colour = true };
		const char *text = rendered(&a, "changes.yaml", &colour);
		assert_non_null(strstr(text, "\x1b[32m"));
		assert_string_equal(without_colour(&a, text), rendered(&a, "changes.yaml", &plain));
	}
}

/* A report with `count` new workflows of `lines` lines each. */
static const char *markdown_of_many(struct arena *a, size_t count, size_t lines)
{
	CLEANUP(buf_done) struct buf yaml = BUF_TEXT, out = BUF_TEXT;

	buf_adds(&yaml, "mode: plan\noutcome: changes-pending\nwarnings: []\nerrors: []\nworkflows:\n");
	for (size_t i = 0; i < count; i++) {
		buf_addf(&yaml, "  - name: workflow-%zu\n    action: create\n    result: planned\n    changes:\n"
		         "    - {op: add, path: /steps/s, from: null, reason: declared, to: {command: \"", i);
		for (size_t line = 0; line < lines; line++)
			buf_addf(&yaml, "echo \xc3\xa4 %zu\\n", line);
		buf_adds(&yaml, "\"}}\n");
	}
	render_document(tree_yaml(a, buf_str(&yaml)), &(struct render_options){ RENDER_MARKDOWN }, &out);
	return arena_strdup(a, buf_str(&out));
}

static size_t count_of(const char *text, const char *word)
{
	size_t count = 0;

	while ((text = strstr(text, word))) {
		text += strlen(word);
		count++;
	}
	return count;
}

static size_t characters_of(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static void a_comment_is_cut_and_says_what_is_left_out(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *text = markdown_of_many(&a, 1000, 20);

	assert_true(characters_of(text) <= 60000 && characters_of(text) > 58000);
	assert_int_equal(count_of(text, "<details>"), count_of(text, "</details>"));
	assert_int_equal(count_of(text, "\n```"), 2 * count_of(text, "<details>"));
	size_t rows = count_of(text, "\n| create |");
	assert_true(characters_of(text) - rows > 20000);
	assert_non_null(strstr(text, arena_printf(&a, "\n%zu more rows are left out.\n", 1000 - rows)));
	assert_non_null(strstr(text, arena_printf(&a, "\nThe details of %zu workflows are left out, as this comment may have "
		"60000 characters.\n", 1000 - count_of(text, "<details>"))));
	/* nothing is said where nothing is left out */
	assert_null(strstr(markdown_of_many(&a, 10, 20), "left out"));
}

/* A sentence of 400 bytes, whose end says what to do. */
static void messages_are_whole_and_counted(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	struct node *report = tree_yaml(&a, tree_file(&a, FOLDER "changes.yaml"));
	struct node *list = (struct node *)node_get(report, "warnings");

	for (size_t i = list->count; i < 100; i++) {
		struct node *w = node_add(&a, list, node_map(&a));
		node_put(&a, w, "message", node_text(&a, arena_printf(&a, "%0400zu: do this", i)));
		node_put(&a, w, "file", node_text(&a, "specs"));
	}
	render_document(report, &(struct render_options){ RENDER_MARKDOWN }, &out);
	assert_int_equal(count_of(buf_str(&out), ": do this`\n"), 19);
	assert_non_null(strstr(buf_str(&out), "\n- `specs` `000"));
	assert_non_null(strstr(buf_str(&out), "\n- 80 more, which the log shows\n"));
}

static void the_changes_of_one_workflow_do_not_fill_a_comment(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *text = markdown_of_many(&a, 2, 2000);

	assert_int_equal(count_of(text, "more lines)\n```\n\n</details>"), 2);
	assert_true(characters_of(text) < 40000);
	assert_non_null(strstr(text, "`flowsync plan` shows everything that is left out here"));
}

/* With REGENERATE_RENDERINGS set the files are written instead of compared: look at the difference before it is kept. */
static void write_forms(void)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		FILE *f = fopen(arena_printf(&a, FOLDER "%s", forms[i].file), "w");
		assert_non_null(f);
		fputs(rendered(&a, forms[i].report, &forms[i].options), f);
		fclose(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_as_in_its_file),
		cmocka_unit_test(text_fits_the_terminal),
		cmocka_unit_test(colour_changes_nothing_but_colours),
		cmocka_unit_test(a_comment_is_cut_and_says_what_is_left_out),
		cmocka_unit_test(messages_are_whole_and_counted),
		cmocka_unit_test(the_changes_of_one_workflow_do_not_fill_a_comment),
	};
	if (getenv("REGENERATE_RENDERINGS"))
		write_forms();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
