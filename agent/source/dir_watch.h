/* dir_watch.h: tells that something below a source directory changed.  inotify lives here.
 *
 * Folders are watched, never files: those that source_look() looks into, those that hold a part of
 * a link on the way, and those above the source, so that one that is swapped, or removed and made
 * again, is seen.  What needs no event (a mapping that is written to, a network file system) is
 * found by watch_scan(). */
#ifndef AGENT_SOURCE_DIR_WATCH_H
#define AGENT_SOURCE_DIR_WATCH_H

#include "reconcile/base/err.h"

struct watch;

/* dir need not exist (yet, or any more).  Where the system has no inotify left, the watch is one
 * that only scans: see watch_degraded(). */
bool watch_open(const char *dir, struct watch **out, struct err *err);
void watch_close(struct watch *w);	/* takes NULL */
void watch_closep(struct watch **w);

int watch_fd(const struct watch *w);	/* readable: call watch_read(); -1: there is only the scan */

/* Takes all events; true if one may matter: then all is looked at once more, and new folders are
 * watched, gone ones not. */
bool watch_read(struct watch *w);

/* True if names, inodes, sizes or stamps differ from the last look, be it of watch_read(). */
bool watch_scan(struct watch *w);

/* NULL, or why some changes are found by watch_scan() alone, one sentence; valid until the next
 * call with w. */
const char *watch_degraded(const struct watch *w);

#endif
