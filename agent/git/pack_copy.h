/* pack_copy.h: copies the packs of one folder of objects into another, as files.  They are never linked: what happens
 * to the source's file later does not happen to ours. */
#ifndef AGENT_GIT_PACK_COPY_H
#define AGENT_GIT_PACK_COPY_H

#include <stdint.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* Copies each pack of the folder `from` (a repository's "objects") and of its alternates, unless `to` has one of that
 * name.  A pack counts only when it is whole: it is copied under another name, compared with its checksums, written to
 * the disk and then renamed, its index last.  One that is removed meanwhile, or does not fit its checksums, is left
 * out.  Sets *copied to their number.  False: the disk is full, for example, or more than `most` bytes would be copied;
 * the packs that were copied before stay. */
bool pack_copy(struct arena *a, const char *from, const char *to, int64_t most, size_t *copied, struct err *err);

#endif
