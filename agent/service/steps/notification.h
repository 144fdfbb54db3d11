/* notification.h: notifies a watcher about an execution, by a request to a webhook or by mail.
 *
 * The service turns a notification into a command of an attempt: the hidden command `send-notification`.  It reads a
 * document from stdin, and prints one line for each recipient that was notified or refused.  The URL of a webhook is a
 * secret: only scheme, host and port of it are shown. */
#ifndef AGENT_SERVICE_STEPS_NOTIFICATION_H
#define AGENT_SERVICE_STEPS_NOTIFICATION_H

#include <stdio.h>

#include "agent/service/exec/attempt.h"
#include "agent/service/exec/attempt_reply.h"
#include "agent/service/steps/secrets.h"
#include "reconcile/tree/node.h"

enum {
	NOTIFICATION_RECIPIENTS_MAX = 100,
	NOTIFICATION_CONNECT_MS = 30 * 1000, NOTIFICATION_TIMEOUT_MS = 120 * 1000,
	NOTIFICATION_DOCUMENT_MAX = 16 << 20,
};

/* A field that is NULL is not set; without url no mail can be sent. */
struct mail_server {
	const char *url;	/* smtp://host:25, smtps://host:465 */
	const char *from;	/* sender's address */
	const char *username, *password_file;	/* both, or neither */
	const char *ca_file;
};

struct notification {
	const char *workflow;
	int64_t workflow_id;
	const char *execution;
	const char *event;	/* "success", "fail", "runtimeExceeded" */
	const char *status;	/* of the execution */
	const char *began, *finished;	/* times as texts; NULL: not yet */
	const char *detail;	/* lines, for example which steps failed and why; NULL: none */
};

/* Makes the command for a valid watcher; everything lives in a.  A user gets mail if the name is a mail address.
 * Texts that no log may show are added to masks.  The password file is read now.  If false, *err is a sentence without
 * secrets, and trying again is of no use until a setting or the workflow changes. */
bool notification_command(struct arena *a, const struct node *watcher, const struct notification *news,
                          const struct mail_server *server, struct attempt_command *out,
                          struct masks *masks, struct err *err);

/* The command's side: sends what the document asks for, prints a line for each recipient or the reason of a failure to
 * log, and sets *reply, whose text lives in a; a mail leaves no reply when it was taken.  False if the document cannot
 * be read: nothing was sent, and *reply says nothing. */
bool notification_send(struct arena *a, const char *document, size_t len, FILE *log, struct attempt_reply *reply);

#endif
