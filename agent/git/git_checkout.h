/* git_checkout.h: writes the files of a commit from a mirror into a folder.  There is no .git in the result, and no
 * filter is applied (line ends, ident, LFS): a file has the bytes that the repository has.  A submodule is an empty
 * folder.
 *
 * A tree may be crafted to write elsewhere, so a name that cannot be a file's or is .git, two entries of one name,
 * and a folder below a link are refused.  Every name is created in its open folder, no link is followed and nothing
 * is overwritten: all that is written lies below the folder. */
#ifndef AGENT_GIT_GIT_CHECKOUT_H
#define AGENT_GIT_GIT_CHECKOUT_H

#include <stdint.h>

#include "agent/git/mirror.h"

struct git_checkout_limits {
	size_t entries;		/* files, links and folders */
	size_t depth;		/* folders in each other; each takes a descriptor */
	size_t path;		/* bytes of the longest path */
	size_t file_bytes;	/* of one file, which is held in memory */
	uint64_t bytes;		/* of all files */
};

#define GIT_CHECKOUT_LIMITS ((struct git_checkout_limits){ .entries = 1000 * 1000, .depth = 256, .path = 4000, \
	                     .file_bytes = (size_t)1 << 30, .bytes = (uint64_t)16 << 30 })

enum git_checkout {
	GIT_CHECKOUT_DONE,
	GIT_CHECKOUT_FAILED,	/* ERR_FINAL: the tree is refused; else it could not be written */
	GIT_CHECKOUT_CORRUPT,	/* the mirror cannot be read, *err says what is wrong with it */
};

/* Writes the files of revision, its whole tree, into the folder that is open as dir, and warns of each
 * submodule.  If it is not done, what was written by then stays. */
enum git_checkout git_checkout(const char *mirror, const struct git_revision *revision,
                               const struct git_checkout_limits *limits, int dir, struct diagnostics *warnings,
                               struct err *err);

#endif
