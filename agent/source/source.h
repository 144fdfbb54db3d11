/* source.h: the source of a cycle, whatever its kind: a directory, or a folder of a git
 * repository. */
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
	const char *temporary;		/* a folder that goes with the cycle; NULL: none */
	struct git_revision revision;	/* of git; a directory has a tree alone, a digest of its files */
	struct source_files files;
};

/* What the settings say is to be fetched; out->mirror is NULL where the source is a directory.
 * Without a state directory there is no mirror either: source_read() makes one for itself.
 * ERR_USAGE: both a directory and a repository, two of branch, tag, semver and commit, a URL with a
 * password, a token that would go over plain http, and the like.  The strongest of options,
 * variables and the file decides, as always. */
bool source_fetch(struct context *ctx, struct git_fetch *out, struct err *err);

/* Reads all spec files.  pin: the revision of a git source that was fetched before; NULL: it is
 * fetched now.  False, with *err, if the source as a whole cannot be read; what is wrong with single
 * files are faults.  A mirror that turns out to be damaged is fetched anew, with a warning.  out->kind
 * and location are set as soon as they are known, also on failure; out is to be given to
 * source_done() in any case. */
bool source_read(struct context *ctx, const struct git_revision *pin, struct source *out,
                 struct diagnostics *faults, struct err *err);
void source_done(struct source *source);	/* takes a zeroed one */

#endif
