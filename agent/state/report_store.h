/* report_store.h: the reports of past cycles (design section 7): CYCLE_ID.json each in the folder
 * reports of the state directory, and the newest also as latest.json, which is another name of the same file.
 *
 * At most REPORT_STORE_MAX are kept, and none older than REPORT_STORE_DAYS.  If there are more, reports of cycles that
 * found nothing to do are removed first, the oldest first, then the oldest of all.  If they have more than
 * REPORT_STORE_BYTES together, the oldest are removed.  The newest is always kept; the newest of each sync is removed
 * for its age only.  Files of other names are left alone. */
#ifndef AGENT_STATE_REPORT_STORE_H
#define AGENT_STATE_REPORT_STORE_H

#include "agent/util/file.h"
#include "reconcile/tree/node.h"

enum { REPORT_STORE_MAX = 100, REPORT_STORE_DAYS = 30, REPORT_STORE_BYTES = 256 << 20 };

/* Stores the document of the report called id, of a cycle that ended at now (milliseconds since 1970), as a whole or not
 * at all, and removes reports that are over the limits. */
bool report_store_add(const char *state_dir, const char *id, const struct file_content *document, int64_t now,
                      struct err *err);

/* The file of a stored report, in a. */
const char *report_store_file(struct arena *a, const char *state_dir, const char *id);

/* The name of the sync of the report with that whole id, in a, without reading all of it; NULL: the beginning of the
 * file does not say. */
const char *report_store_sync_name(struct arena *a, const char *state_dir, const char *id);

/* The ids of all that are stored, newest first.  A folder that is not there has none. */
bool report_store_list(struct arena *a, const char *state_dir, const char ***ids, size_t *count, struct err *err);

/* Reads the report with that id, or the one whose id begins so, or "latest".  The content is unchecked:
 * call report_store_check() before rendering. */
bool report_store_read(struct arena *a, const char *state_dir, const char *id, const struct node **out,
                       struct err *err);

/* True if it has the keys of a report that this flowsync would write. */
bool report_store_check(const struct node *report, struct err *err);

#endif
