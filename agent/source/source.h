/* source.h: the source of a sync, of either kind: a directory, or a folder of a git repository at a revision. */
#ifndef AGENT_SOURCE_SOURCE_H
#define AGENT_SOURCE_SOURCE_H

#include "agent/config/context.h"
#include "agent/git/git_fetch.h"
#include "agent/source/source_dir.h"

struct source {
	const char *kind;		/* "directory", "git" */
	const char *location;		/* the directory, or the URL without a user */
	const char *path;		/* the folder in the repository; NULL: the top, or a directory */
	const char *mirror;		/* NULL: a directory */
	const char *temporary;		/* a folder that source_done() removes; NULL: none */
	struct git_revision revision;	/* of git; a directory has a tree alone, a digest of its files */
	struct source_files files;
	struct arena bytes;		/* of the files */
	struct source_blobs *blobs;	/* of the mirror; NULL: no file of it was read later */
};

/* Sets *out to the fetch that the settings ask for; out->mirror is NULL if the source is a directory, and "" without
 * a state directory: then source_read() makes a temporary mirror.  An option beats a variable, which beats the
 * configuration file.  ERR_USAGE: a directory and a repository are given, or two of branch, tag, semver and commit,
 * or a URL with a password, or a token that would be sent over plain http, and the like. */
bool source_fetch(struct context *ctx, struct git_fetch *out, struct err *err);

/* Reads all spec files.  pin: the revision of a git source that was fetched before; NULL: it is fetched now.  False,
 * with *err, if the source as a whole cannot be read; single files that cannot be read are added to faults.  A
 * corrupt mirror is cloned again, with a warning.  out->kind and location are set as soon as they are known, also on
 * failure; the caller calls source_done() in any case. */
bool source_read(struct context *ctx, const struct git_revision *pin, struct source *out,
                 struct diagnostics *faults, struct err *err);
/* Reads a file that was known and not read by source_read(): sets bytes, in a, and len.  False if there is no file with
 * that content any more; a mirror without it is cloned again by the next cycle. */
bool source_read_known(struct source *source, struct arena *a, struct source_file *file, struct err *err);
/* Frees the bytes of the files, which are read once; their names stay. */
void source_free_bytes(struct source *source);
void source_done(struct source *source);	/* takes a zeroed one */

#endif
