/* http_headers.h: the header lines that an HTTP client sends with each request. */
#ifndef AGENT_NET_HTTP_HEADERS_H
#define AGENT_NET_HTTP_HEADERS_H

#include <stddef.h>

#include "reconcile/base/err.h"

struct curl_slist;
struct http_headers;

enum { HTTP_HEADERS_MAX = 1 << 20 };	/* bytes of all lines together */

struct http_headers *http_headers_new(void);
void http_headers_free(struct http_headers *headers);	/* takes NULL */
void http_headers_freep(struct http_headers **headers);

/* Adds a line, copying it.  ERR_USAGE: a name or a value that would be more than one header, a header that the
 * client sets itself ("Content-Length"), or more than HTTP_HEADERS_MAX bytes.  No message shows a value. */
bool http_headers_add(struct http_headers *headers, const char *name, const char *value, struct err *err);

/* Adds a line that is known to be right. */
void http_headers_set(struct http_headers *headers, const char *name, const char *value);

/* Leaves out a header that libcurl would send by itself. */
void http_headers_omit(struct http_headers *headers, const char *name);

/* For http_client.c: NULL without a line; valid until the next call with headers. */
struct curl_slist *http_headers_list(const struct http_headers *headers);

#endif
