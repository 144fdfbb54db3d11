/* transfer.h: one HTTP request to anybody and its answer, or one mail to a mail server; for the
 * child processes that do such a thing and end.  What goes to the workflow service goes through
 * service_client.h.
 *
 * Certificates are verified, TLS is 1.2 or newer, no redirect is followed, and what goes to this
 * machine itself goes past any proxy.  No message holds more of a URL than host and port. */
#ifndef AGENT_NET_TRANSFER_H
#define AGENT_NET_TRANSFER_H

#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"

enum { TRANSFER_URL_MAX = 64 << 10, TRANSFER_HEADERS_MAX = 1 << 20 };	/* bytes */

/* Takes text for a URL of http or https; *origin, in a, is "https://host:8443": what of it may be
 * shown to anybody.  False: *err (ERR_USAGE) is a sentence about `called`, the field that it stands in. */
bool transfer_url(struct arena *a, const char *called, const char *text, const char **origin,
                  struct err *err);

/* True if a response with this HTTP status, which is not a success, will be the same the next time: what is wrong with
 * the request itself does not get better. */
bool transfer_status_is_final(int status);

struct transfer_request {
	const char *called;	/* "url", for messages about it */
	const char *server;	/* words for the server, where not even host and port may be shown; NULL: those */
	const char *url;
	const char *method;	/* "POST" */
	const struct node *headers;	/* name to text; NULL: none */
	const char *body;	/* NULL: none */
	const char *ca_file;	/* a PEM bundle, trusted instead of the system's; NULL: those */
	long connect_ms, timeout_ms;	/* the second is for all of it */
	size_t answer_max;	/* bytes of the answer's body */
};

struct transfer_answer {
	int status;
	struct buf body;	/* full: there was more than answer_max */
};

/* Sends it and waits for the answer, whatever its status is.  transfer_done() frees that.  A body
 * without a Content-Type in headers is sent as application/json.  False: there was no whole answer, and
 * *err is a sentence why, of kind ERR_USAGE if another try would fare no better. */
bool transfer_http(const struct transfer_request *request, struct transfer_answer *out, struct err *err);
void transfer_done(struct transfer_answer *answer);	/* takes a zeroed one */

struct transfer_mail {
	const char *url;	/* smtp://host:25 or smtps://host:465 */
	const char *username, *password;	/* NULL: it is sent without */
	const char *ca_file;	/* as above */
	const char *from;	/* an address; mail_address() is true of it and of all of to */
	const char *const *to;
	size_t to_count;
	const char *message;	/* headers and body, each line with CR LF */
	long timeout_ms;	/* for all of it: many servers let a stranger wait before they greet */
};

struct transfer_refusal {
	const char *to;		/* one of those in transfer_mail */
	const char *reply;	/* the server's: "550 no such user" */
};

struct transfer_mailed {
	struct transfer_refusal *refused;	/* whom the server does not take mail for; others have it */
	size_t refused_count;
};

/* Gives the mail server one mail.  STARTTLS is used where it is offered; it is insisted on where a
 * password is to be sent to another machine.  On this machine itself a certificate counts only where
 * ca_file is given: it may be for any name.  What *out points to lives in a.  False: nobody has it; *err as above. */
bool transfer_mail(struct arena *a, const struct transfer_mail *mail, struct transfer_mailed *out,
                   struct err *err);

#endif
