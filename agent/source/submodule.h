/* submodule.h: whether a folder is a submodule of the git work tree around it.  The .gitmodules of the work tree says
 * so also in an exported tree, and in a repository of another user, which git refuses to open. */
#ifndef AGENT_SOURCE_SUBMODULE_H
#define AGENT_SOURCE_SUBMODULE_H

#include <stdbool.h>

/* folder is absolute and without links. */
bool submodule_is_declared(const char *folder);

#endif
