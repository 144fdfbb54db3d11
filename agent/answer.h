/* answer.h: what a hidden command of ours that is run as an attempt has to say beside its exit code:
 * attempt.h's FOLDER/answer. */
#ifndef AGENT_ANSWER_H
#define AGENT_ANSWER_H

#include "reconcile/arena.h"

struct attempt_answer {
	int status;		/* of the HTTP answer that came; 0 with a message */
	const char *message;	/* why none did, or what else went wrong; NULL: one came */
	bool final;		/* with a message: another try would fare no better */
};

/* Writes it; to be called in the attempt's folder `work`.  What cannot be written is passed over: the exit
 * code still tells. */
void attempt_answer_write(const struct attempt_answer *answer);
/* False if there is none. */
bool attempt_answer_read(struct arena *a, const char *folder, struct attempt_answer *out);

#endif
