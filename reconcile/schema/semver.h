/* semver.h: ranges of versions (semver.org) as npm writes them, and the highest of several tags that is in a range.
 *
 *	1.x   ^1.2   ~1.4.2   >=1.2 <2   1.2 - 1.4   1.x || >=3   *
 *
 * A pre-release fits only where a part of the range names one of the same three numbers:
 * ^1.2.3-beta.1 takes 1.2.3-beta.2, but not 1.3.0-beta.1. */
#ifndef RECONCILE_SCHEMA_SEMVER_H
#define RECONCILE_SCHEMA_SEMVER_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct semver_range;

/* Reads a range into *out, which lives in a.  If false, *err is of kind ERR_USAGE and says what was found. */
bool semver_read(struct arena *a, const char *text, const struct semver_range **out, struct err *err);

/* True if name is a whole version, with or without a "v" before it, and is in the range. */
bool semver_fits(const struct semver_range *range, const char *name);

/* The name of the highest version in the range; NULL if none is in it.  Of two names of the same
 * version (v1.0.0 and 1.0.0, or with different builds) the one whose bytes are greater, so
 * that the choice is always the same. */
const char *semver_highest(const struct semver_range *range, const char *const *names, size_t count);

#endif
