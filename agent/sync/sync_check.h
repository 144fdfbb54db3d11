/* sync_check.h: checks the settings of syncs before a cycle starts, each alone and all together. */
#ifndef AGENT_SYNC_SYNC_CHECK_H
#define AGENT_SYNC_SYNC_CHECK_H

#include "agent/config/context.h"

/* False, ERR_USAGE, if no cycle can run with these settings. */
bool sync_check_settings(const struct settings *s, struct err *err);

/* The number of syncs; 1 without a configuration or without syncs in it: the options describe that one. */
size_t sync_check_count(const struct config *config);

/* "Two syncs of one configuration with one service and owner are refused (64)" (design, 6): each
 * would delete what the other declares.  A sync whose service is not known is skipped.  For a
 * command about one sync only the configuration counts, not the command line: a plan of one sync against another
 * service does not concern the other syncs. */
bool sync_check_owners(const struct context *ctx, const struct config *config, struct diagnostics *faults);

/* All checks before an agent starts: settings, source and service of each sync, and the owners. */
bool sync_check_all(const struct context *ctx, const struct config *config, struct diagnostics *faults);

#endif
