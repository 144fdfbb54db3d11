/* engine_options.h: how the engine is to work, by the settings of a command. */
#ifndef AGENT_SERVICE_ENGINE_ENGINE_OPTIONS_H
#define AGENT_SERVICE_ENGINE_ENGINE_OPTIONS_H

#include "agent/config/context.h"
#include "agent/service/engine/engine.h"

/* To be called before there are threads: it chooses the zone that crons are meant in, whether an engine
 * is started or not.  database is the file; all else is ctx's.  ERR_USAGE if a setting cannot be. */
bool engine_options_read(struct context *ctx, const char *database, struct engine_options *out, struct err *err);

#endif
