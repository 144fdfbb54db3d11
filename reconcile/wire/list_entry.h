/* list_entry.h: tells by the entry of a workflow in the list whether the workflow may have changed (design, 6.5). */
#ifndef RECONCILE_WIRE_LIST_ENTRY_H
#define RECONCILE_WIRE_LIST_ENTRY_H

#include "reconcile/tree/node.h"

enum { LIST_ENTRY_DIGEST = 16 };

struct list_entry {
	int64_t updated;	/* updatedAt: microseconds since 1970 by the service's clock; 0: absent, or not a time */
	unsigned char digest[LIST_ENTRY_DIGEST];
};

/* The digest is keyed (DIGEST_KEY_SIZE bytes), because an entry has addresses of webhooks.  Left out are fields that
 * change by themselves: lastExecution, scheduled, and status while it is Available or Running.  The order of keys and of
 * lists does not matter. */
struct list_entry list_entry_read(struct arena *a, const unsigned char *key, const struct node *entry);

/* The time that text says, as "2024-05-31T10:00:00.000Z", with or without a fraction; without a zone it is UTC.  In
 * microseconds since 1970; 0: absent (NULL), not a time, or one before 1970. */
int64_t list_entry_time(const char *text);

#endif
