#include "agent/git/git_transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/util/base64.h"
#include "agent/util/file.h"
#include "agent/util/directory.h"
#include "agent/git/git_repo.h"
#include "reconcile/base/buf.h"

#define LEADS_AWAY "the server redirects to another one, which asks for a credential; give the URL that it redirects to"

#define LETTERS "abcdefghijklmnopqrstuvwxyz"

enum {
	CONNECTIONS_SEEN = 256,		/* descriptors among which one is looked for */
};

/* ---- who the server is ---- */

/* "SHA256:..." as ssh-keygen -l prints it, without padding. */
static const char *key_fingerprint(struct arena *a, const unsigned char *hash, size_t len)
{
	const char *text = base64_encode(a, hash, len);

	return arena_printf(a, "SHA256:%.*s", (int)strcspn(text, "="), text);
}

static int git_url_port(const struct git_url *url)
{
	return url->port                         ? url->port :
	       url->transport == GIT_SCHEME_SSH      ? 22 :
	       url->transport == GIT_SCHEME_HTTPS    ? 443 : 80;
}

static const char *host_with_port(const struct git_transport *t)
{
	return t->url.port ? arena_printf(t->arena, "%s port %d", t->url.host, t->url.port) : t->url.host;
}

static const char *known_hosts_words(const struct git_transport *t)
{
	return t->remote->known_hosts_file ? t->remote->known_hosts_file : "a file of known hosts (--known-hosts)";
}

static int check_host_key(struct git_transport *t, const git_cert_hostkey *cert)
{
	enum known_host known = HOST_UNKNOWN;
	bool raw = cert->type & GIT_CERT_SSH_RAW, hashed = cert->type & GIT_CERT_SSH_SHA256;
	const char *shown = hashed ? key_fingerprint(t->arena, cert->hash_sha256, sizeof cert->hash_sha256)
	                           : "one without a fingerprint";

	if (raw && t->hosts)
		known = known_hosts_check(t->hosts, t->url.host, git_url_port(&t->url), cert->hostkey,
		                          cert->hostkey_len);
	if (known == HOST_KNOWN)
		return 0;
	if (known == HOST_CHANGED)
		t->why = arena_printf(t->arena, "the host key of %s is not the one in %s: the server shows %s; if it "
		                                "was changed on purpose, replace its line there; otherwise someone may "
		                                "intercept the connection",
		                      host_with_port(t), known_hosts_words(t), shown);
	else if (known == HOST_REVOKED)
		t->why = arena_printf(t->arena, "the host key of %s, %s, is revoked in %s", host_with_port(t), shown,
		                      known_hosts_words(t));
	else
		t->why = arena_printf(t->arena, "the host %s is not known: the server shows the key %s; if that is right, "
		                      "add its line to %s", host_with_port(t), shown, known_hosts_words(t));
	return GIT_ECERTIFICATE;
}

static int transport_give_up(struct git_transport *t, const char *why)
{
	t->why = why;
	return GIT_EUSER;
}

/* Some releases of libgit2 1.5, and 1.9, follow a redirect to another port of the same host whatever the options say,
 * and report the URL of the first server.  The addresses of this process's connections are reliable: in a child that
 * fetches, all connections belong to libgit2. */
static bool is_connected_elsewhere(const struct git_transport *t)
{
	for (int fd = 0; fd < CONNECTIONS_SEEN; fd++) {
		union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } peer =
			{ .any.sa_family = AF_UNSPEC };
		socklen_t len = sizeof peer;
		if (getpeername(fd, &peer.any, &len) < 0)
			continue;
		if ((peer.any.sa_family == AF_INET && ntohs(peer.v4.sin_port) != git_url_port(&t->url)) ||
		    (peer.any.sa_family == AF_INET6 && ntohs(peer.v6.sin6_port) != git_url_port(&t->url)))
			return true;
	}
	return false;
}

static int check_certificate(git_cert *cert, int valid, const char *host, void *context)
{
	struct git_transport *t = context;

	if (cert->cert_type == GIT_CERT_HOSTKEY_LIBSSH2)
		return check_host_key(t, (const git_cert_hostkey *)cert);
	if (t->remote->token && is_connected_elsewhere(t))
		return transport_give_up(t, LEADS_AWAY);
	/* Left to itself, libgit2 refuses it and says what is wrong with it. */
	return valid ? 0 : GIT_PASSTHROUGH;
}

/* libgit2 1.5 finds its home in $HOME whenever it needs it; from 1.7 on it remembers the home that it
 * found when it was set up. */
static bool set_libgit2_home(const char *dir, struct err *err)
{
	setenv("HOME", dir, 1);
#if LIBGIT2_VER_MAJOR > 1 || (LIBGIT2_VER_MAJOR == 1 && LIBGIT2_VER_MINOR >= 7)
	if (git_libgit2_opts(GIT_OPT_SET_HOMEDIR, dir) < 0)
		return git_repo_failed("set the home folder of libgit2", err);
#endif
	return true;
}

/* libgit2 asks the server for the kind of key that it finds in .ssh/known_hosts of its home.  It gets a
 * file of ours, so that a server with several keys shows the one we know.  No search path of
 * libgit2 counts here. */
static bool write_known_hosts(struct git_transport *t, const char *scratch, struct err *err)
{
	const char *kind, *folder = arena_printf(t->arena, "%s/.ssh", scratch);
	const char *lines = t->hosts ? known_hosts_lines(t->hosts, t->arena, t->url.host,
	                                               git_url_port(&t->url), &kind) : "";

	if (!directory_make(folder, err))
		return false;
	if (!file_replace(t->arena, arena_printf(t->arena, "%s/known_hosts", folder), lines, strlen(lines), 0600, err))
		return err_wrap(err, "%s/known_hosts", folder);
	return set_libgit2_home(scratch, err);
}

/* ---- who we are ---- */

/* For a key that libgit2 cannot use, its message says only that authentication failed. */
static bool inspect_key(struct git_transport *t, struct err *err)
{
	const char *file = t->remote->ssh_key_file;

	if (!file)
		return true;
	if (!ssh_key_inspect(file, &t->key, err))
		return err_wrap(err, "the key file %s", file);
	if (t->key.locked)
		return err_set(err, "the key in %s has a passphrase, which flowsync cannot ask for: use a key without "
		                    "one, or ssh-agent", file);
	return true;
}

static bool transport_begin_ssh(struct git_transport *t, const char *scratch, struct err *err)
{
	const char *file = t->remote->known_hosts_file;

	if (!inspect_key(t, err))
		return false;
	/* A missing file counts as one without hosts: then the error names the server and its key. */
	if (file && (access(file, F_OK) == 0 || errno != ENOENT) && !known_hosts_read(file, &t->hosts, err))
		return err_wrap(err, "the known hosts in %s", file);
	return write_known_hosts(t, scratch, err);
}

static const char *transport_user(const struct git_transport *t)
{
	return t->url.user ? t->url.user : t->remote->username ? t->remote->username : "git";
}

static int offer_token(struct git_transport *t, git_credential **out)
{
	if (!t->remote->token)
		return transport_give_up(t, arena_printf(t->arena, "the server asks for a credential: %s",
			t->remote->advice ? t->remote->advice
			                  : "give a token in a file (--git-token-file) or in FLOWSYNC_GIT_TOKEN"));
	if (t->asked > 1)
		return transport_give_up(t, "the server refuses the token");
	const char *pair = arena_printf(t->arena, "%s:%s", transport_user(t), t->remote->token);
	t->sent = base64_encode(t->arena, pair, strlen(pair));
	return git_credential_userpass_plaintext_new(out, transport_user(t), t->remote->token);
}

static int offer_key(struct git_transport *t, git_credential **out)
{
	const char *file = t->remote->ssh_key_file;

	if (file && t->asked > 1)
		return transport_give_up(t, arena_printf(t->arena, "the server refuses the key in %s for the user %s%s",
			file, transport_user(t),
			t->key.rsa ? "; a key of RSA is signed with SHA-1 here, which today's servers do not take: use one "
			             "of ed25519" : ""));
	if (file)
		return git_credential_ssh_key_new(out, transport_user(t), NULL, file, NULL);
	if (!getenv("SSH_AUTH_SOCK"))
		return transport_give_up(t, "the server asks for a key: give --ssh-key FILE, or run ssh-agent");
	if (t->asked > 1)
		return transport_give_up(t, arena_printf(t->arena, "the server refuses every key of ssh-agent for the user %s",
		                                         transport_user(t)));
	return git_credential_ssh_key_from_agent(out, transport_user(t));
}

/* libgit2 follows a redirect to another port of the same host even if the options forbid redirects. */
static bool is_our_server(struct git_transport *t, const char *url)
{
	struct git_url asked;
	struct err err;

	return git_url_read(t->arena, url, &asked, &err) && asked.transport == t->url.transport &&
	       git_url_port(&asked) == git_url_port(&t->url) && asked.host && strcmp(asked.host, t->url.host) == 0;
}

static int offer_credential(git_credential **out, const char *url, const char *user, unsigned allowed, void *context)
{
	struct git_transport *t = context;

	if (!is_our_server(t, url) || (t->remote->token && is_connected_elsewhere(t)))
		return transport_give_up(t, LEADS_AWAY);
	if (allowed & GIT_CREDENTIAL_USERNAME)
		return git_credential_username_new(out, transport_user(t));
	t->asked++;
	if (t->url.transport != GIT_SCHEME_SSH && (allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT))
		return offer_token(t, out);
	if (t->url.transport == GIT_SCHEME_SSH && (allowed & GIT_CREDENTIAL_SSH_KEY))
		return offer_key(t, out);
	return transport_give_up(t, t->url.transport == GIT_SCHEME_SSH ? "the server accepts no key for this user"
	                                                 : "the server accepts no user and token (basic authentication)");
}

/* ---- the conversation ---- */

static int limit_fetch_size(const git_indexer_progress *progress, void *context)
{
	struct git_transport *t = context;

	if ((int64_t)progress->received_bytes < GIT_TRANSPORT_FETCH_MAX)
		return 0;
	return transport_give_up(t, arena_printf(t->arena, "the server sends more than %d GiB",
	                                         (int)(GIT_TRANSPORT_FETCH_MAX >> 30)));
}

static bool transport_begin_tls(const struct git_transport *t, struct err *err)
{
	const char *file = t->remote->ca_file;
	bool by_http = t->url.transport == GIT_SCHEME_HTTP || t->url.transport == GIT_SCHEME_HTTPS;

	return (!file && !by_http) || git_repo_read_authorities(file) ||
	       err_set(err, "the authorities in %s cannot be read; expected certificates in PEM", file);
}

bool git_transport_begin(struct arena *a, const struct git_remote_place *remote, const char *scratch,
                         struct git_transport *out, struct err *err)
{
	CLEANUP(git_transport_done) struct git_transport t = { .arena = a, .remote = remote };

	if (!git_url_read(a, remote->url, &t.url, err))
		return false;
	if ((t.url.transport == GIT_SCHEME_SSH && !transport_begin_ssh(&t, scratch, err)) || !transport_begin_tls(&t, err)) {
		err_wrap(err, "git repository %s", t.url.shown);
		err->kind = ERR_FINAL;
		return false;
	}
	*out = t;
	t.hosts = NULL;
	return true;
}

void git_transport_done(struct git_transport *t)
{
	known_hosts_free(&t->hosts);
}

/* "A redirect is never followed with the token" (design section 6). */
static git_remote_redirect_t redirect_policy(const struct git_transport *t)
{
	return t->remote->token ? GIT_REMOTE_REDIRECT_NONE : GIT_REMOTE_REDIRECT_INITIAL;
}

static git_proxy_t proxy_policy(const struct git_transport *t)
{
	return t->url.loopback ? GIT_PROXY_NONE : GIT_PROXY_AUTO;
}

static void set_callbacks(struct git_transport *t, git_remote_callbacks *callbacks)
{
	callbacks->credentials = offer_credential;
	callbacks->certificate_check = check_certificate;
	callbacks->transfer_progress = limit_fetch_size;
	callbacks->payload = t;
}

git_remote_connect_options git_transport_connecting(struct git_transport *t)
{
	git_remote_connect_options options = GIT_REMOTE_CONNECT_OPTIONS_INIT;

	set_callbacks(t, &options.callbacks);
	options.proxy_opts.type = proxy_policy(t);
	options.follow_redirects = redirect_policy(t);
	return options;
}

git_fetch_options git_transport_fetching(struct git_transport *t)
{
	git_fetch_options options = GIT_FETCH_OPTIONS_INIT;

	set_callbacks(t, &options.callbacks);
	options.proxy_opts.type = proxy_policy(t);
	options.follow_redirects = redirect_policy(t);
	options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	options.update_fetchhead = 0;
	return options;
}

/* What a server says may hold anything, our token too, also as it was sent. */
static const char *clean_server_text(const struct git_transport *t, const char *text)
{
	CLEANUP(buf_done) struct buf out = BUF(512);
	const char *token = t->remote->token ? t->remote->token : "", *sent = t->sent ? t->sent : "";

	while (*text && !out.full) {
		const char *hit = *sent && strncmp(text, sent, strlen(sent)) == 0 ? sent :
		                  *token && strncmp(text, token, strlen(token)) == 0 ? token : NULL;
		if (hit)
			buf_adds(&out, "(masked)");
		else
			buf_addc(&out, (unsigned char)*text < ' ' || *text == 127 ? ' ' : *text);
		text += hit ? strlen(hit) : 1;
	}
	while (out.len && out.text[out.len - 1] == ' ')
		out.text[--out.len] = '\0';
	return arena_strdup(t->arena, buf_str(&out));
}

/* mbedTLS's bits of what is wrong with a certificate. */
enum { CERT_EXPIRED = 0x01, CERT_OTHER_HOST = 0x04, CERT_NOT_TRUSTED = 0x08, CERT_FUTURE = 0x200 };

static const char *explain_certificate(const struct git_transport *t, unsigned long bits)
{
	const char *what = bits & CERT_NOT_TRUSTED ? "is signed by an unknown authority (--git-ca-file)" :
	                   bits & CERT_EXPIRED     ? "has expired" :
	                   bits & CERT_FUTURE      ? "is not valid yet" :
	                   bits & CERT_OTHER_HOST  ? "is for another host (an address counts as a DNS name only)" : NULL;

	return what ? arena_printf(t->arena, "the certificate of %s %s", host_with_port(t), what)
	            : arena_printf(t->arena, "the certificate of %s is not trusted (0x%lx)", host_with_port(t),
	                           bits);
}

static const char *explain_http_status(const struct git_transport *t, int status)
{
	if (status == 401 || status == 403)
		return arena_printf(t->arena, "the server refuses %s (HTTP %d)",
		                    t->remote->token ? "the token" : "access without a token", status);
	if (status == 404)
		return arena_printf(t->arena, "the server has no such repository, or does not show it%s (HTTP 404)",
		                    t->remote->token ? " for this token" : " without a token");
	if (status >= 300 && status < 400)
		return arena_printf(t->arena, "the server redirects (HTTP %d), which is not followed with a token; give "
		                              "the URL that it redirects to", status);
	return arena_printf(t->arena, "the server answers with HTTP %d", status);
}

static bool is_local_repository(const struct git_transport *t)
{
	return t->url.transport == GIT_SCHEME_PATH || t->url.transport == GIT_SCHEME_FILE;
}

/* libgit2 has a sentence of its own for each way in which a folder is no repository. */
static bool is_no_repository(const git_error *e)
{
	static const char *const none[] = {
		"could not find repository", "unsupported URL protocol", "failed to resolve path",
	};

	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (strstr(e->message, none[i]))
			return true;
	return false;
}

/* "github.com" if the path github.com/foo/bar, which is not there, must be a URL without its scheme; or NULL. */
static const char *find_missing_host(const struct git_transport *t)
{
	const char *path = t->url.text, *end;

	for (const char *part = path + strspn(path, "/"); (end = strchr(part, '/')); part = end + strspn(end, "/")) {
		if (access(arena_strndup(t->arena, path, (size_t)(end - path)), F_OK) == 0)
			continue;
		const char *host = arena_strndup(t->arena, part, (size_t)(end - part)), *dot = strrchr(host, '.');
		bool domain = dot && dot > host && strlen(dot) > 2 && !dot[1 + strspn(dot + 1, LETTERS)];
		return domain && strcmp(dot, ".git") != 0 ? host : NULL;
	}
	return NULL;
}

static const char *explain_path_error(const struct git_transport *t, const git_error *e)
{
	const char *host = is_no_repository(e) && t->url.transport == GIT_SCHEME_PATH ? find_missing_host(t) : NULL;

	if (host)
		return arena_printf(t->arena, "there is no git repository; is https:// missing before %s?", host);
	if (is_no_repository(e))
		return "there is no git repository";
	if (e->klass == GIT_ERROR_ODB)
		return arena_printf(t->arena, "objects are missing in it, as in a shallow or partial clone: give it its whole "
		                    "history (git fetch --unshallow, or a clone without --filter), or give the directory without --git (%s)", clean_server_text(t, e->message));
	return clean_server_text(t, e->message);
}

static const char http_status[] = "unexpected http status code: ";

static const char *explain_libgit2_error(const struct git_transport *t, const git_error *e)
{
	static const char certificate[] = "the SSL certificate is invalid: ";
	const char *format = git_repo_explain_format(e->message);

	if (format)
		return format;
	if (strncmp(e->message, http_status, strlen(http_status)) == 0)
		return explain_http_status(t, atoi(e->message + strlen(http_status)));
	if (strncmp(e->message, certificate, strlen(certificate)) == 0)
		return explain_certificate(t, strtoul(e->message + strlen(certificate), NULL, 16));
	if (strstr(e->message, "unexpected redirect"))
		return explain_http_status(t, 302);
	/* All that it says of a TLS connection on which reading or writing fails. */
	if (strncmp(e->message, "SSL error: 0xffffffff", strlen("SSL error: 0xffffffff")) == 0)
		return arena_printf(t->arena, "the connection to %s broke, as where a server redirects or refuses a request before "
		                    "it came whole", host_with_port(t));
	if (e->klass == GIT_ERROR_NOMEMORY)
		return "what the server sends takes more memory than a fetch may use";
	if (is_local_repository(t))
		return explain_path_error(t, e);
	return clean_server_text(t, e->message);
}

/* A server that is busy, or broken, may be neither later. */
static bool status_is_final(int status)
{
	return status < 500 && status != 408 && status != 429;
}

/* True if a retry cannot succeed.  An unknown failure is not final: the connection may have broken. */
static bool is_final_failure(const struct git_transport *t, const git_error *e)
{
	static const char *const words[] = {
		"the SSL certificate is invalid", "unexpected redirect", "not exported",
		"does not appear to be a git repository", "epository not found",
	};

	if (t->why || e->klass == GIT_ERROR_NOMEMORY ||
	    (is_local_repository(t) && (is_no_repository(e) || e->klass == GIT_ERROR_ODB)))
		return true;
	if (strncmp(e->message, http_status, strlen(http_status)) == 0)
		return status_is_final(atoi(e->message + strlen(http_status)));
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strstr(e->message, words[i]))
			return true;
	return false;
}

bool git_transport_failed(const struct git_transport *t, struct err *err)
{
	static const git_error silent = { .message = (char *)"libgit2 does not say why" };
	const git_error *e = git_error_last();

	if (!e || !e->message)
		e = &silent;
	bool final = is_final_failure(t, e);
	err_set(err, "git repository %s: %s", t->url.shown, t->why ? t->why : explain_libgit2_error(t, e));
	err->kind = final ? ERR_FINAL : ERR_FAILED;
	return false;
}
