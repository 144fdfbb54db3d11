/* engine_state.h: what the runs of an engine lean on: the store, the runner, and what the runner has in hand.  For
 * the engine's thread alone. */
#ifndef AGENT_SERVICE_ENGINE_ENGINE_STATE_H
#define AGENT_SERVICE_ENGINE_ENGINE_STATE_H

#include "agent/service/exec/cgroup.h"
#include "agent/service/engine/engine.h"
#include "agent/service/exec/runner_client.h"
#include "agent/service/store/execution_store.h"

/* Something that the runner has: an attempt of a step, or of telling a watcher. */
struct active_attempt {
	uint64_t id;
	struct execution *live;		/* NULL: a watcher is told */
	size_t step;
	const char *cgroup;		/* NULL: none */
	int64_t stored;			/* bytes of its log that are in the store, so far as known */
	struct stored_notification *tell;
	struct arena arena;		/* what this points to */
};

struct engine_state {
	const struct engine_options *options;
	struct store *store;
	struct runner_client *runner;
	struct cgroups *cgroups;	/* NULL: no limits */
	const char *folder;		/* of all attempts */
	int stop_fd;			/* readable: the engine is to end */
	bool full;			/* cron_scheduler.c: crons wait for room, which was told */
	bool stopping;			/* it is to end, and something could not be written because of that */
	bool new_tells;			/* some were written since the engine looked */
	uint64_t last_id;
	struct active_attempt **active;
	size_t active_count, active_room, active_steps;
	struct arena arena;		/* of that array */
};

/* Writes something in one step of the store, and tries until it worked: nothing is done that is not
 * written down.  False if the engine is to end first. */
bool engine_state_commit(struct engine_state *w, bool (*write)(struct engine_state *w, void *what, struct err *err),
                  void *what);
/* Hands an attempt to the runner. */
bool engine_state_begin(struct engine_state *w, struct active_attempt *active, const struct attempt *attempt, struct err *err);
/* Takes the folder of an attempt away; what cannot be is told, and tried again at the next start. */
void engine_state_remove(const struct engine_state *w, const char *folder);
/* What the runner has under that id; NULL: nothing any more. */
struct active_attempt *engine_state_find(const struct engine_state *w, uint64_t id);
/* Frees it. */
void engine_state_forget(struct engine_state *w, struct active_attempt *active);

/* Waits so long.  True if the engine is to end. */
bool engine_state_pause(struct engine_state *w, int ms);

#endif
