/* import_names.h: chooses the file names of imported workflows. */
#ifndef AGENT_CMD_IMPORT_NAMES_H
#define AGENT_CMD_IMPORT_NAMES_H

#include "reconcile/wire/operation_list.h"

/* Sets names[i] to a file name for items[i], in a: the workflow's name and ".yaml".  Characters other than A-Z a-z 0-9
 * . _ - become "-"; no name begins with a dot or a dash.  Names that are equal, even if only on file systems that
 * ignore case, get the workflow's ID too.  items has to be all workflows of the service. */
void import_names(struct arena *a, const struct listed *items, size_t count, const char **names);

#endif
