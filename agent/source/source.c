#include "agent/source/source.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/directory.h"
#include "agent/source/source_git.h"
#include "agent/net/git_url.h"
#include "agent/util/secret_file.h"
#include "agent/util/state_directory.h"
#include "agent/util/token_file.h"
#include "reconcile/schema/digest.h"
#include "reconcile/schema/semver.h"

/* ---- which source is meant ---- */

static enum origin_kind origin_strength(const struct settings *s, const void *member)
{
	const struct origin *origin = settings_origin(s, member);

	return origin ? origin->kind : ORIGIN_DEFAULT;
}

/* Sets *git to whether a repository is meant, not a directory. */
static bool choose_source_kind(const struct context *ctx, bool *git, struct err *err)
{
	const struct settings *s = ctx->settings;
	enum origin_kind dir = ctx->argument_count ? ORIGIN_OPTION : origin_strength(s, &s->dir);
	enum origin_kind url = origin_strength(s, &s->git);

	if (dir == url && url != ORIGIN_DEFAULT)
		return err_usage(err, "a directory and a git repository are given: a sync has one source");
	*git = url > dir;
	return true;
}

/* What says which part of a repository is meant has no meaning for a directory. */
static bool check_directory(const struct settings *s, struct err *err)
{
	const struct { const char *name; const void *member; } parts[] = {
		{ "--branch", &s->branch }, { "--tag", &s->tag }, { "--semver", &s->semver },
		{ "--commit", &s->commit }, { "--path", &s->path },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (origin_strength(s, parts[i].member) == ORIGIN_OPTION)
			return err_usage(err, "%s is given, but no git repository (--git URL)", parts[i].name);
	return true;
}

/* ---- which revision of it ---- */

static bool check_commit(struct arena *a, struct git_ref *ref, struct err *err)
{
	char *text = arena_strdup(a, ref->text);

	for (char *p = text; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (strlen(text) != 40 || strspn(text, "0123456789abcdef") != 40)
		return err_usage(err, "commit \"%s\": expected all 40 hex digits of a commit", ref->text);
	ref->text = text;
	return true;
}

static bool check_ref(struct arena *a, struct git_ref *ref, struct err *err)
{
	const struct semver_range *range;

	if (ref->kind == GIT_COMMIT)
		return check_commit(a, ref, err);
	return mirror_shorten_ref(ref, err) && (ref->kind != GIT_SEMVER || semver_read(a, ref->text, &range, err));
}

static bool choose_ref(struct context *ctx, struct git_ref *out, struct err *err)
{
	const struct settings *s = ctx->settings;
	const struct { enum git_ref_kind kind; const char *const *text; } choices[] = {
		{ GIT_BRANCH, &s->branch }, { GIT_TAG, &s->tag }, { GIT_SEMVER, &s->semver }, { GIT_COMMIT, &s->commit },
	};
	enum origin_kind best = ORIGIN_DEFAULT;
	const char *name = NULL;

	*out = (struct git_ref){ .kind = GIT_HEAD };
	for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
		enum origin_kind found = origin_strength(s, choices[i].text);
		if (found == ORIGIN_DEFAULT || found < best)
			continue;
		if (found == best)
			return err_usage(err, "%s and %s are given: choose one of them", name,
			                 settings_origin(s, choices[i].text)->name);
		best = found;
		name = settings_origin(s, choices[i].text)->name;
		*out = (struct git_ref){ choices[i].kind, *choices[i].text };
	}
	return check_ref(ctx->arena, out, err);
}

/* Without slashes at its ends, so that the names of files begin with it. */
static const char *trim_spec_path(struct arena *a, const char *path)
{
	if (!path)
		return NULL;
	while (*path == '/' || strncmp(path, "./", 2) == 0)
		path++;
	size_t len = strlen(path);
	while (len > 0 && path[len - 1] == '/')
		len--;
	return len && strcmp(path, ".") != 0 ? arena_strndup(a, path, len) : NULL;
}

/* ---- credentials ---- */

static bool read_git_token(struct context *ctx, const char **out, struct err *err)
{
	const char *file = ctx->settings->git_token_file, *text = env_get(ctx->env, "FLOWSYNC_GIT_TOKEN");

	if (file) {
		if (!token_file_read(ctx->arena, file, out, err))
			return err_wrap(err, "git");
		if (!ctx->job)	/* else the agent has warned */
			secret_file_warn(ctx->log, "git token file", file);
		return true;
	}
	for (const char *p = text; p && *p; p++)
		if (*p <= ' ' || *p > '~')
			return err_usage(err, "FLOWSYNC_GIT_TOKEN contains a space, a line break or another character that "
			                      "no token contains");
	*out = text;
	return true;
}

static bool choose_credentials(struct context *ctx, const struct git_url *url, struct git_remote_place *out,
                               struct err *err)
{
	const struct settings *s = ctx->settings;
	const char *home = env_get(ctx->env, "HOME");

	out->username = s->git_username;
	out->ca_file = s->git_ca_file;
	out->ssh_key_file = s->ssh_key;
	out->known_hosts_file = s->known_hosts ? s->known_hosts
	                      : home ? arena_printf(ctx->arena, "%s/.ssh/known_hosts", home) : NULL;
	if (url->transport != GIT_SCHEME_HTTP && url->transport != GIT_SCHEME_HTTPS)
		return true;
	if (!read_git_token(ctx, &out->token, err))
		return false;
	if (out->token && !git_url_check_token(url, err))
		return false;
	if (out->username && strchr(out->username, ':'))
		return err_usage(err, "the user for the git repository contains a colon");
	return true;
}

static bool choose_repository(struct context *ctx, struct git_fetch *f, struct git_url *url, struct err *err)
{
	const struct settings *s = ctx->settings;
	char *real = git_url_is_path(s->git) ? realpath(s->git, NULL) : NULL;

	/* One mirror for one repository, wherever we stand. */
	f->remote.url = arena_strdup(ctx->arena, real ? real : s->git);
	free(real);
	f->path = trim_spec_path(ctx->arena, s->path);
	if (!git_url_read(ctx->arena, f->remote.url, url, err) || !choose_ref(ctx, &f->ref, err) ||
	    !choose_credentials(ctx, url, &f->remote, err))
		return false;
	f->mirror = s->state_dir ? arena_printf(ctx->arena, "%s/git/%s", s->state_dir, url->folder) : "";
	return true;
}

bool source_fetch(struct context *ctx, struct git_fetch *out, struct err *err)
{
	struct git_fetch f = { 0 };
	struct git_url url;
	bool git = false;

	if (!choose_source_kind(ctx, &git, err) || (git ? !choose_repository(ctx, &f, &url, err)
	                                    : !check_directory(ctx->settings, err)))
		return false;
	*out = f;
	return true;
}

/* ---- reading ---- */

/* Equal files, equal tree: what is approved for one is approved for no other. */
static void digest_files(struct arena *a, struct source_files *files, char out[41])
{
	static const unsigned char no_key[DIGEST_SIZE];
	CLEANUP(buf_done) struct buf all = BUF_TEXT;
	unsigned char sum[DIGEST_SIZE];

	for (size_t i = 0; i < files->count; i++) {
		struct source_file *f = &files->items[i];
		if (f->bytes)
			source_file_digest(f);
		buf_add(&all, f->name, strlen(f->name) + 1);
		buf_add(&all, (const char *)f->digest, sizeof f->digest);
	}
	digest_hmac(no_key, sizeof no_key, buf_str(&all), all.len, sum);
	snprintf(out, 41, "%s", digest_hex(a, sum, 20));
}

static bool read_directory(struct context *ctx, struct source *out, struct diagnostics *faults, struct err *err)
{
	struct stat st;

	out->kind = "directory";
	if (!context_dir(ctx, &out->location, err))
		return false;
	if (stat(out->location, &st) < 0)
		err_sys(err, errno, "%s", out->location);
	else if (!S_ISDIR(st.st_mode))
		err_set(err, "%s: expected a directory of specs, found a file", out->location);
	else {
		if (!source_dir_settled(ctx->arena, out->location, ctx->stop_fd, &out->files, faults, err))
			return false;
		digest_files(ctx->arena, &out->files, out->revision.tree);
		return true;
	}
	err->kind = ERR_USAGE;
	return false;
}

/* The mirror exists only during the cycle. */
static bool make_temporary_mirror_place(struct context *ctx, struct git_fetch *f, struct source *out, struct err *err)
{
	const char *above = env_get(ctx->env, "TMPDIR");
	char *folder = arena_printf(ctx->arena, "%s/flowsync-XXXXXX", above ? above : "/tmp");
	if (!mkdtemp(folder))
		return err_sys(err, errno, "make a folder in %s", above ? above : "/tmp");
	out->temporary = folder;
	f->mirror = arena_printf(ctx->arena, "%s/mirror", folder);
	return true;
}

/* A plan needs no state directory. */
static bool make_mirror_place(struct context *ctx, struct git_fetch *f, struct source *out, struct err *err)
{
	const char *state = ctx->settings->state_dir;

	return (*f->mirror && state_directory_make(state, err) &&
	        directory_make(arena_printf(ctx->arena, "%s/git", state), err)) ||
	       make_temporary_mirror_place(ctx, f, out, err);
}

static bool fetch_source(struct context *ctx, const struct git_fetch *f, struct git_revision *out,
                         struct diagnostics *faults, struct err *err)
{
	log_debug(ctx->log, "source: asking %s", f->remote.url);
	return git_fetch_run(ctx->arena, f, git_fetch_limit(f, ctx->settings->timeout_ms), ctx->stop_fd, out, faults,
	                     err);
}

/* A plan has to work when the disk of the state directory is full. */
static bool fetch_or_clone_elsewhere(struct context *ctx, struct git_fetch *f, struct source *out,
                                     struct diagnostics *faults, struct err *err)
{
	if (fetch_source(ctx, f, &out->revision, faults, err))
		return true;
	if (err->kind != ERR_FULL || out->temporary)
		return false;
	diagnostics_warn(faults, (struct pos){ 0 }, "the commits could not be stored, and are fetched for this time only: %s",
	                 err->msg);
	return make_temporary_mirror_place(ctx, f, out, err) && fetch_source(ctx, f, &out->revision, faults, err);
}

/* A damaged mirror is recognised when it is read: then everything is fetched again, once. */
static bool read_mirror_again(struct context *ctx, const struct git_fetch *f, const struct git_revision *pin,
                              struct source *out, struct diagnostics *faults, struct err *err)
{
	struct git_revision revision;

	mirror_mark_corrupt(f->mirror, err->msg);
	if (!fetch_source(ctx, f, &revision, faults, err))
		return false;
	if (!pin)
		out->revision = revision;
	return source_git_read(ctx->arena, f->mirror, &out->revision, f->path, &out->files, faults, err) ||
	       err_wrap(err, "git repository %s", out->location);
}

static bool read_git(struct context *ctx, struct git_fetch *f, const struct git_revision *pin,
                     struct source *out, struct diagnostics *faults, struct err *err)
{
	struct git_url url;

	if (!git_url_read(ctx->arena, f->remote.url, &url, err) || !make_mirror_place(ctx, f, out, err))
		return false;
	out->kind = "git";
	out->location = url.shown;
	out->path = f->path;
	git_url_warn_if_plain(&url, faults);
	if (pin)
		out->revision = *pin;
	else if (!fetch_or_clone_elsewhere(ctx, f, out, faults, err))
		return false;
	out->mirror = f->mirror;
	log_debug(ctx->log, "source: %s is %s, tree %s", out->revision.name, out->revision.commit, out->revision.tree);
	return source_git_read(ctx->arena, f->mirror, &out->revision, f->path, &out->files, faults, err) ||
	       read_mirror_again(ctx, f, pin, out, faults, err);
}

bool source_read(struct context *ctx, const struct git_revision *pin, struct source *out,
                 struct diagnostics *faults, struct err *err)
{
	struct git_fetch f;

	if (!source_fetch(ctx, &f, err))
		return false;
	out->files.bytes = &out->bytes;
	return f.mirror ? read_git(ctx, &f, pin, out, faults, err) : read_directory(ctx, out, faults, err);
}

bool source_read_known(struct source *s, struct arena *a, struct source_file *file, struct err *err)
{
	if (!s->mirror)
		return source_dir_read_known(a, file, err);
	if ((s->blobs || source_blobs_open(s->mirror, &s->blobs, err)) && source_blobs_read(s->blobs, a, file, err))
		return true;
	mirror_mark_corrupt(s->mirror, err->msg);
	return err_set(err, "%s; the next cycle fetches the repository again", arena_strdup(a, err->msg));
}

void source_free_bytes(struct source *s)
{
	for (size_t i = 0; i < s->files.count; i++)
		s->files.items[i].bytes = NULL;
	arena_free(&s->bytes);
}

void source_done(struct source *s)
{
	struct err err;

	source_free_bytes(s);
	source_blobs_close(s->blobs);
	if (s->temporary)
		directory_remove_tree(s->temporary, &err);
}
