/* mail_client.h: gives one mail to a mail server (SMTP); for processes that send one mail and end.  The text of the
 * mail is mail_message.h's.
 *
 * The rules are those of curl_common.h: certificates are verified, TLS is 1.2 or newer, and a mail server on this
 * machine is reached past any proxy.  No message holds more of the server's URL than host and port. */
#ifndef AGENT_NET_MAIL_CLIENT_H
#define AGENT_NET_MAIL_CLIENT_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct mail_order {
	const char *url;	/* of the mail server: smtp://host:25 or smtps://host:465 */
	const char *username, *password;	/* NULL: sent without authentication */
	const char *ca_file;	/* a PEM bundle, trusted instead of the system's; NULL: the system's */
	const char *from;	/* an address; mail_address() is true of it and of all of to */
	const char *const *to;
	size_t to_count;
	const char *message;	/* headers and body, each line with CR LF */
	long timeout_ms;	/* for all of it: many servers let a stranger wait before they greet */
};

struct mail_refusal {
	const char *to;		/* one of mail_order's */
	const char *reply;	/* the server's: "550 no such user" */
};

struct mail_result {
	struct mail_refusal *refused;	/* recipients that the server refused; the others get the mail */
	size_t refused_count;
};

/* Hands the mail to the server.  STARTTLS is used where the server offers it, and required where a password is to be
 * sent to another machine.  On this machine a certificate is verified only if ca_file is given, as it may be for
 * any name.  What *out points to lives in a.  False: no recipient gets the mail; *err is a sentence why, of kind
 * ERR_USAGE if sending it again cannot help. */
bool mail_send(struct arena *a, const struct mail_order *mail, struct mail_result *out, struct err *err);

#endif
