/* applied_record.h: what is remembered of the last apply of one workflow (design section 5, "The
 * record").
 *
 * It comes from the agent's state and goes there again; the core only reads and makes it.
 * Bodies are sealed (reconcile/digest.h): where a masked value stood there is a keyed digest of
 * it. */
#ifndef RECONCILE_PLAN_APPLIED_RECORD_H
#define RECONCILE_PLAN_APPLIED_RECORD_H

#include "reconcile/tree/node.h"

struct applied_record {
	const char *name;		/* of the workflow; the key among the records of one endpoint and owner */
	int64_t id;			/* on the service */
	const char *digest;		/* of the declared body, as it stands in the marker: a sign and eight hex digits */
	const struct node *body;	/* as declared at the last apply, canonical and sealed; NULL: not known */
	const struct node *settled;	/* a list of {path, sent, kept, refused}: what the service makes of what it is sent, values
					 * sealed; NULL: none */
	bool paused;			/* it was paused before an update that has not been seen to its end */
};

struct applied_records {
	struct applied_record *items;		/* sorted by name */
	size_t count, room;
};

/* The record of that name; NULL if there is none. */
const struct applied_record *applied_records_find(const struct applied_records *records, const char *name);

/* Puts what old has at path, a JSON Pointer through maps, into body: a key that was taken out of
 * the spec and that the service keeps all the same, or nothing would tell of it any more. */
void applied_record_retain(struct arena *a, struct node *body, const struct node *old, const char *path);

#endif
