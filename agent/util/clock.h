/* clock.h: all clocks that the program reads, and the one form of times in text: RFC 3339 in UTC. */
#ifndef AGENT_UTIL_CLOCK_H
#define AGENT_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/buf.h"

/* Milliseconds since 1970. */
int64_t clock_now(void);
int64_t clock_of_timespec(const struct timespec *time);

/* Milliseconds and microseconds of CLOCK_MONOTONIC, for deadlines. */
int64_t clock_monotonic(void);
int64_t clock_monotonic_us(void);

/* Milliseconds of a clock that only goes forward, and goes on while the machine sleeps. */
int64_t clock_boottime(void);

/* Milliseconds of processor time that this process has used, without its children. */
int64_t clock_cpu(void);

/* Both: "2026-11-23T04:05:06.789Z" */
void timestamp_add(struct buf *out, int64_t ms);
const char *timestamp_text(struct arena *a, int64_t ms);

/* The time in text, in any form of ISO 8601 that Python's isoformat() and `date -I` or --rfc-3339 write: with a fraction or
 * without, with an offset or without (UTC), or a date alone (midnight).  False for any other text, and for NULL. */
bool timestamp_parse(const char *text, int64_t *ms);
/* How long that is, for people: "0.4s", "12s", "3m12s", "1h0m5s". */
const char *duration_text(struct arena *a, int64_t ms);

#endif
