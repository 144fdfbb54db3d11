/* metrics.h: the agent's counters, as Prometheus text (version 0.0.4).
 *
 * The series of a sync exist, with 0, as soon as the sync is named, and are removed with it.  No label has the name of
 * a workflow, so the number of series does not grow with the number of workflows. */
#ifndef AGENT_DAEMON_METRICS_H
#define AGENT_DAEMON_METRICS_H

#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"

#define METRICS_TYPE	"text/plain; version=0.0.4; charset=utf-8"

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);	/* takes NULL */

/* Sets the syncs that have series: new ones start with 0, others are removed.  For the start and after a reload. */
void metrics_set_syncs(struct metrics *m, const char *const *syncs, size_t count);

/* Adds a finished cycle of sync.  summary is as cycle_summary_tree() makes it; a missing key counts as 0.  now_s: seconds
 * since 1970.  The summary of a cycle that could not list the workflows leaves flowsync_objects as it was. */
void metrics_add_cycle(struct metrics *m, const char *sync, const struct node *summary, int64_t now_s);
void metrics_add_fetch(struct metrics *m, const char *sync, bool ok, int64_t duration_ms);
/* Adds calls of its hook. */
void metrics_add_hook_calls(struct metrics *m, const char *sync, bool accepted, unsigned times);

/* Appends all series except those of metrics_write_process(). */
void metrics_write(const struct metrics *m, struct buf *out);
/* Appends the current process_* values of this process; may be called by any thread. */
void metrics_write_process(struct buf *out);

#endif
