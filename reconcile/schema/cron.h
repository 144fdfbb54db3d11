/* cron.h: reads cron expressions, and computes when one fires next.  Time and zone are arguments.
 *
 * Five fields with lists, ranges, steps and the names of months and days, or @hourly, @daily
 * (@midnight), @weekly, @monthly, @yearly (@annually).  A range may go past the end of its field (22-2, FRI-MON).  "?"
 * is "*" in the two day fields, and in no other: dialects with other places of the fields write it elsewhere.  If
 * neither of the two day fields begins with "*", a day that fits one of them is enough.  @reboot is not a time, and is
 * not read.  White space at both ends does not count.
 *
 * Six fields have seconds first, seven also a year last: another dialect, in which some programs count the
 * days of the week from 0 and some from 1.  Such a cron is read only if it has one meaning for all of them: a single
 * second, days of the week by name, "*" or "?" in one of the two day fields, and "*" as the
 * year.
 *
 * When the clocks change: with an hour field that begins with "*" a local time that occurs twice fires twice, and one
 * that is skipped does not fire.  Otherwise a cron fires once: at the first of two equal local times, and instead of a
 * skipped one at the moment when the clocks are set forward. */
#ifndef RECONCILE_SCHEMA_CRON_H
#define RECONCILE_SCHEMA_CRON_H

#include <stdint.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* Sets *next to the first time after `after` (both in seconds since 1970), up to 40 years later.  offset returns how many
 * seconds local time is ahead of UTC at a time; NULL: UTC.  False, *next untouched, if text is not one
 * of the above or never fires ("0 0 30 2 *"). */
bool cron_next(const char *text, int64_t after, int64_t (*offset)(int64_t utc), int64_t *next);

/* True if text is one of the above and fires at some time.  If false, *err names the field that is wrong, and what was
 * expected there; it does not repeat text. */
bool cron_check(const char *text, struct err *err);

/* True if text has six or seven fields: other services may read more of them than this one. */
bool cron_has_seconds(const char *text);

/* text without the line break at its end, as that of a block scalar, in a. */
const char *cron_trim(struct arena *a, const char *text);

/* The five fields that a name such as "@daily" stands for, in static memory; text itself if it is not such a name. */
const char *cron_expand(const char *text);

#endif
