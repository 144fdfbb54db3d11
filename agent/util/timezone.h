/* timezone.h: the time zone that cron expressions are meant in.  libc has one for the whole process, so
 * it is chosen once; until then it is UTC. */
#ifndef AGENT_UTIL_TIMEZONE_H
#define AGENT_UTIL_TIMEZONE_H

#include <stdint.h>

#include "reconcile/base/err.h"

/* Chooses a zone by its name ("Europe/Berlin"; "UTC" needs no file), before there are threads. TZ
 * is set for this process and for those that take over its environment.  False, with nothing changed, if the
 * machine has no such zone. */
bool timezone_use(const char *name, struct err *err);

/* The seconds that the zone's clocks are ahead of UTC at a time in seconds since 1970. */
int64_t timezone_offset(int64_t utc);

#endif
