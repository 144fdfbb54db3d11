/* cron.h: when a cron expression fires next.  Pure: time and zone are arguments.
 *
 * Five fields with lists, ranges, steps and the names of months and days, or @hourly, @daily
 * (@midnight), @weekly, @monthly, @yearly (@annually).  If neither of the two day fields begins
 * with "*", either will do.  @reboot is no time, and not read here.
 *
 * Six fields have seconds first, seven a year last, too: another dialect, of which some count the
 * days of the week from 0 and some from 1.  They are read where there is but one meaning: one
 * second, days of the week by their names, one of the two day fields "*" or "?", and "*" as the
 * year.
 *
 * When the clocks change: an hour field that begins with "*" follows the clock on the wall, so a
 * local time that comes twice fires twice and one that never comes does not fire.  Otherwise it
 * fires once: the first time of two, and in place of what never comes at the moment when the
 * clocks go on past it. */
#ifndef RECONCILE_SCHEMA_CRON_H
#define RECONCILE_SCHEMA_CRON_H

#include <stdint.h>

#include "reconcile/base/err.h"

/* Sets *next to the first time after `after` (both in seconds since 1970).  offset gives the
 * seconds that local time is ahead of UTC at a time; NULL: UTC.  False, *next untouched, if text is none
 * of the above or never fires ("0 0 30 2 *"). */
bool cron_next(const char *text, int64_t after, int64_t (*offset)(int64_t utc), int64_t *next);

/* True if text, of five fields or a name, fires at some time.  If false, *err names the field that cannot be read,
 * with its range. */
bool cron_check(const char *text, struct err *err);

/* The five fields that a name such as "@daily" stands for, in static memory; text itself if it is not such a name. */
const char *cron_expand(const char *text);

#endif
