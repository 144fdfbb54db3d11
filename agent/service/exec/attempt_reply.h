/* attempt_reply.h: what a hidden command that runs as an attempt reports beside its exit code, in FOLDER/answer
 * (attempt.h).  step-http, step-checkout and send-notification all write this one document:
 *
 *	{"status": 204}				the HTTP status of a response
 *	{"message": TEXT, "final": BOOL}	why it failed, and whether trying again is of no use
 *
 * A command that succeeded and has no status to report writes none.  The exit codes are those of <sysexits.h>:
 *
 *	EX_OK		done
 *	EX_TEMPFAIL	failed; trying again may help
 *	EX_UNAVAILABLE	failed; trying again is of no use
 *	EX_USAGE	the document on stdin cannot be read: nothing was done, and there is no reply
 *	EX_CANTCREAT	the reply cannot be written */
#ifndef AGENT_SERVICE_EXEC_ATTEMPT_REPLY_H
#define AGENT_SERVICE_EXEC_ATTEMPT_REPLY_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct attempt_reply {
	bool found;		/* false: no reply; the other fields say nothing */
	int status;		/* HTTP status of the response; 0 if there is a message */
	const char *message;	/* why it failed; NULL: it did not */
	bool final;		/* with a message: trying again is of no use */
};

/* The exit code that goes with a reply: EX_OK, EX_TEMPFAIL or EX_UNAVAILABLE. */
int attempt_reply_exit_code(const struct attempt_reply *reply);

/* Writes a reply that is found.  To be called in the attempt's folder `work`. */
bool attempt_reply_write(const struct attempt_reply *reply, struct err *err);

/* Reads the reply in the attempt's folder; without a reply, out->found is false.  The text lives in a.  False if the
 * file cannot be read, or is not a reply; *out is untouched then. */
bool attempt_reply_read(struct arena *a, const char *folder, struct attempt_reply *out, struct err *err);

#endif
