/* sync_job.h: one sync of the agent: watches its source, runs its fetches and cycles in child processes and keeps the
 * summary of the last report.  When to do what is decided in sync_scheduler.h.  A sync knows nothing of the others. */
#ifndef AGENT_DAEMON_SYNC_JOB_H
#define AGENT_DAEMON_SYNC_JOB_H

#include <poll.h>

#include "agent/config/context.h"
#include "agent/daemon/status_server.h"

struct config;

/* What all syncs of an agent share. */
struct sync_job_shared {
	struct context *ctx;		/* of `flowsync agent` */
	struct metrics *metrics;
	const char *const *options;	/* of the command line, handed on to each child; ends with NULL */
	const char *endpoint, *token;	/* of the agent's local service; NULL: it runs none */
	int lock;			/* descriptor of the state directory's lock, inherited by children; -1: not taken */
};

struct sync_job;

enum { SYNC_JOB_FDS = 5 };	/* the most that sync_job_poll_fds() gives */

/* A job for sync number `sync` of config (NULL: for the sync that the command line describes); config is copied.  Its
 * settings have passed sync_check_all(). */
struct sync_job *sync_job_new(struct sync_job_shared *shared, const struct config *config, size_t sync);
void sync_job_free(struct sync_job *s);	/* takes NULL; kills what still runs */

/* Gives the same sync new settings; a sync that was asked to stop continues. */
void sync_job_configure(struct sync_job *s, const struct config *config, size_t sync);

enum sync_job_request { SYNC_JOB_CYCLE /* SIGUSR1 */, SYNC_JOB_HINT /* a webhook */, SYNC_JOB_STOP };

void sync_job_request(struct sync_job *s, enum sync_job_request what);

/* Handles what has happened and starts what is due.  Returns after how many milliseconds to call it again at the
 * latest; -1: only when one of the descriptors is readable. */
int64_t sync_job_step(struct sync_job *s);

/* Writes the descriptors that it waits for to fds; returns their number. */
size_t sync_job_poll_fds(const struct sync_job *s, struct pollfd *fds);

const char *sync_job_name(const struct sync_job *s);
const struct settings *sync_job_settings(const struct sync_job *s);
bool sync_job_has_ended(const struct sync_job *s);	/* stopped, and nothing of it runs any longer */
bool sync_job_has_run(const struct sync_job *s);	/* a cycle has ended */
bool sync_job_succeeded(const struct sync_job *s);	/* the last cycle ended with 0 */
bool sync_job_is_blocked(const struct sync_job *s);	/* by a guard, and waits for an approval */
bool sync_job_is_stopping(const struct sync_job *s);	/* asked to stop */
/* True if sync_job_status() may give another answer than at the last call. */
bool sync_job_status_changed(struct sync_job *s);

/* How it is, in a.  why: the reason why it is not ready; running: "fetch" or "cycle"; report_file: of the last report, or
 * NULL; report: the last report without its workflows if it could not be stored, else "null", as before the first. */
struct status_server_sync sync_job_status(const struct sync_job *s, struct arena *a);

#endif
