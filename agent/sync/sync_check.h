/* sync_check.h: what makes the syncs of a configuration fit to be run, one by one and side by side. */
#ifndef AGENT_SYNC_SYNC_CHECK_H
#define AGENT_SYNC_SYNC_CHECK_H

#include "agent/config/context.h"

/* False, ERR_USAGE, if a cycle cannot be run with these settings whatever the service says. */
bool sync_check_settings(const struct settings *s, struct err *err);

/* How many there are: one where there is no configuration, or none in it. */
size_t sync_check_count(const struct config *config);

/* "Two syncs of one configuration with one service and owner are refused (64)" (design, 6): each
 * would delete what the other declares.  A sync whose service cannot be told is passed over.  For a
 * command about one of them the configuration alone counts: a preview of it elsewhere is none of the
 * others' business. */
bool sync_check_owners(const struct context *ctx, const struct config *config, struct diagnostics *faults);

/* All that an agent needs to know before it begins, for each sync: settings, source, service, and
 * the owners. */
bool sync_check_all(const struct context *ctx, const struct config *config, struct diagnostics *faults);

#endif
