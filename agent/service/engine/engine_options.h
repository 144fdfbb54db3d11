/* engine_options.h: reads how the engine works from the settings of a command. */
#ifndef AGENT_SERVICE_ENGINE_ENGINE_OPTIONS_H
#define AGENT_SERVICE_ENGINE_ENGINE_OPTIONS_H

#include "agent/config/context.h"
#include "agent/service/engine/engine.h"

/* Fills *out for an engine on the database file; everything else is ctx's, and *out points into it.  It also sets
 * the time zone of crons, for the whole process: call it while there is one thread, whether an engine is started or
 * not.  ERR_USAGE if a setting is wrong. */
bool engine_options_read(struct context *ctx, const char *database, struct engine_options *out, struct err *err);

#endif
