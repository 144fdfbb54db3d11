/* metrics.h: what the agent counts, as Prometheus text (version 0.0.4).
 *
 * A sync's series are there, with 0, from when it is named first, and go with it; no label holds
 * a workflow's name, so their number does not grow with what is managed. */
#ifndef AGENT_DAEMON_METRICS_H
#define AGENT_DAEMON_METRICS_H

#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"

#define METRICS_TYPE	"text/plain; version=0.0.4; charset=utf-8"

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);	/* takes NULL */

/* From now on there are series of these syncs, with 0 for those that are new, and of no other.
 * For the start and after a reload. */
void metrics_set_syncs(struct metrics *m, const char *const *syncs, size_t count);

/* A cycle of sync ended; report is as report_tree() makes it, and a key that is not there counts
 * as 0.  now_s: seconds since 1970.  A report that could not see the workflows leaves
 * flowsync_objects as it was. */
void metrics_add_cycle(struct metrics *m, const char *sync, const struct node *report, int64_t now_s);
void metrics_add_fetch(struct metrics *m, const char *sync, bool ok, int64_t duration_ms);
/* Its hook was called so many times. */
void metrics_add_hook_calls(struct metrics *m, const char *sync, bool accepted, unsigned times);

/* Appends all of it but the process's own. */
void metrics_write(const struct metrics *m, struct buf *out);
/* Appends process_* of this process as they are now; callable from any thread. */
void metrics_write_process(struct buf *out);

#endif
