#include "agent/net/http_headers.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/net/curl_common.h"

struct http_headers {
	struct curl_slist *lines;
	size_t bytes;
};

struct http_headers *http_headers_new(void)
{
	struct http_headers *headers = calloc(1, sizeof *headers);

	curl_common_must(headers);
	return headers;
}

void http_headers_free(struct http_headers *headers)
{
	if (headers)
		curl_slist_free_all(headers->lines);
	free(headers);
}

void http_headers_freep(struct http_headers **headers)
{
	http_headers_free(*headers);
}

/* RFC 9110, 5.6.2: a token. */
static bool is_header_name(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("!#$%&'*+-.^_`|~", *c))
			return false;
	return *name;
}

/* A line break in a value, which may come from the output of another step, would begin another header. */
static bool is_header_value(const char *value)
{
	for (; *value; value++)
		if (iscntrl((unsigned char)*value) && *value != '\t')
			return false;
	return true;
}

static bool check_header(const char *name, const char *value, struct err *err)
{
	static const char *const ours[] = { "Content-Length", "Transfer-Encoding", "Connection", "Expect", "TE",
	                                    "Trailer", "Upgrade" };

	if (!is_header_name(name))
		return err_usage(err, "the name of a header contains a character that no header's name may have");
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strcasecmp(name, ours[i]) == 0)
			return err_usage(err, "the header %s cannot be set: flowsync sets it", ours[i]);
	if (!is_header_value(value))
		return err_usage(err, "the value of the header %s contains a line break or another control character",
		                 name);
	return true;
}

static void add_header_line(struct http_headers *headers, const struct buf *line)
{
	curl_common_add_line(&headers->lines, buf_str(line));
	headers->bytes += line->len;
}

bool http_headers_add(struct http_headers *headers, const char *name, const char *value, struct err *err)
{
	if (!check_header(name, value, err))
		return false;
	if (headers->bytes + strlen(name) + strlen(value) > HTTP_HEADERS_MAX)
		return err_usage(err, "the headers are larger than %d MiB together", HTTP_HEADERS_MAX >> 20);
	http_headers_set(headers, name, value);
	return true;
}

void http_headers_set(struct http_headers *headers, const char *name, const char *value)
{
	CLEANUP(buf_done) struct buf line = BUF_TEXT;

	value += strspn(value, " \t");
	/* libcurl takes "Name:" as the order to send no such header, and sends "Name:" for "Name;". */
	buf_addf(&line, *value ? "%s: %s" : "%s;", name, value);
	add_header_line(headers, &line);
}

void http_headers_omit(struct http_headers *headers, const char *name)
{
	CLEANUP(buf_done) struct buf line = BUF_TEXT;

	buf_addf(&line, "%s:", name);
	add_header_line(headers, &line);
}

struct curl_slist *http_headers_list(const struct http_headers *headers)
{
	return headers ? headers->lines : NULL;
}
