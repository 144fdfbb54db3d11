/* import_names.h: what the files of imported workflows are called. */
#ifndef AGENT_CMD_IMPORT_NAMES_H
#define AGENT_CMD_IMPORT_NAMES_H

#include "reconcile/wire/operation_list.h"

/* Sets names[i] to that of items[i]: its name with ".yaml", as any file system takes it; what is
 * not of A-Z a-z 0-9 . _ - becomes "-", and none begins with a dot or a dash.  Those that would
 * be one file, even where case does not count, get their id too.  items are all workflows of the
 * service: which others there are decides. */
void import_names(struct arena *a, const struct listed *items, size_t count, const char **names);

#endif
