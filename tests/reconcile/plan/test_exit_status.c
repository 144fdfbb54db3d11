#include "tests/test.h"
#include "reconcile/plan/exit_status.h"

#include <signal.h>
#include <string.h>

/* The rows of design section 3 in their order, each with all that comes after it. */
static const struct row {
	struct exit_status v;
	int code;
	const char *outcome;
} rows[] = {
	{ { .usage = true }, 64, "failed" },
	{ { .invalid = true }, 65, "invalid" },
	{ { .signal = SIGINT }, 130, "interrupted" },
	{ { .signal = SIGTERM }, 143, "interrupted" },
	{ { .failed = true }, 1, "failed" },
	{ { .step_failed = true }, 1, "failed" },
	{ { .blocked = true }, 3, "blocked" },
	{ { .conflict = true }, 5, "conflict" },
	{ { .step_failed = true, .applied = true }, 4, "partial" },
	{ { .deferred = true }, 4, "partial" },
	{ { .pending = true, .detailed = true }, 2, "changes-pending" },
	{ { .pending = true }, 0, "changes-pending" },
	{ { .applied = true }, 0, "applied" },
	{ { .detailed = true }, 0, "converged" },
	{ { 0 }, 0, "converged" },
};

static void each_row_of_the_table_gives_its_code(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(exit_status_code(&rows[i].v), rows[i].code);
		assert_string_equal(outcome_word(exit_status_outcome(&rows[i].v)), rows[i].outcome);
	}
}

static struct exit_status both(const struct exit_status *x, const struct exit_status *y)
{
	return (struct exit_status){
		.usage = x->usage | y->usage, .invalid = x->invalid | y->invalid,
		.signal = x->signal ? x->signal : y->signal, .failed = x->failed | y->failed,
		.step_failed = x->step_failed | y->step_failed, .deferred = x->deferred | y->deferred,
		.blocked = x->blocked | y->blocked, .conflict = x->conflict | y->conflict,
		.applied = x->applied | y->applied, .pending = x->pending | y->pending,
		.detailed = x->detailed | y->detailed,
	};
}

/* "something failed and nothing was applied" is undone by an applied step, and "pending" made 2 by detailed: these are
 * the only rows that another one changes. */
static bool changes(const struct exit_status *x, const struct exit_status *y)
{
	return (x->step_failed && !x->applied && y->applied) ||
	       (y->step_failed && !y->applied && x->applied) ||
	       (x->pending && !x->detailed && y->detailed) || (y->pending && x->detailed);
}

static void the_first_row_that_holds_counts(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t j = i + 1; j < ARRAY_LEN(rows); j++) {
			struct exit_status v = both(&rows[i].v, &rows[j].v);
			if (!changes(&rows[i].v, &rows[j].v))
				assert_int_equal(exit_status_code(&v), rows[i].code);
		}
	struct exit_status v = { .step_failed = true, .applied = true, .blocked = true, .conflict = true };
	assert_int_equal(exit_status_code(&v), 3);
	v.blocked = false;
	assert_int_equal(exit_status_code(&v), 5);
	v.conflict = false;
	assert_int_equal(exit_status_code(&v), 4);
	v.applied = false;
	assert_int_equal(exit_status_code(&v), 1);
}

static void an_error_that_ends_a_command_gives_its_code(void **state)
{
	static const struct { enum err_kind kind; int code; } kinds[] = {
		{ ERR_FAILED, 1 }, { ERR_USAGE, 64 }, { ERR_SPEC, 65 }, { ERR_CONFLICT, 5 }, { ERR_PARTLY, 4 },
		{ ERR_FINAL, 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct exit_status v = { 0 };

		exit_status_add(&v, &(struct err){ .kind = kinds[i].kind });
		assert_int_equal(exit_status_code(&v), kinds[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_table_gives_its_code),
		cmocka_unit_test(the_first_row_that_holds_counts),
		cmocka_unit_test(an_error_that_ends_a_command_gives_its_code),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
