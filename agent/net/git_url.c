#include "agent/net/git_url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/net/url.h"
#include "reconcile/schema/digest.h"

enum { NAME_MAX_LEN = 40 };	/* of what a mirror's folder shows of the repository's name */

static const struct { const char *prefix; enum git_scheme transport; } git_schemes[] = {
	{ "file://", GIT_SCHEME_FILE }, { "git://", GIT_SCHEME_GIT }, { "http://", GIT_SCHEME_HTTP },
	{ "https://", GIT_SCHEME_HTTPS }, { "ssh://", GIT_SCHEME_SSH },
};

/* "user@host:path" as git knows it: a colon, and no slash before it. */
static const char *find_scp_colon(const char *text)
{
	const char *colon = strchr(text, ':'), *bracket = strchr(text, '['), *slash = strchr(text, '/');

	if (bracket && colon && bracket < colon) {
		const char *end = strchr(bracket, ']');
		colon = end && end[1] == ':' ? end + 1 : NULL;
	}
	return colon && (!slash || colon < slash) ? colon : NULL;
}

bool git_url_is_path(const char *text)
{
	return !strstr(text, "://") && !find_scp_colon(text);
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

/* The characters of a host are few on purpose: what another parser might read otherwise is
 * refused, so that the host the rules look at is the one that is connected to. */
static bool is_git_host(const char *text, size_t len)
{
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		for (size_t i = 1; i + 1 < len; i++)
			if (!isxdigit((unsigned char)text[i]) && text[i] != ':' && text[i] != '.')
				return false;
		return true;
	}
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-._", text[i]))
			return false;
	return len > 0 && *text != '-';
}

static void git_url_set_host(struct arena *a, const char *text, size_t len, struct git_url *out)
{
	char *host = arena_strndup(a, text, len);

	for (char *p = host; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	out->loopback = url_is_loopback(host);
	out->host = *host == '[' ? arena_strndup(a, host + 1, len - 2) : host;
}

static bool git_url_read_port(const char *text, size_t len, int *out)
{
	if (len == 0 || len > 5 || strspn(text, "0123456789") < len)
		return false;
	*out = atoi(text);
	return *out > 0 && *out <= 65535;
}

static bool git_url_check_user(const struct git_url *u, const char *user, size_t len, struct err *err)
{
	if (memchr(user, ':', len))
		return err_usage(err, "the URL of the git repository contains a password: give a token instead, in a "
		                      "file (--git-token-file) or in FLOWSYNC_GIT_TOKEN");
	if (u->transport != GIT_SCHEME_SSH)
		return err_usage(err, "the URL of the git repository contains a user: give --git-username, and a token "
		                      "in a file (--git-token-file) or in FLOWSYNC_GIT_TOKEN");
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)user[i]) && !strchr("-._+", user[i]))
			return err_usage(err, "the URL of the git repository contains a user name with an unexpected character");
	return len > 0 || err_usage(err, "the URL of the git repository contains an empty user");
}

/* "user@host:port", and the path behind it. */
static bool git_url_read_authority(struct arena *a, const char *text, const char *path, struct git_url *out,
                                   struct err *err)
{
	const char *at = memrchr(text, '@', (size_t)(path - text));
	const char *host = at ? at + 1 : text;
	size_t len = (size_t)(path - host);

	if (at && !git_url_check_user(out, text, (size_t)(at - text), err))
		return false;
	const char *colon = memrchr(host, ':', len), *bracket = memchr(host, ']', len);
	if (colon && (!bracket || colon > bracket)) {
		if (!git_url_read_port(colon + 1, (size_t)(path - colon) - 1, &out->port))
			return err_usage(err, "the URL of the git repository has a port that is not a number between 1 and 65535");
		len = (size_t)(colon - host);
	}
	if (!is_git_host(host, len))
		return err_usage(err, "the URL of the git repository has no host, or one with an unexpected character");
	git_url_set_host(a, host, len, out);
	out->user = at ? arena_strndup(a, text, (size_t)(at - text)) : NULL;
	return true;
}

static bool git_url_check_path(const char *path, struct err *err)
{
	if (strpbrk(path, "?#"))
		return err_usage(err, "the URL of the git repository contains a query or a fragment (\"?\", \"#\"): it "
		                      "has to end at the path");
	if (!path[strspn(path, "/")])
		return err_usage(err, "the URL of the git repository has no path after its host");
	return true;
}

static bool git_url_read_schemed(struct arena *a, const char *text, size_t scheme, struct git_url *out, struct err *err)
{
	const char *host = text + scheme, *path = host + strcspn(host, "/?#");

	if (out->transport == GIT_SCHEME_FILE) {
		out->shown = text;
		return *host == '/' || err_usage(err, "the URL of the git repository begins with file://: expected a "
		                                      "path that begins with a slash after it");
	}
	if (!git_url_read_authority(a, host, path, out, err) || !git_url_check_path(path, err))
		return false;
	const char *at = memrchr(host, '@', (size_t)(path - host));
	out->shown = arena_printf(a, "%.*s%s", (int)scheme, text, at ? at + 1 : host);
	return true;
}

/* A port has no place here: what follows the colon is the path. */
static bool git_url_read_scp(struct arena *a, const char *text, const char *colon, struct git_url *out,
                             struct err *err)
{
	const char *at = memchr(text, '@', (size_t)(colon - text));
	const char *host = at ? at + 1 : text;

	out->transport = GIT_SCHEME_SSH;
	if (at && !git_url_check_user(out, text, (size_t)(at - text), err))
		return false;
	if (!is_git_host(host, (size_t)(colon - host)) || strchr(host, '@'))
		return err_usage(err, "the URL of the git repository has no host, or one with an unexpected character");
	if (!git_url_check_path(colon + 1, err))
		return false;
	git_url_set_host(a, host, (size_t)(colon - host), out);
	out->user = at ? arena_strndup(a, text, (size_t)(at - text)) : NULL;
	out->shown = host;
	return true;
}

/* Two repositories of one name differ in the digest, and a person still finds hers. */
static const char *git_url_mirror_name(struct arena *a, const char *text)
{
	char *plain = arena_strdup(a, text);
	size_t len = strlen(plain);

	while (len > 0 && (plain[len - 1] == '/' || (len > 4 && strcmp(plain + len - 4, ".git") == 0))) {
		len -= plain[len - 1] == '/' ? 1 : 4;
		plain[len] = '\0';
	}
	char *name = plain + len;
	while (name > plain && plain + len - name < NAME_MAX_LEN && (isalnum((unsigned char)name[-1]) || name[-1] == '-' ||
	                                                            name[-1] == '_'))
		name--;
	return arena_printf(a, "%s-%s", *name ? name : "repository", digest_text(a, text));
}

static bool git_url_read_parts(struct arena *a, const char *text, struct git_url *out, struct err *err)
{
	const char *colon = find_scp_colon(text);

	for (size_t i = 0; i < ARRAY_LEN(git_schemes); i++) {
		size_t len = strlen(git_schemes[i].prefix);
		if (strncmp(text, git_schemes[i].prefix, len) != 0)
			continue;
		out->transport = git_schemes[i].transport;
		return git_url_read_schemed(a, text, len, out, err);
	}
	if (strstr(text, "://"))
		return err_usage(err, "the URL of the git repository is not https://, http://, ssh://, git://, file://, "
		                      "user@host:path or a path");
	if (colon)
		return git_url_read_scp(a, text, colon, out, err);
	out->transport = GIT_SCHEME_PATH;
	out->shown = text;
	return *text || err_usage(err, "the URL of the git repository is empty");
}

bool git_url_read(struct arena *a, const char *text, struct git_url *out, struct err *err)
{
	struct git_url u = { .text = arena_strdup(a, text) };

	if (has_control(text))
		return err_usage(err, "the URL of the git repository contains a control character");
	if (!git_url_read_parts(a, u.text, &u, err))
		return false;
	u.folder = git_url_mirror_name(a, text);
	*out = u;
	return true;
}

bool git_url_check_token(const struct git_url *url, struct err *err)
{
	if (url->transport != GIT_SCHEME_HTTP || url->loopback)
		return true;
	return err_usage(err, "the URL of the git repository is plain http: a token is sent over http to this "
	                      "machine only; use https");
}

void git_url_warn_if_plain(const struct git_url *url, struct diagnostics *faults)
{
	if ((url->transport == GIT_SCHEME_HTTP || url->transport == GIT_SCHEME_GIT) && !url->loopback)
		diagnostics_warn(faults, (struct pos){ 0 }, "git repository %s: anyone on the network path can change "
		                                            "what is read over this connection; use https or ssh", url->shown);
}
