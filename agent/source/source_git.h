/* source_git.h: the spec files of a commit (design section 4), from the objects of a mirror: nothing
 * is checked out.  The rules are those of source_dir.h. */
#ifndef AGENT_SOURCE_SOURCE_GIT_H
#define AGENT_SOURCE_SOURCE_GIT_H

#include "agent/git/mirror.h"
#include "agent/source/source_dir.h"

/* Appends the spec files below path (NULL or "": the top) of the commit to out, sorted by the bytes
 * of their names, which begin with path; all of it lives in a.  A link that leads out of path or in
 * a circle, what is too large, and the like is a fault that names it, and the others are still read; a
 * submodule is warned of, and sets out->submodule.  False if the mirror itself cannot be read: *err says what is wrong with
 * it. */
bool source_git_read(struct arena *a, const char *mirror, const struct git_revision *revision, const char *path,
                     struct source_files *out, struct diagnostics *faults, struct err *err);

/* Files of a mirror whose bytes source_git_read() did not keep, because they were known. */
struct source_blobs;
bool source_blobs_open(const char *mirror, struct source_blobs **out, struct err *err);
/* Sets bytes, in a, and len to the content that file->stamp names. */
bool source_blobs_read(struct source_blobs *blobs, struct arena *a, struct source_file *file, struct err *err);
void source_blobs_close(struct source_blobs *blobs);	/* takes NULL */

#endif
