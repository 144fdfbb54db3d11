#include "agent/net/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "agent/net/curl_common.h"

static void url_handle_free(CURLU **handle)
{
	curl_url_cleanup(*handle);
}

/* A part of the URL, in a; NULL if the URL does not have it. */
static const char *url_part(struct arena *a, CURLU *handle, CURLUPart part, unsigned flags)
{
	char *text = NULL;

	if (curl_url_get(handle, part, &text, flags) != CURLUE_OK)
		return NULL;
	const char *copy = arena_strdup(a, text);
	curl_free(text);
	return copy;
}

static void url_read_parts(struct arena *a, CURLU *handle, struct url *out)
{
	const char *host = url_part(a, handle, CURLUPART_HOST, 0);
	const char *port = url_part(a, handle, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
	const char *any_port = url_part(a, handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);

	*out = (struct url){
		.scheme = url_part(a, handle, CURLUPART_SCHEME, 0),
		.host = host ? host : "",
		.path = url_part(a, handle, CURLUPART_PATH, 0),
		.has_user = url_part(a, handle, CURLUPART_USER, 0) || url_part(a, handle, CURLUPART_PASSWORD, 0),
		.has_query = url_part(a, handle, CURLUPART_QUERY, 0),
		.has_fragment = url_part(a, handle, CURLUPART_FRAGMENT, 0),
	};
	out->address = any_port ? arena_printf(a, "%s:%s", out->host, any_port) : out->host;
	out->origin = arena_printf(a, "%s://%s%s%s", out->scheme, out->host, port ? ":" : "", port ? port : "");
	out->loopback = url_is_loopback(out->host);
}

enum url_result url_parse(struct arena *a, const char *text, struct url *out)
{
	CLEANUP(url_handle_free) CURLU *handle = curl_url();

	curl_common_must(handle);
	/* libcurl would guess a scheme from the host's name. */
	if (!strstr(text, "://"))
		return URL_NO_SCHEME;
	switch (curl_url_set(handle, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME)) {
	case CURLUE_OK:
		url_read_parts(a, handle, out);
		return URL_OK;
	case CURLUE_OUT_OF_MEMORY:
		curl_common_must(false);
		return URL_INVALID;
	case CURLUE_BAD_SCHEME:
		return URL_NO_SCHEME;
	case CURLUE_BAD_PORT_NUMBER:
		return URL_BAD_PORT;
	default:
		return URL_INVALID;
	}
}

bool url_require(struct arena *a, const char *called, const char *text, const char *scheme,
                 const char *recommended, struct url *out, struct err *err)
{
	struct url url;

	if (!strstr(text, "://"))
		return err_usage(err, "%s does not begin with %s:// or %s://", called, recommended, scheme);
	if (strlen(text) > URL_MAX)
		return err_usage(err, "%s is longer than %d KiB", called, URL_MAX >> 10);
	if (url_parse(a, text, &url) != URL_OK)
		return err_usage(err, "%s is not a valid URL, such as %s://host/path", called, recommended);
	if (strcmp(url.scheme, scheme) != 0 && strcmp(url.scheme, recommended) != 0)
		return err_usage(err, "%s does not begin with %s:// or %s://", called, recommended, scheme);
	if (!*url.host)
		return err_usage(err, "%s has no host in it", called);
	*out = url;
	return true;
}

const char *url_with_path(struct arena *a, const char *text, const char *path)
{
	CLEANUP(url_handle_free) CURLU *handle = curl_url();

	curl_common_must(handle && curl_url_set(handle, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK
	                 && curl_url_set(handle, CURLUPART_PATH, path, 0) == CURLUE_OK);
	return url_part(a, handle, CURLUPART_URL, CURLU_NO_DEFAULT_PORT);
}

bool url_is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	/* "[::1]" */
	size_t len = strlen(host);
	if (host[0] == '[' && len > 2 && len < INET6_ADDRSTRLEN) {
		char address[INET6_ADDRSTRLEN] = { 0 };
		memcpy(address, host + 1, len - 2);
		return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
	}
	return strcasecmp(host, "localhost") == 0;
}
