/* spawn.h: starts one command of an attempt. */
#ifndef AGENT_SERVICE_EXEC_SPAWN_H
#define AGENT_SERVICE_EXEC_SPAWN_H

#include <sys/types.h>

#include "agent/service/exec/attempt.h"

/* Starts the command in the attempt's folder `work`, in its own process group.  Its stdout and stderr can be read from
 * *out, a descriptor that does not block.  It is killed when this process ends, which must have one thread.  If the
 * program cannot be run, *out has the reason and the exit code is 127 or 126, as a shell does it. */
bool spawn_command(const struct attempt *attempt, const struct attempt_command *command,
                   pid_t *pid, int *out, struct err *err);

#endif
