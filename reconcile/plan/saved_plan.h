/* saved_plan.h: a plan in a file, to be applied later, perhaps on another machine (design, 6.6).
 *
 * The file is one JSON document: what the plan was made for, for each step the digests by which `sync --plan`
 * recognises the step, and the report of the plan.  The digests are keyed with a random key of the plan, which is in
 * the file: without the file values of secrets cannot be tried on them.  A digest over the whole shows that the file was
 * edited by mistake; it is no protection from somebody who can write the file. */
#ifndef RECONCILE_PLAN_SAVED_PLAN_H
#define RECONCILE_PLAN_SAVED_PLAN_H

#include "reconcile/plan/report.h"
#include "reconcile/schema/digest.h"

/* The form of the file; a flowsync that does not know it refuses the file. */
enum { PLAN_VERSION = 1 };

struct saved_step {
	const char *name;
	int64_t id;			/* on the service; 0: not there yet */
	enum action action;
	struct step_digests digests;
};

/* What a plan is made for.  A sync for something else refuses it. */
struct plan_target {
	const char *endpoint;		/* NULL: not known yet */
	const char *owner;
	const struct node *options;	/* a map with those that change what a sync does, and their values */
};

struct saved_plan {
	const char *created;		/* RFC 3339 */
	const char *digest;		/* of the whole file, by which reports name the plan */
	unsigned char key[DIGEST_KEY_SIZE];
	struct plan_target made_for;
	const struct saved_step *steps;	/* sorted by name, no name twice */
	size_t count;
	const struct node *report;	/* of the plan: report_tree(); NULL in a copy of the steps */
};

/* Appends the file of the plan that report tells of: its planned steps, which all have digests under key. */
bool saved_plan_write(const struct report *report, const unsigned char *key, const struct plan_target *made_for,
                      struct buf *out, struct err *err);

/* Reads a file; all of *out lives in a, but the name of the file.  Errors begin with that name and are of kind
 * ERR_USAGE. */
bool saved_plan_read(struct arena *a, const char *file, const char *bytes, size_t len, struct saved_plan *out,
                     struct err *err);

/* A copy in a without the report, which takes most of the memory and is not needed to apply the plan. */
struct saved_plan *saved_plan_copy_steps(struct arena *a, const struct saved_plan *plan);

/* True if the plan was made for this target; an endpoint that is not known yet is not compared. */
bool saved_plan_fits(const struct saved_plan *plan, const struct plan_target *target, struct err *err);

/* The step for the workflow called name; NULL: the plan has none. */
const struct saved_step *saved_plan_find(const struct saved_plan *plan, const char *name);

/* The digest over the whole of a document that has a key: what its "digest" has to be, in a.  For tests. */
const char *saved_plan_digest(struct arena *a, const struct node *document);

#endif
