/* boot_id.h: what tells this run of the machine from those before. */
#ifndef AGENT_UTIL_BOOT_ID_H
#define AGENT_UTIL_BOOT_ID_H

#include "reconcile/base/arena.h"

/* The kernel's name for it; "" where it has none. */
const char *boot_id(struct arena *a);

#endif
