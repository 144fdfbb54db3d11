/* redactor.h: finds secrets, also in the forms of secret_forms.h, in output that arrives in pieces. */
#ifndef AGENT_SERVICE_EXEC_REDACTOR_H
#define AGENT_SERVICE_EXEC_REDACTOR_H

#include "reconcile/base/arena.h"

enum {
	REDACTOR_MIN = 4,		/* bytes; a shorter one would be found everywhere, and can be guessed */
	REDACTOR_ENCODED_MIN = 8,	/* of a secret that is also found encoded, and of a line of its forms */
};

struct redactor_text { const char *text; size_t len; };

struct redactor {
	struct redactor_text *items;	/* by their first byte, the longest first */
	size_t count, longest;
	size_t from[257];		/* index of the first item that begins with this byte, or with a later one */
};

/* Each line of a text is a secret of its own.  texts ends with NULL (NULL: none) and must outlive *out, whose memory is
 * in a. */
void redactor_init(struct arena *a, const char *const *texts, struct redactor *out);

/* Length of the longest secret that bytes begin with; 0: none. */
size_t redactor_at(const struct redactor *s, const char *bytes, size_t len);

/* True if there is a secret anywhere in bytes. */
bool redactor_finds(const struct redactor *s, const char *bytes, size_t len);

/* Number of bytes at the end that may be the beginning of a secret. */
size_t redactor_held(const struct redactor *s, const char *bytes, size_t len);

#endif
