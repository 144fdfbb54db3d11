/* report.h: what a cycle found and did: the document of design section 7.
 *
 * The structs are filled by the cycle and the agent; report_tree() makes the document, and every
 * rendering is made from that document, so that a stored report can be shown again. */
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

/* What is done, or is to be done, about one workflow. */
struct plan_step {
	const char *name;
	int64_t id;			/* on the service; 0: not there yet */
	enum action action;
	enum result result;
	enum reason reason;
	struct pos at;			/* of the spec */
	struct diff diff;		/* why: declared against observed, when it was planned */
	struct diff settled, refused;	/* what the service makes of what it is sent, and what it would not take */
	unsigned attempts;		/* sendings of the write */
	int http_status;		/* of the last answer; 0: none */
	const char *note;		/* what is done beside the changes, and why; NULL: nothing */
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
	size_t observed, owned;		/* workflows on the service; those of them that bear our owner's marker */
	struct guards guards;
	unsigned requests, retries;
	unsigned by_operation[OPERATION_COUNT];
	const struct diagnostics *faults;	/* warnings and errors */
};

/* Adds to report->verdict what its steps say. */
void report_judge(struct report *report);

struct node *report_tree(struct arena *a, const struct report *report);

const char *action_word(enum action action);	/* "create" */
const char *result_word(enum result result);	/* "applied" */

#endif
