/* dir_watch.h: reports that something below a source directory changed, with inotify.
 *
 * Folders are watched, never files: those that source_scan() enters, those that contain a part of a link on the way,
 * and those above the source, so that a source that is replaced, or removed and created again, is noticed.  A change
 * without an event (through a memory mapping, on a network file system, a source that is mounted) is found by
 * dir_watch_scan(); what is mounted is watched from then on. */
#ifndef AGENT_SOURCE_DIR_WATCH_H
#define AGENT_SOURCE_DIR_WATCH_H

#include "reconcile/base/err.h"

struct dir_watch;

/* dir need not exist.  If the system has no inotify instance or watch left, the watch only scans: see
 * dir_watch_degraded(). */
bool dir_watch_open(const char *dir, struct dir_watch **out, struct err *err);
void dir_watch_close(struct dir_watch *w);	/* takes NULL */
void dir_watch_closep(struct dir_watch **w);

int dir_watch_fd(const struct dir_watch *w);	/* readable: call dir_watch_read(); -1: there is only the scan */

/* Reads all events; true if one may matter.  Then the source is scanned again, and the watches follow its folders, unless
 * only files that were there were written: of those the stamps are taken alone. */
bool dir_watch_read(struct dir_watch *w);

/* Scans the source; true if names, inodes, sizes or stamps differ from the last scan, by this or dir_watch_read(). */
bool dir_watch_scan(struct dir_watch *w);

/* NULL, or why some changes are found by dir_watch_scan() alone, one sentence; valid until the next
 * call with w. */
const char *dir_watch_degraded(const struct dir_watch *w);

#endif
