/* step_http.h: a step of type http: one request to anybody, with what it needs filled in, and the
 * answer in a file.
 *
 * The service makes an attempt command of the step; the command is the hidden `step-http` of this
 * program, which is told on its stdin what to send, prints what people should read, and leaves
 *
 *	response.txt	in its working directory: the body of the answer
 *	../answer	attempt_reply.h
 *
 * What the contract leaves open is settled so:
 *
 * - `{{name}}` (spaces inside the braces do not count) in url, payload and values of headers.absolute
 *   stands for a variable of the step, or for a secret of parameters.secrets by the name of its
 *   variable (secrets.h); a variable wins.  It is put in as it is: nothing is escaped.  A name that
 *   has no value is left as it stands, and the log says so.
 * - api-key is sent as `x-api-key: KEY`, bearer-token as `Authorization: Bearer TOKEN`.
 * - oauth is the grant of client credentials: a form with grant_type, client_id and client_secret is
 *   posted to authUrl, and the access_token of its answer sent as a bearer token.
 * - What auth sends wins over a header of the same name, and headers.secrets over headers.absolute.
 * - Redirects are not followed: such an answer is the answer, and no success. */
#ifndef AGENT_SERVICE_STEPS_STEP_HTTP_H
#define AGENT_SERVICE_STEPS_STEP_HTTP_H

#include <stdio.h>

#include "agent/service/exec/attempt.h"
#include "agent/service/exec/attempt_reply.h"
#include "agent/service/steps/secrets.h"
#include "reconcile/tree/node.h"

enum {
	STEP_HTTP_CONNECT_MS = 30 * 1000, STEP_HTTP_TIMEOUT_MS = 3600 * 1000,
	STEP_HTTP_TEXT_MAX = 8 << 20,	/* bytes of url, headers and payload together, when all is filled in */
	STEP_HTTP_SECRETS_MAX = 100,	/* in parameters.secrets */
	STEP_HTTP_ANSWER_MAX = 16 << 20,
	STEP_HTTP_SHOWN_MAX = 2 << 10,	/* bytes of an answer that is no success, for the log */
	STEP_HTTP_DOCUMENT_MAX = 128 << 20,
};

/* Makes the command of a valid step.  env is the map of name to text that it gets; secrets_dir as in
 * secrets.h.  All in a.  masks grows by the values of all secrets, and by what else is masked in a
 * workflow (mask.h), as far as it is long enough to be found in a log; also on failure.  False: *err is a
 * sentence, which holds no secret, and another try would fare no better until somebody changes
 * something. */
bool step_http_command(struct arena *a, const struct node *step, const struct node *env,
                       const char *secrets_dir, struct attempt_command *out, struct masks *masks,
                       struct err *err);

/* The command's side: sends what the document asks for, writes the body of the response to response.txt in the working
 * directory, prints lines of the step's log to out, and sets *reply, whose text lives in a.  False if the document
 * cannot be read: nothing was sent, and *reply says nothing. */
bool step_http_run(struct arena *a, const char *document, size_t len, FILE *out, struct attempt_reply *reply);

#endif
