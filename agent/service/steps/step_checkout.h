/* step_checkout.h: checks out the repository of a step into the folder where its command runs, by the hidden command
 * "step-checkout": it updates the mirror of the repository in a child process with a deadline, and writes the files of
 * the branch (git_checkout.h).
 *
 * `repository` is {url, branch, token} of a step; filePath is for the command that runs SQL.  A url without a scheme
 * means https, except for an absolute path and user@host:path.  The token is the name of a stored credential, which is
 * USER:PASSWORD or a token; "" means none.  The credential is sent to the server of an http(s) URL when that asks for
 * it, and to no other. */
#ifndef AGENT_SERVICE_STEPS_STEP_CHECKOUT_H
#define AGENT_SERVICE_STEPS_STEP_CHECKOUT_H

#include <stdio.h>

#include "agent/service/exec/attempt_reply.h"
#include "agent/service/exec/attempt.h"
#include "reconcile/tree/node.h"

enum {
	STEP_CHECKOUT_FETCH_MS = 10 * 60 * 1000,	/* for one fetch, including the wait for a lock on the mirror */
};

/* Paths; NULL: none.  Relative paths start at this process's working directory. */
struct step_checkout_options {
	const char *mirrors;		/* folder of the mirrors of all repositories; created if needed */
	const char *secrets_dir;	/* folder of the stored credentials */
	const char *ca_file, *ssh_key, *known_hosts;
};

/* Makes the command of an attempt that checks the repository out into its working directory, which has to be empty.
 * The input of the command holds the credential.  Everything lives in a.  *masks, a list that ends with NULL (NULL:
 * empty), is replaced by a longer one with the texts that no log may show.  If false, *out and *masks are untouched:
 * url or branch are missing, the url is not valid, the credential is missing or must not be sent to that server. */
bool step_checkout_command(struct arena *a, const struct node *repository, const struct step_checkout_options *place,
                           struct attempt_command *out, const char *const **masks, struct err *err);

/* The command's side: does in the current folder what the document says, and prints the lines of the step's log; the
 * last one says what was checked out, or why nothing was.  *reply, whose text lives in a, has the reason of a failure;
 * it is final if there is no such branch, the credential is wrong and the like.  The fetch may take limit_ms.  False
 * if the document cannot be read: nothing was done. */
bool step_checkout_run(struct arena *a, const char *document, size_t len, int64_t limit_ms, FILE *log,
                       struct attempt_reply *reply);

#endif
