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
	RESULT_UNPLANNED,	/* a saved plan is applied that does not have the step: it is left alone */
};

/* By which a saved plan recognises a step: hex digits of keyed digests of what is declared, of what is on the service,
 * and of what is changed; "": there is nothing of it. */
enum { STEP_DIGEST_TEXT = 65 };
struct step_digests { char declared[STEP_DIGEST_TEXT], observed[STEP_DIGEST_TEXT], changes[STEP_DIGEST_TEXT]; };

/* A list of changes that the report's spill holds, as JSON. */
struct spilled { uint64_t place; size_t len; };		/* len 0: nothing */

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
	/* Where each of these is once report_spill_step() took its changes; it has none itself then. */
	struct spilled diff_spilled, settled_spilled, refused_spilled;
	unsigned attempts;		/* how often the write was sent */
	int http_status;		/* of the last answer; 0: none */
	const char *note;		/* what else is done, and why; NULL: nothing */
	const char *error;		/* one sentence; NULL: none */
	int64_t duration_ms;		/* of applying it */
	struct step_digests *digests;	/* NULL: no plan is saved or applied */
	bool stale;			/* a conflict: it is not as the saved plan says */
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

/* A place outside of memory for the changes of steps that have ended: of thousands of new workflows they are all that the
 * specs declare.  It belongs to the agent. */
struct report_spill {
	/* Keeps bytes, and sets *place to where they are; false: they are not kept. */
	bool (*put)(void *context, const char *bytes, size_t len, uint64_t *place);
	/* Reads them again. */
	bool (*get)(void *context, uint64_t place, size_t len, char *bytes);
	void *context;
};

/* Takes the next bytes of a text; false: it cannot, and the writer stops. */
struct report_output {
	bool (*add)(void *context, const char *bytes, size_t len);
	void *context;
};

struct report {
	const char *mode;		/* "plan", "sync" */
	const char *cycle_id, *sync, *trigger;
	const char *started, *finished;	/* RFC 3339 */
	int64_t duration_ms;
	struct report_source source;
	const char *endpoint, *owner;
	struct { const char *file, *digest, *created; } plan;	/* the saved plan that was applied; file NULL: none */
	bool verbose;			/* list unchanged workflows too */
	struct exit_status verdict;
	struct plan_step *steps;
	size_t step_count;
	size_t observed, owned;		/* workflows on the service; those of them with our owner tag */
	struct guards guards;
	unsigned requests, retries, concurrency;
	int64_t waited_ms;		/* for the answers of all requests together */
	unsigned by_operation[OPERATION_COUNT];
	const struct diagnostics *faults;	/* warnings and errors */
	struct report_spill *spill;	/* NULL: all is held in memory */
};

/* Adds the results of the steps to report->verdict. */
void report_judge(struct report *report);

/* Moves the changes of the step to report->spill.  If there is none, or it cannot keep them, they stay as they are, and
 * the result is false. */
bool report_spill_step(struct report *report, struct plan_step *step);

/* The document, in a; it shares with report.  NULL if changes cannot be read again. */
struct node *report_tree(struct arena *a, const struct report *report);
/* The document without its workflows: each of them has only its action and its result. */
struct node *report_frame(struct arena *a, const struct report *report);

/* Calls each() with the workflows of the document, in its order; what it gets is valid during the call.  False if each()
 * returned false, or if changes cannot be read again. */
bool report_each_workflow(const struct report *report, bool (*each)(void *context, const struct node *workflow),
                          void *context);
/* Writes json_write(report_tree(), JSON_PRETTY) and a newline, with one workflow in memory at a time.  False as above. */
bool report_write(const struct report *report, const struct report_output *out);

const char *action_word(enum action action);	/* "create" */
const char *result_word(enum result result);	/* "applied" */

#endif
