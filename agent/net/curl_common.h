/* curl_common.h: what service_client.c and transfer.c have in common with libcurl: the rules that hold for
 * whatever is carried, and its errors in our words.  For these two alone. */
#ifndef AGENT_NET_CURL_COMMON_H
#define AGENT_NET_CURL_COMMON_H

#include <curl/curl.h>

#include "reconcile/base/buf.h"

/* What fails here is memory, or a libcurl that lacks what the rules of these files rest on: it ends
 * the process. */
void curl_common_must(bool ok);

#define SET(easy, option, value)	curl_common_must(curl_easy_setopt(easy, option, value) == CURLE_OK)
#define SET_MULTI(multi, option, value)	curl_common_must(curl_multi_setopt(multi, option, value) == CURLM_OK)
#define GET(easy, info, out)		curl_common_must(curl_easy_getinfo(easy, info, out) == CURLE_OK)

/* libcurl can be used until curl_common_end(), and from then on the process ignores SIGPIPE. */
void curl_common_begin(void);
void curl_common_end(void);

/* For a new handle: no redirect is followed, no password is looked up anywhere, certificates are
 * verified.  ca_file: a PEM bundle, trusted instead of the system's authorities; NULL: those. */
void curl_common_basics(CURL *easy, const char *ca_file);

/* The names that messages call the server of url by, "x" and "x:8080"; to be freed with curl_free()
 * and free().  url is a valid one. */
void curl_common_names(const char *url, char **host, char **address);

/* What there is to say of an exchange that failed. */
struct curl_exchange {
	CURL *easy;
	const char *host, *address;	/* curl_common_names(), or other words for the server */
	const char *speaks;	/* "HTTP" */
	const char *trust;	/* what helps where a certificate is not trusted, with what joins it; or "" */
	long connect_ms, timeout_ms;
	size_t answer_max;
	bool full;		/* the answer is larger than that */
	bool hurried;		/* the request had less time than any other has */
	bool begun;		/* there was a connection, and the request began to go out on it */
};

/* The one place where libcurl's words become ours: appends a sentence.  Returns true if sending it
 * again cannot help. */
bool curl_common_explain(const struct curl_exchange *talk, CURLcode code, struct buf *out);

#endif
