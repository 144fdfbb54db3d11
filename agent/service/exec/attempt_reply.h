/* attempt_reply.h: what a hidden command of ours that is run as an attempt has to say beside its exit code:
 * attempt.h's FOLDER/answer. */
#ifndef AGENT_SERVICE_EXEC_ATTEMPT_REPLY_H
#define AGENT_SERVICE_EXEC_ATTEMPT_REPLY_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct attempt_reply {
	bool found;		/* false: it left none; the rest says nothing */
	int status;		/* of the HTTP answer that came; 0 with a message */
	const char *message;	/* why none did, or what else went wrong; NULL: one came */
	bool final;		/* with a message: another try would fare no better */
};

/* Writes it; to be called in the attempt's folder `work`. */
bool attempt_reply_write(const struct attempt_reply *answer, struct err *err);

/* What stands in folder; text lives in a.  False: it cannot be read, or is none. */
bool attempt_reply_read(struct arena *a, const char *folder, struct attempt_reply *out, struct err *err);

#endif
