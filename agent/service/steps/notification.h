/* notification.h: tells a watcher how a run stands: by a request to a webhook, or by mail.
 *
 * The service makes an attempt command of it; the command is the hidden `send-notification` of this program,
 * which is told on its stdin what to do, and prints one line a person or webhook: whom it told, or why
 * not.  Of a webhook's URL, which is a secret, only scheme, host and port are ever shown. */
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

/* What is NULL is not set; without url no mail can be sent. */
struct mail_server {
	const char *url;	/* smtp://host:25, smtps://host:465 */
	const char *from;	/* the address that mails come from */
	const char *username, *password_file;	/* both or none */
	const char *ca_file;
};

struct notification {
	const char *workflow;
	int64_t workflow_id;
	const char *execution;
	const char *event;	/* "success", "fail", "runtimeExceeded" */
	const char *status;	/* of the run */
	const char *began, *finished;	/* stamps; NULL: it has not */
	const char *detail;	/* lines, such as which steps failed and why; NULL: none */
};

/* Makes the command of a valid watcher.  A user is told by mail if his name is an address.  All in a;
 * masks grows by what no log may show.  The password is read now.  False: *err is a sentence, without
 * secrets, and another try would fare no better until somebody changes something. */
bool notification_command(struct arena *a, const struct node *watcher, const struct notification *news,
                          const struct mail_server *server, struct attempt_command *out,
                          struct masks *masks, struct err *err);

/* The command's side: sends what the document asks for, prints a line for each recipient or the reason of a failure to
 * log, and sets *reply, whose text lives in a; a mail leaves no reply when it was taken.  False if the document cannot
 * be read: nothing was sent, and *reply says nothing. */
bool notification_send(struct arena *a, const char *document, size_t len, FILE *log, struct attempt_reply *reply);

#endif
