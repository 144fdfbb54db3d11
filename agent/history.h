/* history.h: earlier versions of a spec file, from the git work tree that it stands in.  The only file that knows
 * libgit2 is history.c, until sources come from git too. */
#ifndef AGENT_HISTORY_H
#define AGENT_HISTORY_H

#include "reconcile/arena.h"
#include "reconcile/err.h"

struct history;

enum { HISTORY_VERSIONS = 200 };	/* of one file that are looked at, newest first */

/* *out is NULL if dir stands in no git work tree, or in one without a commit: that is no error. */
bool history_open(const char *dir, struct history **out, struct err *err);
void history_close(struct history *history);	/* takes NULL */
void history_closep(struct history **history);

/* Gives the versions of the file at path (as the user would write it) that HEAD's history holds to each(), newest first, equal neighbours
 * once, until it returns false or HISTORY_VERSIONS were given.  bytes are valid during the call. */
bool history_versions(struct history *history, const char *path,
                      bool (*each)(void *context, const char *bytes, size_t len), void *context,
                      struct err *err);

#endif
