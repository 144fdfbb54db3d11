/* daemon.h: the agent's main loop over all syncs of a configuration
 * (design section 8). */
#ifndef AGENT_DAEMON_DAEMON_H
#define AGENT_DAEMON_DAEMON_H

#include "agent/config/context.h"

/* Runs the syncs of ctx->config, which sync_check_all() has accepted, until SIGTERM or SIGINT; then waits for the
 * running cycles.  False if it could not start. */
bool daemon_run(struct context *ctx, struct err *err);

#endif
