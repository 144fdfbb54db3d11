/* cron.h: when a five-field cron expression fires next, in UTC.  Pure: the time is an
 * argument.  Six and seven fields (seconds first, a year last) are another dialect; they
 * are not read here. */
#ifndef AGENT_CRON_H
#define AGENT_CRON_H

#include <stdint.h>

#include "reconcile/base.h"

/* Sets *next to the first minute after `after` (both in seconds since 1970).  False, *next
 * untouched, if text is not a five-field expression or never fires ("0 0 30 2 *"). */
bool cron_next(const char *text, int64_t after, int64_t *next);

#endif
