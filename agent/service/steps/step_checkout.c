#include "agent/service/steps/step_checkout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/directory.h"
#include "agent/util/base64.h"
#include "agent/util/fd.h"
#include "agent/git/git_checkout.h"
#include "agent/git/git_fetch.h"
#include "agent/net/git_url.h"
#include "agent/service/steps/secrets.h"

enum { COMMIT_SHOWN = 10 };	/* digits */

/* ---- the service's side ---- */

/* True for "user@host:path" of ssh; "host:8443/path" only lacks its scheme. */
static bool step_checkout_is_scp(const char *text)
{
	size_t name = strcspn(text, "@:/");

	return text[name] == '@' && text[name + strcspn(text + name, ":/")] == ':';
}

static bool step_checkout_complete_url(struct arena *a, const char *text, const char **out, struct err *err)
{
	if (*text == '.' || *text == '~')
		return err_usage(err, "the repository's url is a relative path, expected a URL or an absolute path");
	bool whole = !*text || *text == '/' || strstr(text, "://") || step_checkout_is_scp(text);
	*out = whole ? text : arena_printf(a, "https://%s", text);
	return true;
}

/* Checked here, since git_url_read() would name options that a step does not have. */
static bool step_checkout_check_user(const char *url, struct err *err)
{
	const char *scheme = strstr(url, "://");

	if (!scheme || strncmp(url, "ssh://", 6) == 0 || strncmp(url, "file://", 7) == 0)
		return true;
	size_t host = strcspn(scheme + 3, "/?#");
	return !memchr(scheme + 3, '@', host) ||
	       err_usage(err, "the repository's url contains a user or a password: remove that, and name a stored "
	                 "credential as its token");
}

static bool step_checkout_read_url(struct arena *a, const struct node *repository, struct git_fetch *f,
                                   struct git_url *url, struct err *err)
{
	const char *text = node_get_text(repository, "url"), *branch = node_get_text(repository, "branch");

	if (!text || !*text)
		return err_usage(err, "the repository has no url");
	if (!branch || !*branch)
		return err_usage(err, "the repository has no branch");
	f->ref = (struct git_ref){ GIT_BRANCH, branch };
	return mirror_shorten_ref(&f->ref, err) &&
	       step_checkout_complete_url(a, text, &f->remote.url, err) &&
	       step_checkout_check_user(f->remote.url, err) && git_url_read(a, f->remote.url, url, err);
}

/* "USER:PASSWORD", or a token alone. */
static bool step_checkout_read_credential(struct arena *a, const char *value, const struct git_url *url,
                                          const char *name, struct git_remote_place *out, struct err *err)
{
	const char *colon = strchr(value, ':');

	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			return err_set(err, "secret \"%s\" is not a credential, expected one line of printable ASCII",
			               name);
	out->username = colon && colon > value ? arena_strndup(a, value, (size_t)(colon - value)) : NULL;
	out->token = colon ? colon + 1 : value;
	if (!*out->token)
		return err_set(err, "secret \"%s\" is empty, expected USER:PASSWORD or a token", name);
	return git_url_check_token(url, err);
}

static const char *const *step_checkout_append_masks(struct arena *a, const char *const *masks, const char *const *more,
                                                     size_t count)
{
	size_t had = 0;

	while (masks && masks[had])
		had++;
	const char **all = arena_new(a, const char *, had + count + 1);
	for (size_t i = 0; i < had; i++)
		all[i] = masks[i];
	for (size_t i = 0; i < count; i++)
		all[had + i] = more[i];
	return all;
}

/* The credential, and its form in a request. */
static const char *const *step_checkout_masks(struct arena *a, const char *value, const struct git_remote_place *r,
                                              const char *const *masks)
{
	const char *pair = arena_printf(a, "%s:%s", r->username ? r->username : "git", r->token);
	const char *const more[] = { value, r->token, base64_encode(a, pair, strlen(pair)) };

	return step_checkout_append_masks(a, masks, more, ARRAY_LEN(more));
}

/* The command runs in another working directory. */
static const char *step_checkout_absolute_path(struct arena *a, const char *path)
{
	char here[4096];

	return !path || *path == '/' || !getcwd(here, sizeof here) ? path : arena_printf(a, "%s/%s", here, path);
}

static void step_checkout_set_options(struct arena *a, const struct step_checkout_options *place,
                                      const struct git_url *url, struct git_fetch *f)
{
	f->mirror = arena_printf(a, "%s/%s", step_checkout_absolute_path(a, place->mirrors), url->folder);
	f->remote.ca_file = step_checkout_absolute_path(a, place->ca_file);
	f->remote.ssh_key_file = step_checkout_absolute_path(a, place->ssh_key);
	f->remote.known_hosts_file = step_checkout_absolute_path(a, place->known_hosts);
	f->remote.advice = "name a stored one as the repository's token";
}

bool step_checkout_command(struct arena *a, const struct node *repository, const struct step_checkout_options *place,
                           struct attempt_command *out, const char *const **masks, struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char *name = node_get_text(repository, "token"), *value = NULL;
	struct git_fetch f = { 0 };
	struct git_url url;

	if (!step_checkout_read_url(a, repository, &f, &url, err))
		return false;
	if (name && *name && (!secret_read(a, place->secrets_dir, name, &value, err) ||
	                      !step_checkout_read_credential(a, value, &url, name, &f.remote, err)))
		return err_wrap(err, "the credential of %s", url.shown);
	step_checkout_set_options(a, place, &url, &f);
	git_fetch_write(&f, &text);
	*out = attempt_hidden_command(a, "step-checkout", &text);
	if (f.remote.token)
		*masks = step_checkout_masks(a, value, &f.remote, *masks);
	return true;
}

/* ---- the command's side ---- */

/* Names come from the repository: control characters would forge lines of the log. */
static void step_checkout_print_line(FILE *log, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, log);
	fputc('\n', log);
}

static void step_checkout_print_warnings(FILE *log, const struct diagnostics *warnings)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < warnings->count; i++)
		step_checkout_print_line(log, arena_printf(&a, "warning: %s", warnings->items[i].message));
	if (warnings->left_out)
		step_checkout_print_line(log, arena_printf(&a, "warning: and %zu more", warnings->left_out));
}

/* So that all that is in it later was written by us. */
static bool step_checkout_check_empty(struct err *err)
{
	CLEANUP(directory_close) DIR *dir = opendir(".");
	struct dirent *entry;

	if (!dir)
		return err_sys(err, errno, "read the folder of the step");
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return err_usage(err, "the folder of the step is not empty");
	return true;
}

/* Empties the folder again, and has the mirror cloned again. */
static bool step_checkout_start_again(const struct git_fetch *f, struct err *err)
{
	mirror_mark_corrupt(f->mirror, err->msg);
	return directory_empty(".", err);
}

/* That a mirror is corrupt is noticed when it is read: then it is cloned again, once. */
static bool step_checkout_fetch_and_write(struct arena *a, const struct git_fetch *f, const struct git_url *url,
                                          int64_t limit_ms,
                                          struct git_revision *out, struct diagnostics *warnings, struct err *err)
{
	static const struct git_checkout_limits limits = GIT_CHECKOUT_LIMITS;
	CLEANUP(fd_close) int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum git_checkout outcome = GIT_CHECKOUT_CORRUPT;

	if (here < 0)
		return err_sys(err, errno, "open the folder of the step");
	for (int tries = 0; outcome == GIT_CHECKOUT_CORRUPT && tries < 2; tries++) {
		if ((tries > 0 && !step_checkout_start_again(f, err)) ||
		    !git_fetch_run(a, f, limit_ms, -1, out, warnings, err))
			return false;
		outcome = git_checkout(f->mirror, out, &limits, here, warnings, err);
	}
	return outcome == GIT_CHECKOUT_DONE || err_wrap(err, "git repository %s: commit %s", url->shown, out->commit);
}

/* Of any other kind than ERR_FAILED trying again is of no use (mirror.h, git_checkout.h). */
static void step_checkout_fail(struct arena *a, FILE *log, const struct err *err, struct attempt_reply *reply)
{
	step_checkout_print_line(log, err->msg);
	*reply = (struct attempt_reply){
		.found = true, .message = arena_strdup(a, err->msg), .final = err->kind != ERR_FAILED,
	};
}

bool step_checkout_run(struct arena *a, const char *document, size_t len, int64_t limit_ms, FILE *log,
                       struct attempt_reply *reply)
{
	struct diagnostics warnings = { .arena = a };
	struct git_revision revision;
	struct git_fetch f;
	struct git_url url;
	struct err err;

	if (!git_fetch_read(a, document, len, &f, &err)) {
		step_checkout_print_line(log, err.msg);
		return false;
	}
	*reply = (struct attempt_reply){ 0 };
	if (!git_url_read(a, f.remote.url, &url, &err) || !step_checkout_check_empty(&err)) {
		step_checkout_fail(a, log, &err, reply);
		return true;
	}
	git_url_warn_if_plain(&url, &warnings);
	bool done = step_checkout_fetch_and_write(a, &f, &url, limit_ms, &revision, &warnings, &err);
	step_checkout_print_warnings(log, &warnings);
	if (done)
		step_checkout_print_line(log, arena_printf(a, "checked out %s of %s at %.*s", revision.name, url.shown,
		                                           COMMIT_SHOWN, revision.commit));
	else
		step_checkout_fail(a, log, &err, reply);
	return true;
}
