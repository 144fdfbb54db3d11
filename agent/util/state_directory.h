/* state_directory.h: the folder that holds our state.
 *
 * What is in it is trusted: the last revision, approvals, the database whose workflows are run.  So it is used only if
 * no other user can write to it, and nothing below it is opened through a symbolic link, which could lead what we write
 * to any file. */
#ifndef AGENT_UTIL_STATE_DIRECTORY_H
#define AGENT_UTIL_STATE_DIRECTORY_H

#include "agent/util/log.h"
#include "reconcile/base/err.h"

/* Refuses the folder at path, after following its links, if users other than root can write to it or own it, and if a
 * file of ours in it is a symbolic link.  True too if there is no such folder. */
bool state_directory_check(const char *path, struct err *err);

/* The same; creates the folder if it is not there, with mode 0700. */
bool state_directory_make(const char *path, struct err *err);

/* Warns of a folder that its group can write to, once.  path may be NULL. */
void state_directory_warn(struct log *log, const char *path);

/* For root, and a folder that belongs to another user: becomes that user for the rest of the process, so that no file
 * in the folder becomes root's.  The folder is the working directory then, because the user may have no access to the
 * folders above it, and *path is ".".  Does nothing otherwise. */
bool state_directory_become_owner(const char **path, struct err *err);

#endif
