#include "reconcile/plan/exit_status.h"

/* A row of the table of exit codes; the first one that holds counts. */
struct row {
	bool (*holds)(const struct exit_status *);
	int code;		/* -1: by the signal */
	enum outcome outcome;
};

static bool is_usage(const struct exit_status *v) { return v->usage; }
static bool is_invalid(const struct exit_status *v) { return v->invalid; }
static bool is_interrupted(const struct exit_status *v) { return v->signal != 0; }
static bool is_failed(const struct exit_status *v) { return v->failed || (v->step_failed && !v->applied); }
static bool is_blocked(const struct exit_status *v) { return v->blocked; }
static bool is_conflict(const struct exit_status *v) { return v->conflict; }
static bool is_partly(const struct exit_status *v) { return v->step_failed || v->deferred; }
static bool is_pending(const struct exit_status *v) { return v->pending && v->detailed; }
static bool is_preview(const struct exit_status *v) { return v->pending; }
static bool is_applied(const struct exit_status *v) { return v->applied; }
static bool is_nothing(const struct exit_status *v) { return true; }

static const struct row *row_of(const struct exit_status *v)
{
	static const struct row rows[] = {
		{ is_usage, 64, OUTCOME_FAILED },
		{ is_invalid, 65, OUTCOME_INVALID },
		{ is_interrupted, -1, OUTCOME_INTERRUPTED },
		{ is_failed, 1, OUTCOME_FAILED },
		{ is_blocked, 3, OUTCOME_BLOCKED },
		{ is_conflict, 5, OUTCOME_CONFLICT },
		{ is_partly, 4, OUTCOME_PARTIAL },
		{ is_pending, 2, OUTCOME_CHANGES_PENDING },
		{ is_preview, 0, OUTCOME_CHANGES_PENDING },
		{ is_applied, 0, OUTCOME_APPLIED },
		{ is_nothing, 0, OUTCOME_CONVERGED },
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
	case ERR_FAILED: case ERR_DAMAGED: case ERR_FULL: case ERR_FINAL: v->failed = true; break;
	case ERR_USAGE: v->usage = true; break;
	case ERR_SPEC: v->invalid = true; break;
	case ERR_CONFLICT: v->conflict = true; break;
	case ERR_PARTLY: v->deferred = true; break;
	}
}
