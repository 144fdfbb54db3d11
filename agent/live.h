/* live.h: one run in the hands of the engine, and the attempts of its steps that run.  For engine*.c
 * alone; all of it belongs to the engine's thread. */
#ifndef AGENT_LIVE_H
#define AGENT_LIVE_H

#include "agent/cgroup.h"
#include "agent/engine.h"
#include "agent/runner.h"
#include "agent/runs.h"

/* Something that the runner has: an attempt of a step, or of telling a watcher. */
struct active {
	uint64_t id;
	struct live *live;		/* NULL: a watcher is told */
	size_t step;
	const char *cgroup;		/* NULL: none */
	int64_t stored;			/* bytes of its log that are in the store, so far as known */
	struct stored_tell *tell;
	struct arena arena;		/* what this points to */
};

struct engine_world {
	const struct engine_options *options;
	struct store *store;
	struct runner *runner;
	struct cgroups *cgroups;	/* NULL: no limits */
	const char *folder;		/* of all attempts */
	int stop_fd;			/* readable: the engine is to end */
	bool full;			/* due.c: crons wait for room, which was told */
	bool stopping;			/* it is to end, and something could not be written because of that */
	bool new_tells;			/* some were written since the engine looked */
	uint64_t last_id;
	struct active **active;
	size_t active_count, active_room, active_steps;
	struct arena arena;		/* of that array */
};

struct live {
	struct arena arena;
	struct stored_run run;
	const char *workflow;		/* its name */
	struct flow *flow;
	struct node *reruns;		/* run_state's */
	const char *rerun;		/* this life of it; NULL: it is the first */
	int64_t wake;			/* flow_action's */
	bool waiting;			/* for a place */
	bool over;
	bool same_boot;			/* it was written down since the machine started */
};

/* Writes something in one step of the store, and tries until it worked: nothing is done that is not
 * written down.  False if the engine is to end first. */
bool world_commit(struct engine_world *w, bool (*write)(struct engine_world *w, void *what, struct err *err),
                  void *what);
/* Hands an attempt to the runner. */
bool world_begin(struct engine_world *w, struct active *active, const struct attempt *attempt, struct err *err);
/* Takes the folder of an attempt away; what cannot be is told, and tried again at the next start. */
void world_remove(const struct engine_world *w, const char *folder);
/* What the runner has under that id; NULL: nothing any more. */
struct active *world_find(const struct engine_world *w, uint64_t id);
/* Frees it. */
void world_forget(struct engine_world *w, struct active *active);

/* Takes a run from the store.  NULL if it cannot be read, which is told, and it is Failed then. */
struct live *live_load(struct engine_world *w, const struct stored_run *row);
void live_free(struct live *l);

/* Tells it what happened, writes down how it stands then, and does what is to be done; places: how many
 * of its steps may begin. */
void live_take(struct engine_world *w, struct live *l, const struct flow_event *event, size_t places);
/* Whether an attempt of one of its steps is under way. */
bool live_is_active(const struct live *l);
/* The folder of the step's attempt, in a, if one is under way; else NULL. */
const char *live_folder(struct arena *a, const struct engine_world *w, const struct live *l, size_t step);
/* What became of the steps that were under way when the last engine ended. */
void live_recover(struct engine_world *w, struct live *l);
/* The attempt has ended, or could not be begun (why).  gone: the runner had it, and was killed. */
void live_ended(struct engine_world *w, struct active *active, const char *why, bool gone, size_t places);
/* Stores what the steps that run have printed since. */
void live_logs(struct engine_world *w);

#endif
