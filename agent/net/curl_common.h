/* curl_common.h: what http_client.c and mail_client.c have in common: the rules that hold for each
 * connection that libcurl makes, and one sentence for each way it can fail.  Private to agent/net. */
#ifndef AGENT_NET_CURL_COMMON_H
#define AGENT_NET_CURL_COMMON_H

#include <curl/curl.h>

#include "reconcile/base/buf.h"

/* Ends the process: libcurl is out of memory, or lacks an option that our rules rest on. */
_Noreturn void curl_common_abort(void);

/* Ends the process if ok is false. */
#define curl_common_must(ok)		((ok) ? (void)0 : curl_common_abort())

#define SET(easy, option, value)	curl_common_must(curl_easy_setopt(easy, option, value) == CURLE_OK)
#define SET_MULTI(multi, option, value)	curl_common_must(curl_multi_setopt(multi, option, value) == CURLM_OK)
#define GET(easy, info, out)		curl_common_must(curl_easy_getinfo(easy, info, out) == CURLE_OK)

/* libcurl can be used between the two calls, which may nest.  From the first one on the process ignores SIGPIPE. */
void curl_common_begin(void);
void curl_common_end(void);

/* Appends line to *list, which may be NULL. */
void curl_common_add_line(struct curl_slist **list, const char *line);

/* Sets the rules on a new handle: no redirect is followed, no password is looked up anywhere, TLS is 1.2 or newer,
 * certificates are verified, and what is sent to this machine (loopback) goes past any proxy.
 * ca_file: a PEM bundle, trusted instead of the system's authorities; NULL: the system's. */
void curl_common_set_rules(CURL *easy, const char *ca_file, bool loopback);

/* Has libcurl set *begun, which is false so far, once there is a connection and the request begins to go out. */
void curl_common_watch_begin(CURL *easy, bool *begun);

/* What is known of an exchange that failed. */
struct curl_failure {
	CURL *easy;
	const char *host, *address;	/* struct url's, or other words for the server */
	const char *protocol;	/* "HTTP" */
	const char *trust_hint;	/* appended where a certificate is not trusted; "" for none */
	const char *tls_hint;	/* appended where the TLS handshake fails */
	const char *detail;	/* what libcurl's error buffer says of it; "": nothing */
	bool wants_tls;		/* the server speaks TLS, and plain HTTP was sent */
	const char *refused_hint;	/* appended where the connection is refused */
	long connect_ms, timeout_ms;
	size_t response_max;
	bool full;		/* the response is larger than response_max */
	bool hurried;		/* the request had less time than others have */
	bool begun;		/* curl_common_watch_begin() */
};

/* Appends one sentence.  Returns true if sending the request again cannot help. */
bool curl_failure_explain(const struct curl_failure *failure, CURLcode code, struct buf *out);

#endif
