/* dir_watch.h: tells that something below a source directory changed.  inotify lives here.
 *
 * Folders are watched, never files: those that source_scan() looks into, those that hold a part of
 * a link on the way, and those above the source, so that one that is swapped, or removed and made
 * again, is seen.  What needs no event (a mapping that is written to, a network file system) is
 * found by dir_watch_scan(). */
#ifndef AGENT_SOURCE_DIR_WATCH_H
#define AGENT_SOURCE_DIR_WATCH_H

#include "reconcile/base/err.h"

struct dir_watch;

/* dir need not exist (yet, or any more).  Where the system has no inotify left, the watch is one
 * that only scans: see dir_watch_degraded(). */
bool dir_watch_open(const char *dir, struct dir_watch **out, struct err *err);
void dir_watch_close(struct dir_watch *w);	/* takes NULL */
void dir_watch_closep(struct dir_watch **w);

int dir_watch_fd(const struct dir_watch *w);	/* readable: call dir_watch_read(); -1: there is only the scan */

/* Takes all events; true if one may matter: then all is looked at once more, and new folders are
 * watched, gone ones not. */
bool dir_watch_read(struct dir_watch *w);

/* True if names, inodes, sizes or stamps differ from the last look, be it of dir_watch_read(). */
bool dir_watch_scan(struct dir_watch *w);

/* NULL, or why some changes are found by dir_watch_scan() alone, one sentence; valid until the next
 * call with w. */
const char *dir_watch_degraded(const struct dir_watch *w);

#endif
