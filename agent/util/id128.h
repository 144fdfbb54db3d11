/* id128.h: 128-bit ids as text: random ones, and the one of this boot of the machine (sd-id128). */
#ifndef AGENT_UTIL_ID128_H
#define AGENT_UTIL_ID128_H

#include "reconcile/base/arena.h"

enum { UUID_LEN = 36 };

/* A random UUID, version 4 (RFC 9562), of an execution or a webhook.  The UUID of a webhook is its secret:
 * the bytes come from the kernel. */
void uuid_make(char out[UUID_LEN + 1]);

/* The kernel's id of the current boot, 36 characters in a; "" if the kernel does not show one. */
const char *boot_id(struct arena *a);

#endif
