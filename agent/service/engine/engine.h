/* engine.h: executes the workflows of the local service, in a thread of its own: takes the executions that were
 * written into the database (execution_start.h), has their steps run by the runner process, starts the executions
 * of crons, sends notifications.
 *
 * Of all engines that are started on a database only one works at a time: the one that has the lock beside the
 * file; the others wait for the lock.  The engine may be killed at any moment: everything is in the database and in
 * the directories of attempts (attempt.h), and the next engine continues from there. */
#ifndef AGENT_SERVICE_ENGINE_ENGINE_H
#define AGENT_SERVICE_ENGINE_ENGINE_H

#include "agent/service/steps/notification.h"
#include "agent/util/log.h"
#include "agent/service/steps/step_command.h"

struct engine;

struct engine_options {
	const char *database;		/* of workflow_store.h: absolute path, links resolved */
	struct log *log;
	bool brief;			/* logs only what goes wrong: the caller reports its execution itself */
	int jobs;			/* steps at a time */
	bool crons;			/* crons start executions; false: only requests do */
	const char *cgroup;		/* cgroup_open()'s `where`; NULL: steps have no limits */
	struct step_options steps;
	struct mail_server mail;
};

/* Starts the thread.  What options points to has to stay valid until engine_stop(). */
bool engine_start(const struct engine_options *options, struct engine **out, struct err *err);

/* Whether this engine is the one that executes the workflows of the database.  Waits for the first try to get the
 * lock. */
bool engine_has_lock(struct engine *engine);

/* Waits until no execution is in progress; as soon as stop_fd (-1: none) is readable, stops them all.  Returns at
 * once if the engine of another process has the lock. */
void engine_drain(struct engine *engine, int stop_fd);

/* Kills the steps that run, waits for the thread, and frees the engine; the next engine continues the executions.
 * Takes NULL. */
void engine_stop(struct engine *engine);

#endif
