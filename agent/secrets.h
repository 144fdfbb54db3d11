/* secrets.h: texts that nobody may read, found in bytes that come bit by bit. */
#ifndef AGENT_SECRETS_H
#define AGENT_SECRETS_H

#include "reconcile/arena.h"

enum { SECRET_LEAST = 4 };	/* bytes; a shorter one would be found everywhere, and can be guessed */

struct secret { const char *text; size_t len; };

struct secrets {
	struct secret *items;	/* the longest first */
	size_t count, longest;
	bool first[256];	/* the bytes that one begins with */
};

/* Of a text of several lines each line is a secret.  texts ends with NULL (NULL: none) and has to stay;
 * what is made lives in a. */
void secrets_init(struct arena *a, const char *const *texts, struct secrets *out);

/* How long the longest is that stands at the beginning of bytes; 0: none does. */
size_t secrets_at(const struct secrets *s, const char *bytes, size_t len);

/* How many bytes at the end may be the beginning of one that goes on. */
size_t secrets_held(const struct secrets *s, const char *bytes, size_t len);

#endif
