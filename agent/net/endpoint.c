#include "agent/net/endpoint.h"

#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "agent/net/url.h"
#include "reconcile/base/suggest.h"

#define API_PATH	"/workflows/api/v1"
#define WHITE_SPACE	" \t\r\n\v\f"

enum {
	STAGE_MAX = 63,		/* a label of a host name */
	TOKEN_MAX = 8192,	/* far above any token */
	SHOWN_MAX = 63,		/* bytes of a wrong endpoint that messages repeat */
};

/* True for peak.ai and the domains below it, but not for "evilpeak.ai". */
static bool is_below_peak(const char *host)
{
	static const char domain[] = "peak.ai";
	size_t len = strlen(host), tail = sizeof domain - 1;

	if (len > 0 && host[len - 1] == '.')
		len--;
	if (len < tail || strncasecmp(host + len - tail, domain, tail) != 0)
		return false;
	return len == tail || host[len - tail - 1] == '.';
}

/* No message shows more of the URL than its scheme: it may hold a password. */
static bool endpoint_check_url(const struct url *url, struct err *err)
{
	if (strcmp(url->scheme, "https") != 0 && strcmp(url->scheme, "http") != 0)
		return err_usage(err, "the endpoint's scheme is %s: it has to be https or http", url->scheme);
	if (url->has_user)
		return err_usage(err, "the endpoint contains a user or a password: give a token "
		                      "instead, in a file (--token-file) or in FLOWSYNC_TOKEN");
	if (url->has_query)
		return err_usage(err, "the endpoint contains a query (\"?\"): it has to end at "
		                      "the path, such as " API_PATH);
	if (url->has_fragment)
		return err_usage(err, "the endpoint contains a fragment (\"#\"): it has to end at "
		                      "the path, such as " API_PATH);
	return true;
}

/* The path without slashes at its end; the service's default path if path is empty. */
static const char *endpoint_path(struct arena *a, const char *path)
{
	size_t len = path ? strlen(path) : 0;

	while (len > 0 && path[len - 1] == '/')
		len--;
	return len ? arena_strndup(a, path, len) : API_PATH;
}

/* Only a word that could be a host and a port is repeated: other text may hold a password. */
static bool endpoint_may_be_shown(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= SHOWN_MAX && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                                                   "0123456789.-:[]") == len;
}

/* "https://" or "http://" if text, "service.peak.ai" or "localhost:8484", is an address that lacks it; or NULL. */
static const char *endpoint_missing_scheme(struct arena *a, const char *text)
{
	struct url url;

	if (!strpbrk(text, ".:") && strcmp(text, "localhost") != 0)
		return NULL;
	if (url_parse(a, arena_printf(a, "https://%s", text), &url) != URL_OK)
		return NULL;
	return url.loopback ? "http://" : "https://";
}

static bool endpoint_not_url(struct arena *a, const char *text, struct err *err)
{
	static const char expected[] = "a URL such as https://host" API_PATH ", \"local\" or unix:PATH";
	struct suggestion local = { .word = text };

	if (!endpoint_may_be_shown(text))
		return err_usage(err, "the endpoint is not %s", expected);
	const char *scheme = endpoint_missing_scheme(a, text);
	if (scheme)
		return err_usage(err, "the endpoint \"%s\" has no %s before it: expected %s", text, scheme, expected);
	suggest_offer(&local, "local");
	return err_usage(err, "the endpoint \"%s\" is not %s%s", text, expected,
	                 local.best || strcasecmp(text, "local") == 0 ? "; did you mean \"local\"?" : "");
}

static bool endpoint_from_url(struct arena *a, const char *text, struct endpoint *out, struct err *err)
{
	struct url url;

	switch (url_parse(a, text, &url)) {
	case URL_NO_SCHEME:
		return endpoint_not_url(a, text, err);
	case URL_BAD_PORT:
		return err_usage(err, "the endpoint's port is not a number between 0 and 65535");
	case URL_INVALID:
		return err_usage(err, "the endpoint is not a valid URL, such as https://host" API_PATH);
	case URL_OK:
		break;
	}
	if (!endpoint_check_url(&url, err))
		return false;
	bool tls = strcmp(url.scheme, "https") == 0;
	*out = (struct endpoint){
		.url = url_with_path(a, text, endpoint_path(a, url.path)),
		.loopback = url.loopback,
		.peak = tls && is_below_peak(url.host),
		.tls = tls,
	};
	return true;
}

static bool endpoint_from_socket(struct arena *a, const char *path, struct endpoint *out, struct err *err)
{
	size_t max = sizeof ((struct sockaddr_un *)0)->sun_path - 1;

	if (!*path)
		return err_usage(err, "the endpoint \"unix:\" lacks the path of a socket");
	if (strlen(path) > max)
		return err_usage(err, "the endpoint's socket path has %zu bytes: at most %zu are possible",
		                 strlen(path), max);
	*out = (struct endpoint){
		.url = "http://localhost" API_PATH,
		.unix_socket = arena_strdup(a, path),
		.loopback = true,
	};
	return true;
}

static bool endpoint_from_stage(struct arena *a, const char *from, const char *stage,
                          struct endpoint *out, struct err *err)
{
	size_t len = strlen(stage);
	const char *domain;

	if (len == 0)
		return err_usage(err, "%s is empty: expected a stage, such as prod", from);
	if (len > STAGE_MAX || strspn(stage, "abcdefghijklmnopqrstuvwxyz0123456789-") != len
	    || stage[0] == '-' || stage[len - 1] == '-')
		return err_usage(err, "%s is \"%.63s\": expected lower-case letters, digits and "
		                      "hyphens, such as prod", from, stage);
	if (strcmp(stage, "prod") == 0)
		domain = "";
	else if (strcmp(stage, "latest") == 0)
		domain = "dev.";
	else
		domain = arena_printf(a, "%s.", stage);
	*out = (struct endpoint){
		.url = arena_printf(a, "https://service.%speak.ai" API_PATH, domain),
		.peak = true, .tls = true,
	};
	return true;
}

bool endpoint_resolve(struct arena *a, const struct endpoint_choice *choice,
                      struct endpoint *out, struct err *err)
{
	const char *endpoint = choice->endpoint;

	if (endpoint && strcmp(endpoint, "local") == 0) {
		*out = (struct endpoint){ .local = true, .loopback = true };
		return true;
	}
	if (endpoint && strncmp(endpoint, "unix:", 5) == 0)
		return endpoint_from_socket(a, endpoint + 5, out, err);
	if (endpoint)
		return endpoint_from_url(a, endpoint, out, err);
	if (choice->stage)
		return endpoint_from_stage(a, "the stage", choice->stage, out, err);
	if (choice->peak_stage)
		return endpoint_from_stage(a, "PEAK__STAGE", choice->peak_stage, out, err);
	if (choice->env_stage)
		return endpoint_from_stage(a, "STAGE", choice->env_stage, out, err);
	return err_usage(err, "no service is chosen: give --endpoint URL, --endpoint local for the "
	                      "built-in local service, or --stage NAME (such as prod) for the hosted one");
}

/* A copy of text without white space at its ends; NULL if nothing is left. */
static const char *trim_token(struct arena *a, const char *text)
{
	if (!text)
		return NULL;
	text += strspn(text, WHITE_SPACE);
	size_t len = strlen(text);
	while (len > 0 && strchr(WHITE_SPACE, text[len - 1]))
		len--;
	return len ? arena_strndup(a, text, len) : NULL;
}

static bool endpoint_check_token(const char *from, const char *token, struct err *err)
{
	/* The one space that a token may have. */
	const char *rest = strncmp(token, "Bearer ", 7) == 0 ? token + 7 : token;

	if (strlen(token) > TOKEN_MAX)
		return err_usage(err, "the token in %s is longer than %d bytes", from, TOKEN_MAX);
	for (; *rest; rest++)
		if (*rest <= ' ' || *rest > '~')
			return err_usage(err, "the token in %s contains a space, a line break or another "
			                      "character that no token contains", from);
	return true;
}

static bool endpoint_no_token(const struct endpoint *endpoint, const struct token_choice *choice,
                     struct err *err)
{
	const char *empty = choice->token_file_text ? " (the token file is empty)" : "";
	const char *passed = choice->peak_auth_token && *choice->peak_auth_token ? "PEAK_AUTH_TOKEN"
	                   : choice->api_key && *choice->api_key ? "API_KEY" : NULL;

	if (endpoint->peak)
		return err_usage(err, "no token%s: give --token-file FILE, or set FLOWSYNC_TOKEN, "
		                      "PEAK_AUTH_TOKEN or API_KEY", empty);
	if (passed)
		return err_usage(err, "no token%s: give --token-file FILE or set FLOWSYNC_TOKEN; %s "
		                      "is set, but is sent to hosts under peak.ai only", empty, passed);
	if (endpoint->loopback && choice->local_token_file)
		return err_usage(err, "no token%s: give --token-file FILE or set FLOWSYNC_TOKEN; the token of flowsync "
		                      "serve on this machine is in %s", empty, choice->local_token_file);
	return err_usage(err, "no token%s: give --token-file FILE or set FLOWSYNC_TOKEN", empty);
}

bool endpoint_token(struct arena *a, const struct endpoint *endpoint,
                    const struct token_choice *choice, const char **out, struct err *err)
{
	const struct { const char *from, *text; bool may_go; } tokens[] = {
		{ "the token file", choice->token_file_text, true },
		{ "FLOWSYNC_TOKEN", choice->flowsync_token, true },
		{ "PEAK_AUTH_TOKEN", choice->peak_auth_token, endpoint->peak },
		{ "API_KEY", choice->api_key, endpoint->peak },
	};

	if (!endpoint->tls && !endpoint->loopback)
		return err_usage(err, "the endpoint is plain http: a token is sent over http to this machine "
		                      "only; use https");
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		const char *token = tokens[i].may_go ? trim_token(a, tokens[i].text) : NULL;
		if (!token)
			continue;
		if (!endpoint_check_token(tokens[i].from, token, err))
			return false;
		*out = token;
		return true;
	}
	return endpoint_no_token(endpoint, choice, err);
}
