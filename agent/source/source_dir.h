/* source_dir.h: the spec files of a directory (design section 4): *.yaml and *.yml in any depth,
 * without what begins with a dot and what a .flowsyncignore names. */
#ifndef AGENT_SOURCE_SOURCE_DIR_H
#define AGENT_SOURCE_SOURCE_DIR_H

#include "reconcile/base/diagnostics.h"
#include "reconcile/schema/digest.h"

enum { SOURCE_MAX_BYTES = 512 << 20 };	/* of all files together */

struct source_file {
	const char *name;	/* as the user would write it: dir + "/" + path below it */
	const char *bytes;	/* NULL: not read */
	size_t len;
	const void *known;	/* what the caller knows of the file, whose bytes are NULL for this reason; NULL: nothing */
	/* What changes whenever the content does: of a directory the stamps of the file, of git its blob.  NULL: a single
	 * file, or one that was changed so shortly before it was read that a later change may have the same stamps. */
	const char *stamp;
	const char *real;	/* of a directory: the path without links */
	unsigned char digest[DIGEST_SIZE];	/* of a directory: source_file_digest() */
};

struct source_files {
	/* Set by the caller, with context; NULL: the bytes of all files are kept.  What is known of the file with this name and stamp, in
	 * a; NULL: nothing.  Sets len, and of a directory digest. */
	const void *(*recall)(void *context, struct arena *a, struct source_file *file);
	void *context;
	struct arena *bytes;	/* set by the caller: an empty one for the bytes of the files; NULL: they live where the rest does */
	struct source_file *items;
	size_t count, room;
	bool submodule;			/* a submodule's files were not read: what they declare is not known */
};

/* Appends all spec files below dir to out, sorted by the bytes of their names; all of it lives
 * in a.  What cannot be read, is too large or is a link that leads out of dir or in a circle is
 * a fault that names it, and the others are still read.  An empty directory is no fault: the
 * caller decides.  True if no fault was added. */
bool source_dir_read(struct arena *a, const char *dir, struct source_files *out, struct diagnostics *faults);

/* So long nothing has to change.  Only a test sets it, so as not to wait so long. */
extern int source_dir_still_ms;

/* Like source_dir_read(), but at a moment at which nothing changes: all files were there at once, none twice, none is
 * missing because it was being moved, none is half written.  Waits until nothing has changed for source_dir_still_ms,
 * for some seconds at most, or until stop_fd (-1: none) is readable: then it returns false, *err says which, and nothing
 * was added.  out has no files before.  Diagnostics about single files are no failure. */
bool source_dir_settled(struct arena *a, const char *dir, int stop_fd, struct source_files *out,
                        struct diagnostics *faults, struct err *err);

/* Sets digest to that of the bytes. */
void source_file_digest(struct source_file *file);

/* Reads a file of a directory that was known: sets bytes, in a, and len.  False if the content is not that of digest. */
bool source_dir_read_known(struct arena *a, struct source_file *file, struct err *err);

/* Reads the file path (NULL: stdin), which messages call name, into *out; all of it but name lives in a. */
bool source_file_read_as(struct arena *a, const char *name, const char *path, struct source_file *out,
                         struct diagnostics *faults);

/* Reads one file, whatever its name; "-" is stdin, and "./-" a file of that name. */
bool source_file_read(struct arena *a, const char *path, struct source_files *out, struct diagnostics *faults);

#endif
