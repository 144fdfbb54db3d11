/* settled_differences.h: differences that the service makes by itself, such as "10 GB" for "10GB" (design, 5.4).  They
 * are learned once, and count as equal until the spec or the service's value changes, so that no write is repeated
 * without reason.  Results live in a and share with their input. */
#ifndef RECONCILE_PLAN_SETTLED_DIFFERENCES_H
#define RECONCILE_PLAN_SETTLED_DIFFERENCES_H

#include "reconcile/plan/diff.h"
#include "reconcile/wire/owner_tags.h"
#include "reconcile/plan/applied_record.h"

/* A diff in three parts. */
struct settlement {
	struct diff open;	/* to be written */
	struct diff settled;	/* made by the service: not written again */
	struct diff refused;	/* not accepted by the service: not written again, and shown in every report */
};

/* Splits *diff by the pairs in known (the settled list of a record; NULL: none), or, without known, by the digest in the
 * workflow's tag flowsync-settled (tag; NULL: none), which fits the whole diff or nothing of it. */
void settled_split(struct arena *a, const struct diff *diff, const struct node *known,
                   const char *tag, struct settlement *out);

/* Splits the differences that remain after the same body was written twice.  Refused: a strict change (a number, a
 * boolean, an enumeration), and one whose kept value is also known from another sent value; the rest is settled. */
void settled_judge(struct arena *a, const struct diff *diff, const struct node *known,
                  struct settlement *out);

/* The list for the record: {path, sent, kept, refused} for each difference of both parts, values as digests. */
struct node *settled_list(struct arena *a, const struct settlement *s);

/* The same for flowsync's own tags.  True if the service is known to show `shown` after `sent` (NULL: any tags) was
 * written; settled_tags() adds that to a list. */
bool settled_knows_tags(struct arena *a, const struct node *known, const struct owner_tags *sent,
                       const struct owner_tags *shown);
void settled_tags(struct arena *a, struct node *list, const struct owner_tags *sent, const struct owner_tags *shown);

/* S of the owner tags: eight hex digits that identify all of diff; NULL if it is empty.  Changes that follow from a
 * record are left out, because S is for comparisons without one. */
const char *settled_digest(struct arena *a, const struct diff *diff);
/* The same for both settled and refused differences. */
const char *settled_digest_of(struct arena *a, const struct settlement *s);

#endif
