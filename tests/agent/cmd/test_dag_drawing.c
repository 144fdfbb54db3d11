#include "tests/test.h"
#include "agent/cmd/dag_drawing.h"

#include <string.h>

#include "reconcile/base/buf.h"

/* Each letter of steps is a step; edges are pairs of them. */
static const char *drawn(struct arena *a, const char *steps, const char *edges)
{
	struct dag_edge list[64];
	struct dag_drawing g;
	struct buf text = BUF_TEXT;
	size_t count = 0;

	for (const char *e = edges; *e; e += 2 + (e[2] == ' '))
		list[count++] = (struct dag_edge){ (size_t)(strchr(steps, e[0]) - steps), (size_t)(strchr(steps, e[1]) - steps) };
	bool whole = dag_drawing_make(a, strlen(steps), list, count, &g);
	if (!whole)
		buf_adds(&text, "too wide\n");
	for (size_t i = 0; i < g.count; i++) {
		bool step = g.rows[i].step != DAG_DRAWING_NO_STEP;
		buf_addf(&text, "%s%s%.1s\n", g.rows[i].art, step ? " " : "", step ? steps + g.rows[i].step : "");
	}
	const char *kept = arena_strdup(a, buf_str(&text));
	buf_done(&text);
	return kept;
}

static void steps_are_drawn_in_order_with_a_line_for_each_edge(void **state)
{
	static const struct { const char *steps, *edges, *art; } cases[] = {
		{ "", "", "" },
		{ "a", "", "* a\n" },
		{ "ab", "", "* a\n\n* b\n" },			/* nothing leads from one to the other */
		{ "ab", "ab", "* a\n* b\n" },
		{ "ba", "ab", "* a\n* b\n" },			/* not in the order given */
		{ "abcd", "ab ac bd cd",
		  "* a\n"
		  "+--+\n"
		  "*  | b\n"
		  "|  * c\n"
		  "+--+\n"
		  "* d\n" },
		{ "abc", "ab ac bc",				/* beside another way */
		  "* a\n"
		  "+--+\n"
		  "*  | b\n"
		  "+--+\n"
		  "   * c\n" },
		{ "abc", "ac bc",
		  "* a\n"
		  "|  * b\n"
		  "+--+\n"
		  "* c\n" },
		{ "abcde", "ab ac ad be de",			/* a line passes through another */
		  "* a\n"
		  "+--+--+\n"
		  "*  |  | b\n"
		  "|  *  | c\n"
		  "|     * d\n"
		  "+-----+\n"
		  "* e\n" },
		{ "abcdef", "ae bf cd ce",
		  "* a\n"
		  "|  * b\n"
		  "|  * f\n"
		  "|\n"
		  "|  * c\n"
		  "+--+\n"
		  "*  | e\n"
		  "   * d\n" },
		{ "abc", "ab ab aa bc",				/* twice, and to itself */
		  "* a\n* b\n* c\n" },
		{ "ab", "ab ba", "* a\n* b\n" },		/* a circle */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *art = drawn(&a, cases[i].steps, cases[i].edges);
		if (strcmp(art, cases[i].art) != 0)
			print_message("%s\n%s\n", cases[i].edges, art);
		assert_string_equal(art, cases[i].art);
	}
}

static void what_no_terminal_is_wide_enough_for_has_no_art(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct dag_edge edges[DAG_DRAWING_LANES + 1];
	struct dag_drawing g;

	for (size_t i = 0; i <= DAG_DRAWING_LANES; i++)
		edges[i] = (struct dag_edge){ 0, i + 1 };
	assert_true(dag_drawing_make(&a, DAG_DRAWING_LANES + 1, edges, DAG_DRAWING_LANES, &g));
	assert_int_equal(g.count, DAG_DRAWING_LANES + 2);
	assert_false(dag_drawing_make(&a, DAG_DRAWING_LANES + 2, edges, DAG_DRAWING_LANES + 1, &g));
	assert_int_equal(g.count, DAG_DRAWING_LANES + 2);
	for (size_t i = 0; i < g.count; i++) {
		assert_string_equal(g.rows[i].art, "");
		assert_true(g.rows[i].step >= 0);
	}
}

static void every_step_is_drawn_once_and_after_those_before_it(void **state)
{
	enum { STEPS = 60 };
	unsigned long random = 7;

	for (int round = 0; round < 200; round++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct dag_edge edges[80];
		size_t at[STEPS], seen = 0;
		struct dag_drawing g;

		for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
			size_t x = (random = random * 6364136223846793005UL + 1442695040888963407UL) >> 33;
			size_t y = (random = random * 6364136223846793005UL + 1442695040888963407UL) >> 33;
			x %= STEPS, y %= STEPS;
			edges[i] = (struct dag_edge){ x < y ? x : y, x < y ? y : x };
		}
		dag_drawing_make(&a, STEPS, edges, ARRAY_LEN(edges), &g);
		for (size_t i = 0; i < g.count; i++)
			if (g.rows[i].step != DAG_DRAWING_NO_STEP)
				at[g.rows[i].step] = seen++;
		assert_int_equal(seen, STEPS);
		for (size_t i = 0; i < ARRAY_LEN(edges); i++)
			assert_true(edges[i].from == edges[i].to || at[edges[i].from] < at[edges[i].to]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_drawn_in_order_with_a_line_for_each_edge),
		cmocka_unit_test(what_no_terminal_is_wide_enough_for_has_no_art),
		cmocka_unit_test(every_step_is_drawn_once_and_after_those_before_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
