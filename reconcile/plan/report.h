/* report.h: the report of a cycle: what it found and what it did (design, 7).
 *
 * The cycle and the agent fill the structs; report_tree() makes the document.  Every
 * rendering is made from the document, so that a stored report can be shown again. */
#ifndef RECONCILE_PLAN_REPORT_H
#define RECONCILE_PLAN_REPORT_H

#include "reconcile/base/buf.h"
#include "reconcile/plan/diff.h"
#include "reconcile/base/diagnostics.h"
#include "reconcile/plan/guard.h"
#include "reconcile/wire/request.h"
#include "reconcile/plan/exit_status.h"

enum action { ACTION_NONE, ACTION_CREATE, ACTION_PATCH, ACTION_REPLACE, ACTION_DELETE };

enum result {
	RESULT_PLANNED, RESULT_APPLIED, RESULT_UNCHANGED, RESULT_FAILED, RESULT_REFUSED,
	RESULT_DEFERRED, RESULT_BLOCKED, RESULT_CONFLICT, RESULT_SUSPENDED,
};

/* One step of a plan: what is to be done, or was done, about one workflow. */
struct plan_step {
	const char *name;
	int64_t id;			/* on the service; 0: not there yet */
	enum action action;
	enum result result;
	enum reason reason;
	struct pos at;			/* of the spec */
	struct diff diff;		/* the changes, as planned */
	struct diff settled, refused;	/* differences that the service makes; values that it does not accept */
	unsigned attempts;		/* how often the write was sent */
	int http_status;		/* of the last answer; 0: none */
	const char *note;		/* what else is done, and why; NULL: nothing */
	const char *error;		/* one sentence; NULL: none */
	int64_t duration_ms;		/* of applying it */
};

struct report_source {
	const char *kind;		/* "directory", "git" */
	const char *location;
	const char *revision, *tree;	/* of git; NULL: none */
	const char *path;		/* in the repository; NULL: the top, or a directory */
	size_t specs, files;
};

/* The form of the reports and of all other documents that flowsync prints; a new key does not change it. */
enum { REPORT_VERSION = 1 };

struct report {
	const char *mode;		/* "plan", "sync" */
	const char *cycle_id, *sync, *trigger;
	const char *started, *finished;	/* RFC 3339 */
	int64_t duration_ms;
	struct report_source source;
	const char *endpoint, *owner;
	bool verbose;			/* list unchanged workflows too */
	struct exit_status verdict;
	struct plan_step *steps;
	size_t step_count;
	size_t observed, owned;		/* workflows on the service; those of them with our owner tag */
	struct guards guards;
	unsigned requests, retries;
	unsigned by_operation[OPERATION_COUNT];
	const struct diagnostics *faults;	/* warnings and errors */
};

/* Adds the results of the steps to report->verdict. */
void report_judge(struct report *report);

/* The document, in a; it shares with report. */
struct node *report_tree(struct arena *a, const struct report *report);

const char *action_word(enum action action);	/* "create" */
const char *result_word(enum result result);	/* "applied" */

#endif
