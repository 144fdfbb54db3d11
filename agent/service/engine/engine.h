/* engine.h: runs the workflows of the local service: takes the runs that were written down (execution_start.h),
 * has their steps run, begins those that are due, tells watchers.  In a thread of its own.
 *
 * One engine at a time works on a file: whoever holds the lock beside it.  Others wait for their turn.
 * It may end at any moment: what it had in hand is in the file and in the folders of attempt.h, and the
 * next one goes on there. */
#ifndef AGENT_SERVICE_ENGINE_ENGINE_H
#define AGENT_SERVICE_ENGINE_ENGINE_H

#include "agent/service/steps/notification.h"
#include "agent/util/log.h"
#include "agent/service/steps/step_command.h"

struct engine;

/* All of it is kept, not copied. */
struct engine_options {
	const char *database;		/* workflow_store.h's: its absolute path, links followed */
	struct log *log;
	bool brief;			/* only what went wrong is logged: another one tells of the runs */
	int jobs;			/* steps at a time */
	bool crons;			/* they begin runs; false: only what somebody asked for is run */
	const char *cgroup;		/* cgroup_open()'s `where`; NULL: no limits */
	struct step_options prepare;
	struct mail_server mail;
};

bool engine_start(const struct engine_options *options, struct engine **out, struct err *err);

/* True if no other process runs the workflows of this file. */
bool engine_is_ours(struct engine *engine);

/* Waits until no run is under way; once stop_fd (-1: none) is readable they are all stopped.  Returns at
 * once if the engine of another process has them. */
void engine_drain(struct engine *engine, int stop_fd);

/* Ends the steps that run: their runs are the next engine's.  Takes NULL. */
void engine_stop(struct engine *engine);

#endif
