/* source_scan.h: what a source directory consists of at one moment (design section 4): the folders
 * that are looked into, the files in them that declare something or leave something out, and the
 * links on the way; each with its stamps, so that two scans show whether anything changed. */
#ifndef AGENT_SOURCE_SOURCE_SCAN_H
#define AGENT_SOURCE_SOURCE_SCAN_H

#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "reconcile/base/diagnostics.h"

enum { SOURCE_MAX_ENTRIES = 200000 };	/* files and folders that are looked at, of all kinds */

enum source_kind {
	SOURCE_FOLDER,
	SOURCE_FILE,	/* of specs */
	SOURCE_RULES,	/* a .flowsyncignore */
	SOURCE_LINK,	/* a symbolic link itself; what it leads to is an entry of its own */
};

struct source_stamp {
	dev_t dev;
	ino_t ino;
	mode_t mode;
	off_t size;
	struct timespec mtime, ctime;
};

struct source_entry {
	enum source_kind kind;
	const char *name;		/* as the user would write it: dir + "/" + path below it */
	const char *path;		/* below the source; "" is the source itself */
	const char *real;		/* without any link: what was looked at, whatever a link says by now */
	const struct ignore_rules *ignore;	/* of a folder: the rules that hold in it; may be NULL */
	struct source_stamp stamp;
};

struct source_scan {
	struct source_entry *items;	/* sorted by the bytes of their names */
	size_t count, room;
	struct timespec newest;		/* of all ctimes; 0 if there is no entry */
};

/* Scans dir; *out lives in a.  An entry that cannot be read, and a link that leads out of dir or in a circle, is
 * added to faults by its name; all other entries are there.  True if nothing was added to faults. */
bool source_scan(struct arena *a, const char *dir, struct source_scan *out, struct diagnostics *faults);

/* True if all names are equal and lead to the same files with equal stamps. */
bool source_scan_equal(const struct source_scan *x, const struct source_scan *y);

struct source_stamp source_stamp_of(const struct stat *st);
/* As text, in a.  Equal texts, equal stamps. */
const char *source_stamp_text(struct arena *a, const struct source_stamp *stamp);

/* True if a file of that name holds specs, unless a .flowsyncignore leaves it out. */
bool source_is_spec(const char *name);

#endif
