/* settled_differences.h: "no write is ever repeated without reason" (design section 5): what the service
 * makes of a value that it was sent is learnt once, and counts as equal until the spec or that
 * value changes. */
#ifndef RECONCILE_PLAN_SETTLED_DIFFERENCES_H
#define RECONCILE_PLAN_SETTLED_DIFFERENCES_H

#include "reconcile/plan/diff.h"
#include "reconcile/wire/owner_tags.h"
#include "reconcile/plan/applied_record.h"

/* A diff taken apart. */
struct settlement {
	struct diff open;	/* to be written */
	struct diff settled;	/* the service's habit: left alone */
	struct diff refused;	/* the service would not take it: left alone, and told of in every report */
};

/* Takes *diff apart by what is known: the pairs of known (a record's settled list; NULL: none),
 * else the digest of them all that stands on the workflow (marker; NULL: none), which holds for
 * all of diff together or not at all.  Parts share with diff. */
void settled_split(struct arena *a, const struct diff *diff, const struct node *known,
                  const char *marker, struct settlement *out);

/* Judges what describe still shows otherwise after the same body was written twice: refused is
 * what no service writes in another way (a number, a boolean, an enumeration), and what known
 * shows to be kept whatever is sent; the rest is settled. */
void settled_judge(struct arena *a, const struct diff *diff, const struct node *known,
                  struct settlement *out);

/* The list to be remembered: {path, sent, kept, refused} of both parts. */
struct node *settled_list(struct arena *a, const struct settlement *s);

/* "What still differs is the service's habit": our own tags too.  True if the service is known
 * to make shown of such tags as sent, where sent NULL stands for any; settled_tags() adds to a
 * list that it does. */
bool settled_knows_tags(struct arena *a, const struct node *known, const struct owner_tags *sent,
                       const struct owner_tags *shown);
void settled_tags(struct arena *a, struct node *list, const struct owner_tags *sent, const struct owner_tags *shown);

/* S: eight hex digits by which all of diff is known again; NULL for an empty one.  What only a
 * record tells of does not count: whoever has none to go by compares without it. */
const char *settled_digest(struct arena *a, const struct diff *diff);
/* The same for what both settled parts say together. */
const char *settled_digest_of(struct arena *a, const struct settlement *s);

#endif
