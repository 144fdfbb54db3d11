#include "reconcile/plan/exit_status.h"

/* The rows of design section 3, in its order: "the first that holds". */
struct row {
	bool (*holds)(const struct exit_status *);
	int code;		/* -1: by the signal */
	enum outcome outcome;
};

static bool usage(const struct exit_status *v) { return v->usage; }
static bool invalid(const struct exit_status *v) { return v->invalid; }
static bool interrupted(const struct exit_status *v) { return v->signal != 0; }
static bool failed(const struct exit_status *v) { return v->failed || (v->step_failed && !v->applied); }
static bool blocked(const struct exit_status *v) { return v->blocked; }
static bool conflict(const struct exit_status *v) { return v->conflict; }
static bool partly(const struct exit_status *v) { return v->step_failed || v->deferred; }
static bool pending(const struct exit_status *v) { return v->pending && v->detailed; }
static bool shown(const struct exit_status *v) { return v->pending; }
static bool applied(const struct exit_status *v) { return v->applied; }
static bool nothing(const struct exit_status *v) { return true; }

static const struct row *row_of(const struct exit_status *v)
{
	static const struct row rows[] = {
		{ usage, 64, OUTCOME_FAILED },
		{ invalid, 65, OUTCOME_INVALID },
		{ interrupted, -1, OUTCOME_INTERRUPTED },
		{ failed, 1, OUTCOME_FAILED },
		{ blocked, 3, OUTCOME_BLOCKED },
		{ conflict, 5, OUTCOME_CONFLICT },
		{ partly, 4, OUTCOME_PARTIAL },
		{ pending, 2, OUTCOME_CHANGES_PENDING },
		{ shown, 0, OUTCOME_CHANGES_PENDING },
		{ applied, 0, OUTCOME_APPLIED },
		{ nothing, 0, OUTCOME_CONVERGED },
	};
	const struct row *row = rows;

	while (!row->holds(v))
		row++;
	return row;
}

int exit_status_code(const struct exit_status *v)
{
	int code = row_of(v)->code;

	return code < 0 ? 128 + v->signal : code;
}

enum outcome exit_status_outcome(const struct exit_status *v)
{
	return row_of(v)->outcome;
}

const char *outcome_word(enum outcome outcome)
{
	static const char *const words[] = {
		"converged", "changes-pending", "applied", "partial", "failed",
		"blocked", "conflict", "invalid", "interrupted",
	};
	return words[outcome];
}

void exit_status_add(struct exit_status *v, const struct err *err)
{
	switch (err->kind) {
	case ERR_FAILED: case ERR_FINAL: v->failed = true; break;
	case ERR_USAGE: v->usage = true; break;
	case ERR_SPEC: v->invalid = true; break;
	case ERR_CONFLICT: v->conflict = true; break;
	case ERR_PARTLY: v->deferred = true; break;
	}
}
