/* spec.h: declared workflows, from the bytes of a file (design section 4). */
#ifndef RECONCILE_PLAN_SPEC_H
#define RECONCILE_PLAN_SPEC_H

#include "reconcile/base/diagnostics.h"
#include "reconcile/tree/node.h"
#include "reconcile/tree/template.h"

struct spec {
	const char *name;		/* body.name; NULL where a partial one lacks it */
	struct pos at;			/* where the document's body begins */
	struct node *body;		/* as declared: keys whose value is null are left out of maps, as the service's own
					 * tool does; numbers in env are text */
	/* the flowsync: block */
	bool prune;			/* true if not given */
	bool suspend;
	const struct node *ignore;	/* a list of JSON Pointers; NULL: none */
	const char *renamed_from;	/* NULL: none */
};

struct specs {
	struct arena *arena;		/* where all of it lives; set by the caller */
	bool partial;			/* set by the caller: they are patches, in which nothing has to stand */
	struct spec *items;		/* in the order of files and documents */
	size_t count, room;
	size_t files;			/* that were read */
};

/* Reads one file: fills in variables, reads YAML, unwraps body: and flowsync:, validates each
 * body.  A document that is empty is passed over; a file without any is a fault.  A spec with a
 * fault is not added.  name is kept.  True if no error was added. */
bool specs_read(struct specs *specs, const struct vars *vars, const char *name,
                const char *bytes, size_t len, struct diagnostics *faults);

/* Adds a fault for each value of body that stands for a masked one, such as "(masked #1)", but for
 * what ignore names (NULL: nothing): it is no value, and is never sent.  True if there is none. */
bool spec_check_masked(const struct node *body, const struct node *ignore, struct diagnostics *faults);

/* What only all files together show: two specs of one name (both places), renamed_from that
 * another spec declares or claims too. True if no error was added. */
bool specs_check(const struct specs *specs, struct diagnostics *faults);

/* The spec of that name; NULL if there is none. */
const struct spec *specs_find(const struct specs *specs, const char *name);

#endif
