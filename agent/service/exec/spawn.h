/* spawn.h: one command of an attempt, started. */
#ifndef AGENT_SERVICE_EXEC_SPAWN_H
#define AGENT_SERVICE_EXEC_SPAWN_H

#include <sys/types.h>

#include "agent/service/exec/attempt.h"

/* Starts it in the folder work of the attempt, in a process group of its own.  What it writes to stdout
 * and stderr can be read from *out, without waiting.  It is killed when this process, of which there
 * is one thread, ends.  A program that cannot be run says so there, and ends with 127 or 126 like
 * one that a shell could not run. */
bool spawn_command(const struct attempt *attempt, const struct attempt_command *command,
                   pid_t *pid, int *out, struct err *err);

#endif
