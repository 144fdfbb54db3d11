/* daemon.h: the daemon: one loop over all syncs of a configuration, until it is told to stop
 * (design section 8). */
#ifndef AGENT_DAEMON_DAEMON_H
#define AGENT_DAEMON_DAEMON_H

#include "agent/config/context.h"

/* Runs the syncs of ctx->config, which sync_check_all() found good, until SIGTERM or SIGINT came and
 * what was under way has ended; false if it could not begin. */
bool daemon_run(struct context *ctx, struct err *err);

#endif
