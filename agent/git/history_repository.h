/* history_repository.h: what line_blame.c needs of a file_history.  Private to this folder: it has types of libgit2. */
#ifndef AGENT_GIT_HISTORY_REPOSITORY_H
#define AGENT_GIT_HISTORY_REPOSITORY_H

#include <git2.h>

#include "agent/git/file_history.h"

/* The opened repository; valid until file_history_close(). */
git_repository *file_history_repository(const struct file_history *history);
/* path (as the user would write it) inside of the repository, without links, in a; NULL: it is outside. */
const char *file_history_path(struct file_history *history, struct arena *a, const char *path);

#endif
