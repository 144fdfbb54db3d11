#include "agent/git_talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/folder.h"
#include "reconcile/buf.h"

enum { FETCH_MAX_MIB = 8 << 10 };	/* what one fetch may bring: a disk is finite */

/* ---- who the server is ---- */

/* "SHA256:..." as ssh-keygen -l prints it. */
static const char *fingerprint(struct arena *a, const unsigned char *hash, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	unsigned bits = 0, count = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | hash[i];
		for (count += 8; count >= 6; count -= 6)
			buf_addc(&text, digits[bits >> (count - 6) & 63]);
	}
	if (count > 0)
		buf_addc(&text, digits[bits << (6 - count) & 63]);
	return arena_printf(a, "SHA256:%s", buf_str(&text));
}

static const char *host_with_port(const struct git_talk *t)
{
	return t->url.port ? arena_printf(t->arena, "%s port %d", t->url.host, t->url.port) : t->url.host;
}

static const char *hosts_file(const struct git_talk *t)
{
	return t->remote->known_hosts_file ? t->remote->known_hosts_file : "a file of known hosts (--known-hosts)";
}

static int check_host_key(struct git_talk *t, const git_cert_hostkey *cert)
{
	enum known_host known = HOST_UNKNOWN;
	bool raw = cert->type & GIT_CERT_SSH_RAW, hashed = cert->type & GIT_CERT_SSH_SHA256;
	const char *shown = hashed ? fingerprint(t->arena, cert->hash_sha256, sizeof cert->hash_sha256)
	                           : "one without a fingerprint";

	if (raw && t->hosts)
		known = known_hosts_check(t->hosts, t->url.host, t->url.port ? t->url.port : 22, cert->hostkey,
		                          cert->hostkey_len);
	if (known == HOST_KNOWN)
		return 0;
	if (known == HOST_CHANGED)
		t->why = arena_printf(t->arena, "the host key of %s is another one than in %s: the server shows %s; if that "
		                      "is right, replace its line there, else somebody stands in between",
		                      host_with_port(t), hosts_file(t), shown);
	else if (known == HOST_REVOKED)
		t->why = arena_printf(t->arena, "the host key of %s, %s, is revoked in %s", host_with_port(t), shown,
		                      hosts_file(t));
	else
		t->why = arena_printf(t->arena, "the host %s is not known: the server shows the key %s; if that is right, "
		                      "add its line to %s", host_with_port(t), shown, hosts_file(t));
	return GIT_ECERTIFICATE;
}

static int check_certificate(git_cert *cert, int valid, const char *host, void *context)
{
	struct git_talk *t = context;

	if (cert->cert_type == GIT_CERT_HOSTKEY_LIBSSH2)
		return check_host_key(t, (const git_cert_hostkey *)cert);
	if (valid)
		return 0;
	t->why = arena_printf(t->arena, "the certificate of %s is not one to be trusted: not for this host, out of date, "
	                      "or of an authority that is not known (--git-ca-file)", host_with_port(t));
	return GIT_ECERTIFICATE;
}

/* libgit2 asks the server for the kind of key that it finds in .ssh/known_hosts of the user's folder
 * first.  It gets a file of ours, so that a server with several keys shows the one we know. */
static bool offer_hosts(struct git_talk *t, const char *scratch, struct err *err)
{
	const char *kind, *folder = arena_printf(t->arena, "%s/.ssh", scratch);
	const char *lines = t->hosts ? known_hosts_lines(t->hosts, t->arena, t->url.host,
	                                               t->url.port ? t->url.port : 22, &kind) : "";

	if (!folder_make(folder, err))
		return false;
	if (!file_replace(t->arena, arena_printf(t->arena, "%s/known_hosts", folder), lines, strlen(lines), 0600, err))
		return err_wrap(err, "%s/known_hosts", folder);
	git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_GLOBAL, scratch);
	return true;
}

static bool begin_ssh(struct git_talk *t, const char *scratch, struct err *err)
{
	const char *file = t->remote->known_hosts_file;

	/* One that is not there knows nobody, and then it is said who wants to be known. */
	if (file && (access(file, F_OK) == 0 || errno != ENOENT) && !known_hosts_read(file, &t->hosts, err))
		return err_wrap(err, "the known hosts in %s", file);
	return offer_hosts(t, scratch, err);
}

/* ---- who we are ---- */

static const char *user_of(const struct git_talk *t)
{
	return t->url.user ? t->url.user : t->remote->username ? t->remote->username : "git";
}

static int give_up(struct git_talk *t, const char *why)
{
	t->why = why;
	return GIT_EUSER;
}

static int give_token(struct git_talk *t, git_credential **out)
{
	if (!t->remote->token)
		return give_up(t, "the server wants a credential: give a token in a file (--git-token-file) or in "
		               "FLOWSYNC_GIT_TOKEN");
	if (t->asked > 1)
		return give_up(t, "the server refuses the token");
	return git_credential_userpass_plaintext_new(out, user_of(t), t->remote->token);
}

static int give_key(struct git_talk *t, git_credential **out)
{
	const char *file = t->remote->ssh_key_file;

	if (file && t->asked > 1)
		return give_up(t, arena_printf(t->arena, "the server refuses the key in %s for the user %s, or the file holds "
		                               "none that can be read without a passphrase", file, user_of(t)));
	if (file)
		return git_credential_ssh_key_new(out, user_of(t), NULL, file, NULL);
	if (!getenv("SSH_AUTH_SOCK"))
		return give_up(t, "the server wants a key: give --ssh-key FILE, or have an agent of ssh run");
	if (t->asked > 1)
		return give_up(t, arena_printf(t->arena, "the server refuses every key of the agent of ssh for the user %s",
		                               user_of(t)));
	return git_credential_ssh_key_from_agent(out, user_of(t));
}

static int give_credential(git_credential **out, const char *url, const char *user, unsigned allowed, void *context)
{
	struct git_talk *t = context;

	if (allowed & GIT_CREDENTIAL_USERNAME)
		return git_credential_username_new(out, user_of(t));
	t->asked++;
	if (t->url.transport != GIT_BY_SSH && (allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT))
		return give_token(t, out);
	if (t->url.transport == GIT_BY_SSH && (allowed & GIT_CREDENTIAL_SSH_KEY))
		return give_key(t, out);
	return give_up(t, t->url.transport == GIT_BY_SSH ? "the server takes no key for this user"
	                                                 : "the server takes no user and token (basic authentication)");
}

/* ---- the conversation ---- */

static int bound_size(const git_indexer_progress *progress, void *context)
{
	struct git_talk *t = context;

	if (progress->received_bytes >> 20 < FETCH_MAX_MIB)
		return 0;
	return give_up(t, arena_printf(t->arena, "the server sends more than %d GiB", FETCH_MAX_MIB >> 10));
}

bool git_talk_begin(struct arena *a, const struct git_remote_place *remote, const char *scratch,
                    struct git_talk *out, struct err *err)
{
	CLEANUP(git_talk_done) struct git_talk t = { .arena = a, .remote = remote };

	if (!git_url_read(a, remote->url, &t.url, err))
		return false;
	if (t.url.transport == GIT_BY_SSH && !begin_ssh(&t, scratch, err))
		return false;
	if (remote->ca_file && git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, remote->ca_file, NULL) < 0)
		return err_set(err, "the authorities in %s cannot be read; expected certificates in PEM", remote->ca_file);
	*out = t;
	t.hosts = NULL;
	return true;
}

void git_talk_done(struct git_talk *t)
{
	known_hosts_free(&t->hosts);
}

/* "A redirect is never followed with the token" (design section 6). */
static git_remote_redirect_t redirects(const struct git_talk *t)
{
	return t->remote->token ? GIT_REMOTE_REDIRECT_NONE : GIT_REMOTE_REDIRECT_INITIAL;
}

static git_proxy_t proxy(const struct git_talk *t)
{
	return t->url.loopback ? GIT_PROXY_NONE : GIT_PROXY_AUTO;
}

static void set_callbacks(struct git_talk *t, git_remote_callbacks *callbacks)
{
	callbacks->credentials = give_credential;
	callbacks->certificate_check = check_certificate;
	callbacks->transfer_progress = bound_size;
	callbacks->payload = t;
}

git_remote_connect_options git_talk_connecting(struct git_talk *t)
{
	git_remote_connect_options options = GIT_REMOTE_CONNECT_OPTIONS_INIT;

	set_callbacks(t, &options.callbacks);
	options.proxy_opts.type = proxy(t);
	options.follow_redirects = redirects(t);
	return options;
}

git_fetch_options git_talk_fetching(struct git_talk *t)
{
	git_fetch_options options = GIT_FETCH_OPTIONS_INIT;

	set_callbacks(t, &options.callbacks);
	options.proxy_opts.type = proxy(t);
	options.follow_redirects = redirects(t);
	options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	options.update_fetchhead = 0;
	return options;
}

/* What a server says may hold anything, our token too. */
static const char *clean(struct git_talk const *t, const char *text)
{
	CLEANUP(buf_done) struct buf out = BUF(512);
	const char *token = t->remote->token;
	size_t len = token ? strlen(token) : 0;

	for (; *text && !out.full; text++) {
		if (len && strncmp(text, token, len) == 0) {
			buf_adds(&out, "(masked)");
			text += len - 1;
		} else {
			buf_addc(&out, (unsigned char)*text < ' ' ? ' ' : *text);
		}
	}
	while (out.len && out.text[out.len - 1] == ' ')
		out.text[--out.len] = '\0';
	return arena_strdup(t->arena, buf_str(&out));
}

static const char *of_status(const struct git_talk *t, int status)
{
	if (status == 401 || status == 403)
		return arena_printf(t->arena, "the server refuses %s (HTTP %d)",
		                    t->remote->token ? "the token" : "us without a token", status);
	if (status == 404)
		return arena_printf(t->arena, "the server knows no such repository, or does not show it%s (HTTP 404)",
		                    t->remote->token ? " for this token" : " without a token");
	if (status >= 300 && status < 400)
		return arena_printf(t->arena, "the server leads elsewhere (HTTP %d), which is not followed with a token; give "
		                    "the URL that it leads to", status);
	return arena_printf(t->arena, "the server answers with HTTP %d", status);
}

/* libgit2 has a sentence of its own for each way in which a folder is no repository. */
static const char *of_path(const struct git_talk *t, const git_error *e)
{
	static const char *const none[] = {
		"could not find repository", "unsupported URL protocol", "failed to resolve path",
	};

	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (strstr(e->message, none[i]))
			return "there is no git repository";
	if (e->klass == GIT_ERROR_ODB)
		return arena_printf(t->arena, "objects are missing in it, as in a shallow clone: give it its whole history (git "
		                    "fetch --unshallow), or give the directory without --git (%s)", clean(t, e->message));
	return clean(t, e->message);
}

static const char *of_library(const struct git_talk *t, const git_error *e)
{
	static const char http_status[] = "unexpected http status code: ";

	if (strncmp(e->message, http_status, strlen(http_status)) == 0)
		return of_status(t, atoi(e->message + strlen(http_status)));
	if (strstr(e->message, "unexpected redirect"))
		return of_status(t, 302);
	if (t->url.transport == GIT_BY_PATH || t->url.transport == GIT_BY_FILE)
		return of_path(t, e);
	return clean(t, e->message);
}

bool git_talk_failed(const struct git_talk *t, struct err *err)
{
	static const git_error silent = { .message = (char *)"libgit2 does not say why" };
	const git_error *e = git_error_last();

	if (!e || !e->message)
		e = &silent;
	return err_set(err, "git repository %s: %s", t->url.shown, t->why ? t->why : of_library(t, e));
}
