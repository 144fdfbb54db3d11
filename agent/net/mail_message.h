/* mail_message.h: the text of a mail, headers and all (RFC 5322).  Pure. */
#ifndef AGENT_NET_MAIL_MESSAGE_H
#define AGENT_NET_MAIL_MESSAGE_H

#include <stdint.h>

#include "reconcile/base/arena.h"

enum { MAIL_TEXT_MAX = 64 << 10 };	/* bytes of a mail's text; the rest is left out */

/* True if text can be written to and named in a header as it is: "name@host", printable ASCII. */
bool mail_address(const char *text);

struct mail {
	const char *from;	/* mail_address() is true of it and of all of to */
	const char *const *to;
	size_t to_count;
	const char *subject;	/* UTF-8, any text; line breaks become spaces */
	const char *text;	/* UTF-8, lines end with "\n" */
	const char *id;		/* unique among messages; only its letters, digits, dots and hyphens are used */
};

/* The message, each line with CR LF; in a.  now is its date, milliseconds since 1970. */
const char *mail_message(struct arena *a, const struct mail *mail, int64_t now);

#endif
