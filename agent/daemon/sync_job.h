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
struct sync_job_shared {
	struct context *ctx;		/* of `flowsync agent` */
	struct metrics *metrics;
	const char *const *options;	/* of the command line, handed on to each child; ends with NULL */
	const char *endpoint, *token;	/* of the local service that the agent runs; NULL: it runs none */
	int lock;			/* of the state directory, inherited by children; -1: there is none */
};

struct sync_job;

enum { SYNC_JOB_FDS = 5 };	/* at most, for sync_job_poll_fds() */

/* Makes one of sync number `sync` of config (NULL: of the command line alone); nothing of config
 * is kept.  Its settings were read without a fault before. */
struct sync_job *sync_job_new(struct sync_job_shared *shared, const struct config *config, size_t sync);
void sync_job_free(struct sync_job *s);	/* takes NULL; kills what still runs */

/* The same sync by another configuration; one that was told to stop goes on. */
void sync_job_configure(struct sync_job *s, const struct config *config, size_t sync);

enum sync_job_request { SYNC_JOB_CYCLE /* SIGUSR1 */, SYNC_JOB_HINT /* a webhook */, SYNC_JOB_STOP };

void sync_job_request(struct sync_job *s, enum sync_job_request what);

/* Does what is to be done by now; gives when to come again at the latest, in milliseconds from
 * now, -1: only when one of the descriptors is readable. */
int64_t sync_job_step(struct sync_job *s);

/* Puts what it waits for into fds; gives how many. */
size_t sync_job_poll_fds(const struct sync_job *s, struct pollfd *fds);

const char *sync_job_name(const struct sync_job *s);
const struct settings *sync_job_settings(const struct sync_job *s);
bool sync_job_has_ended(const struct sync_job *s);	/* it was stopped, and nothing runs any more */
bool sync_job_has_run(const struct sync_job *s);	/* a cycle has ended */
bool sync_job_succeeded(const struct sync_job *s);	/* the last one ended with 0 */
bool sync_job_is_blocked(const struct sync_job *s);	/* by a guard: somebody may approve it */
bool sync_job_is_stopping(const struct sync_job *s);	/* was told to stop */
/* True if what is told of it may be other than the last time. */
bool sync_job_status_changed(struct sync_job *s);

/* {name, ready, why, running, report}, in a: why it is not ready, or null; "fetch", "cycle" or null;
 * the last report as it was written, null before the first. */
struct node *sync_job_status(const struct sync_job *s, struct arena *a);

#endif
