/* exec_limits.h: what the kernel takes when a program is started, to say in words what does not fit. */
#ifndef AGENT_SERVICE_STEPS_EXEC_LIMITS_H
#define AGENT_SERVICE_STEPS_EXEC_LIMITS_H

#include "agent/service/exec/attempt.h"

/* The most bytes of one word or variable ("NAME=VALUE"). */
size_t exec_limits_text(void);

/* True if the command can be started with env.  If false, *err names what is too long, and the limit. */
bool exec_limits_check(const struct attempt_command *command, const char *const *env, struct err *err);

#endif
