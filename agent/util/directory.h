/* directory.h: makes the folders that the program keeps its things in, and removes them. */
#ifndef AGENT_UTIL_DIRECTORY_H
#define AGENT_UTIL_DIRECTORY_H

#include <dirent.h>

#include "reconcile/base/err.h"

/* Makes path, and the folders above it that are missing, for the user alone.  What is there
 * stays as it is. */
bool directory_make(const char *path, struct err *err);
/* The same, for whom the umask lets in. */
bool directory_make_public(const char *path, struct err *err);

/* Removes path with all that is in it, however deep, whatever modes the folders have; a link goes, not
 * what it leads to, and what is mounted there stays, as does the folder then.  Nobody else may be
 * working in it.  True too if there is no such folder. */
bool directory_remove_tree(const char *path, struct err *err);

/* The same, but path itself stays, as an empty folder, which has to be there. */
bool directory_empty(const char *path, struct err *err);

/* For CLEANUP: closes what opendir() gave; NULL is fine. */
void directory_close(DIR **stream);

#endif
