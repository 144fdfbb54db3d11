/* sync_job.h: one sync of the agent: its source is watched, its fetches and cycles run in
 * children, and what they reported last is kept.  What to do when is sync_scheduler.h's to decide; here it
 * is done.  One sync knows nothing of another. */
#ifndef AGENT_DAEMON_SYNC_JOB_H
#define AGENT_DAEMON_SYNC_JOB_H

#include <poll.h>

#include "agent/config/context.h"
#include "agent/daemon/metrics.h"

struct config;

/* What all syncs of an agent share. */
struct agent_world {
	struct context *ctx;		/* of `flowsync agent` */
	struct metrics *metrics;
	const char *const *words;	/* the options that a child is given, ends with NULL */
	const char *endpoint, *token;	/* of the local service that the agent runs; NULL: it runs none */
	int lock;			/* of the state directory, inherited by children; -1: there is none */
};

struct agent_sync;

enum { AGENT_SYNC_FDS = 5 };	/* at most, for agent_sync_fds() */

/* Makes one of sync number `sync` of config (NULL: of the command line alone); nothing of config
 * is kept.  Its settings were read without a fault before. */
struct agent_sync *agent_sync_new(struct agent_world *world, const struct config *config, size_t sync);
void agent_sync_free(struct agent_sync *s);	/* takes NULL; kills what still runs */

/* The same sync by another configuration; one that was told to stop goes on. */
void agent_sync_configure(struct agent_sync *s, const struct config *config, size_t sync);

enum agent_ask { ASK_CYCLE /* SIGUSR1 */, ASK_HINT /* a webhook */, ASK_STOP };

void agent_sync_ask(struct agent_sync *s, enum agent_ask what);

/* Does what is to be done by now; gives when to come again at the latest, in milliseconds from
 * now, -1: only when one of the descriptors is readable. */
int64_t agent_sync_step(struct agent_sync *s);

/* Puts what it waits for into fds; gives how many. */
size_t agent_sync_fds(const struct agent_sync *s, struct pollfd *fds);

const char *agent_sync_name(const struct agent_sync *s);
const struct settings *agent_sync_settings(const struct agent_sync *s);
bool agent_sync_over(const struct agent_sync *s);	/* it was stopped, and nothing runs any more */
bool agent_sync_tried(const struct agent_sync *s);	/* a cycle has ended */
bool agent_sync_good(const struct agent_sync *s);	/* the last one ended with 0 */
bool agent_sync_blocked(const struct agent_sync *s);	/* by a guard: somebody may approve it */
bool agent_sync_stopping(const struct agent_sync *s);	/* was told to stop */
/* True if what is told of it may be other than the last time. */
bool agent_sync_changed(struct agent_sync *s);

/* {name, ready, why, running, report}, in a: why it is not ready, or null; "fetch", "cycle" or null;
 * the last report as it was written, null before the first. */
struct node *agent_sync_status(const struct agent_sync *s, struct arena *a);

#endif
