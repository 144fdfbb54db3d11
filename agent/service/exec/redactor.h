/* redactor.h: texts that nobody may read, found in bytes that come bit by bit. */
#ifndef AGENT_SERVICE_EXEC_REDACTOR_H
#define AGENT_SERVICE_EXEC_REDACTOR_H

#include "reconcile/base/arena.h"

enum { REDACTOR_MIN = 4 };	/* bytes; a shorter one would be found everywhere, and can be guessed */

struct redactor_text { const char *text; size_t len; };

struct redactor {
	struct redactor_text *items;	/* the longest first */
	size_t count, longest;
	bool first[256];	/* the bytes that one begins with */
};

/* Of a text of several lines each line is a secret.  texts ends with NULL (NULL: none) and has to stay;
 * what is made lives in a. */
void redactor_init(struct arena *a, const char *const *texts, struct redactor *out);

/* How long the longest is that stands at the beginning of bytes; 0: none does. */
size_t redactor_at(const struct redactor *s, const char *bytes, size_t len);

/* How many bytes at the end may be the beginning of one that goes on. */
size_t redactor_held(const struct redactor *s, const char *bytes, size_t len);

#endif
