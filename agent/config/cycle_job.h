/* cycle_job.h: a job for a child of the agent: one cycle of one sync, with the configuration that the agent
 * has read; the file may have changed since. */
#ifndef AGENT_CONFIG_CYCLE_JOB_H
#define AGENT_CONFIG_CYCLE_JOB_H

#include "agent/config/options.h"
#include "reconcile/tree/node.h"

struct cycle_job {
	const char *config_path, *config_text;	/* NULL: there is no configuration file */
	const char *sync;			/* its name */
	const char *trigger;			/* why the cycle begins, for its report */
	const char *endpoint, *token;		/* of the local service that the agent runs; NULL: the settings say */
	const char *commit, *tree, *ref;	/* of a git source, as it was fetched; NULL: never yet */
	const char *source_error;		/* why it could not be fetched this time; NULL: it was */
	struct texts names;			/* only these workflows, which were deferred; empty: all */
	struct texts warnings;			/* of the fetch, for the report */
	struct texts logged;			/* lines of warnings that the last whole cycle logged: not logged again */
	int hurry_fd;				/* shutdown_signals_watch_hurry()'s; not of the document */
};

/* The document for a child's stdin, and back; it holds a token. */
void cycle_job_write(const struct cycle_job *job, struct buf *out);
bool cycle_job_read(struct arena *a, const char *bytes, size_t len, struct cycle_job *out, struct err *err);

#endif
