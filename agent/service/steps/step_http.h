/* step_http.h: a step of type http: fills in and sends one request, and writes the response to a file.
 *
 * The service turns the step into a command of an attempt: the hidden command `step-http`.  It reads a document from
 * stdin, sends the request, prints lines of the step's log, and leaves
 *
 *	response.txt	in its working directory: the body of the response
 *	../answer	attempt_reply.h
 *
 * Where the contract leaves a choice:
 *
 * - `{{name}}` (spaces inside the braces are ignored) in url, payload and values of headers.absolute is replaced by a
 * variable of the step, or else by a secret of parameters.secrets under the name of its variable (secrets.h).  Nothing
 * is escaped.  A name without a value stays in the text, and the log says so.
 * - api-key is sent as `x-api-key: KEY`, bearer-token as `Authorization: Bearer TOKEN`.
 * - oauth is the grant of client credentials: a form with grant_type, client_id and client_secret is posted to
 * authUrl, and the access_token of the response is sent as a bearer token.
 * - A header of auth replaces one of the same name, and one of headers.secrets replaces one of headers.absolute.
 * - Redirects are not followed: a redirect is the response, and not a success. */
#ifndef AGENT_SERVICE_STEPS_STEP_HTTP_H
#define AGENT_SERVICE_STEPS_STEP_HTTP_H

#include <stdio.h>

#include "agent/service/exec/attempt.h"
#include "agent/service/exec/attempt_reply.h"
#include "agent/service/steps/secrets.h"
#include "reconcile/tree/node.h"

enum {
	STEP_HTTP_CONNECT_MS = 30 * 1000, STEP_HTTP_TIMEOUT_MS = 3600 * 1000,
	STEP_HTTP_TEXT_MAX = 8 << 20,	/* bytes of url, headers and payload together, after filling in */
	STEP_HTTP_SECRETS_MAX = 100,	/* in parameters.secrets */
	STEP_HTTP_ANSWER_MAX = 16 << 20,
	STEP_HTTP_SHOWN_MAX = 2 << 10,	/* bytes of a response that is not a success, in the log */
	STEP_HTTP_DOCUMENT_MAX = 128 << 20,
};

/* Makes the command of a valid step; everything lives in a.  env is the map from names of variables to texts;
 * secrets_dir as in secrets.h.  Adds to masks, also on failure, the values of all secrets, and everything else that is
 * masked in a workflow (mask.h) and is long enough to be found in a log.  If false, *err is a sentence without
 * secrets, and trying again is of no use until the step or the secrets change. */
bool step_http_command(struct arena *a, const struct node *step, const struct node *env,
                       const char *secrets_dir, struct attempt_command *out, struct masks *masks,
                       struct err *err);

/* The command's side: sends what the document asks for, writes the body of the response to response.txt in the working
 * directory, prints lines of the step's log to out, and sets *reply, whose text lives in a.  False if the document
 * cannot be read: nothing was sent, and *reply says nothing. */
bool step_http_run(struct arena *a, const char *document, size_t len, FILE *out, struct attempt_reply *reply);

#endif
