/* token_file.h: the token of the local service, in a file or only in memory.  No text of it is ever
 * in an error. */
#ifndef AGENT_UTIL_TOKEN_FILE_H
#define AGENT_UTIL_TOKEN_FILE_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* The token that stands in the file at path, without the white space around it.  Refused: an
 * empty one, and one that no HTTP header can carry; each is an ERR_USAGE.  *exposed is set to
 * whether others than the file's owner can read it. */
bool token_file_read(struct arena *a, const char *path, const char **out, bool *exposed,
                struct err *err);

/* The same for the file at path that is made with a random token, mode 0600, if it is not
 * there.  Two that do so at the same time get the same token. */
bool token_file_ensure(struct arena *a, const char *path, const char **out, bool *exposed,
                struct err *err);

/* A new one: 256 random bits as text. */
const char *token_file_random(struct arena *a);

#endif
