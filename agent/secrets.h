/* secrets.h: the values of stored credentials and secrets: a file each, in one folder. */
#ifndef AGENT_SECRETS_H
#define AGENT_SECRETS_H

#include "reconcile/arena.h"
#include "reconcile/err.h"

/* Sets *value to what stands in the file of that name in dir, without the newlines at its end.
 * Refused: a name that leads elsewhere, what is no regular file, more than 64 KiB, a NUL.  *err names
 * the secret, and never shows a value. */
bool secret_read(struct arena *a, const char *dir, const char *name, const char **value, struct err *err);

#endif
