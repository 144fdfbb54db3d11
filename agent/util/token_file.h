/* token_file.h: the token of the local service, in a file or only in memory.  No text of it is ever
 * in an error. */
#ifndef AGENT_UTIL_TOKEN_FILE_H
#define AGENT_UTIL_TOKEN_FILE_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* The token in the file at path.  Refused, as ERR_USAGE: an empty token, and one that no HTTP header can carry. */
bool token_file_read(struct arena *a, const char *path, const char **out, struct err *err);

/* The same.  If there is no file, one is created with a random token, mode 0600.  Two processes that do so at the
 * same time get the same token. */
bool token_file_ensure(struct arena *a, const char *path, const char **out, struct err *err);

/* A new one: 256 random bits as text. */
const char *token_file_random(struct arena *a);

#endif
