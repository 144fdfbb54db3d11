/* step_checkout.h: the repository of a step in the folder where its command runs, by the hidden command
 * "step-checkout": brings the mirror of the repository up to date, in a child with a deadline, and
 * writes the files of the branch (git_checkout.h).
 *
 * `repository` is {url, branch, token} of a step; filePath is for whoever runs the SQL.  A url without
 * a scheme means https, but for an absolute path and user@host:path.  The token is the name of a stored
 * credential, USER:PASSWORD or a token alone; "" is none.  It goes to the server of an http(s) URL that
 * asks for it, and nowhere else. */
#ifndef AGENT_SERVICE_STEPS_STEP_CHECKOUT_H
#define AGENT_SERVICE_STEPS_STEP_CHECKOUT_H

#include <stdio.h>

#include "agent/service/exec/attempt_reply.h"
#include "agent/service/exec/attempt.h"
#include "reconcile/tree/node.h"

enum {
	STEP_CHECKOUT_FETCH_MS = 10 * 60 * 1000,	/* of one fetch, with waiting for others that work in the mirror */
};

/* Paths; NULL: none.  Relative ones are seen from where this process stands. */
struct step_checkout_options {
	const char *mirrors;		/* the folder that keeps the mirrors of all repositories; made if needed */
	const char *secrets_dir;	/* where stored credentials are */
	const char *ca_file, *ssh_key, *known_hosts;
};

/* Makes the command of an attempt that checks repository out into the folder where it runs, which has
 * to be empty.  Its input holds the credential.  All lives in a.  *masks, a list that ends with NULL
 * (NULL: an empty one), becomes a longer one with what no log may show.  False, and out and *masks are
 * untouched: there is no url or branch, the url is none, the credential is not there or may not go to
 * that server. */
bool step_checkout_command(struct arena *a, const struct node *repository, const struct step_checkout_options *place,
                           struct attempt_command *out, const char *const **masks, struct err *err);

/* The command's side: does in the current folder what the document says, and prints the lines of the step's log; the
 * last one says what was checked out, or why nothing was.  *reply, whose text lives in a, has the reason of a failure;
 * it is final if there is no such branch, the credential is wrong and the like.  The fetch may take limit_ms.  False
 * if the document cannot be read: nothing was done. */
bool step_checkout_run(struct arena *a, const char *document, size_t len, int64_t limit_ms, FILE *log,
                       struct attempt_reply *reply);

#endif
