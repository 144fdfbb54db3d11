#include "agent/git/git_checkout.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fd.h"
#include "agent/git/git_repo.h"

enum { TARGET_MAX = 4095 };	/* bytes of a link that a system takes */

/* A folder that is being written, and those it lies in. */
struct checkout_folder {
	const struct checkout_folder *outer;	/* NULL: the top */
	const char *name;
	size_t depth, len;		/* len: bytes of its path */
	int fd;
};

struct checkout_walk {
	git_repository *repository;
	const struct git_checkout_limits *limits;
	size_t entries;
	uint64_t bytes;
	struct diagnostics *warnings;
	struct err *err;
};

/* ---- what went wrong ---- */

/* Made for messages only: who writes holds folders, not paths. */
static const char *checkout_path(struct arena *a, const struct checkout_folder *f, const char *name)
{
	return f->outer ? checkout_path(a, f->outer, arena_printf(a, "%s/%s", f->name, name)) : name;
}

static enum git_checkout checkout_refuse(struct checkout_walk *w, const struct checkout_folder *f, const char *name,
                                         const char *why)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	err_set(w->err, "\"%s\" in it %s", checkout_path(&a, f, name), why);
	w->err->kind = ERR_FINAL;
	return GIT_CHECKOUT_FAILED;
}

static enum git_checkout checkout_too_large(struct checkout_walk *w, const char *what)
{
	err_set(w->err, "it holds more than %s", what);
	w->err->kind = ERR_FINAL;
	return GIT_CHECKOUT_FAILED;
}

/* The first four are the tree's doing, as the folder was empty. */
static enum git_checkout checkout_write_failed(struct checkout_walk *w, const struct checkout_folder *f,
                                               const char *name)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int why = errno;

	if (why == EEXIST)
		return checkout_refuse(w, f, name, "is there already, or twice");
	if (why == ENOTDIR || why == ELOOP || why == ENAMETOOLONG || why == EINVAL || why == EILSEQ)
		return checkout_refuse(w, f, name, "cannot be created under this name");
	err_sys(w->err, why, "write \"%s\"", checkout_path(&a, f, name));
	return GIT_CHECKOUT_FAILED;
}

static enum git_checkout checkout_read_failed(struct checkout_walk *w, const struct checkout_folder *f,
                                              const char *name)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const git_error *e = git_error_last();

	if (e && e->klass == GIT_ERROR_NOMEMORY)
		return checkout_refuse(w, f, name, "takes more memory than a checkout may use");
	const char *path = checkout_path(&a, f, name);
	git_repo_failed(*path ? path : "the tree", w->err);
	return GIT_CHECKOUT_CORRUPT;
}

/* ---- files and links ---- */

static enum git_checkout checkout_write_file(struct checkout_walk *w, const struct checkout_folder *f,
                                             const char *name, const git_oid *id, mode_t mode)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(git_repo_close_blob) git_blob *blob = NULL;
	const struct git_checkout_limits *most = w->limits;

	if (git_repo_read_blob(w->repository, id, most->file_bytes, &blob) < 0)
		return checkout_read_failed(w, f, name);
	if (!blob)
		return checkout_refuse(w, f, name, arena_printf(&a, "is larger than %zu MiB", most->file_bytes >> 20));
	size_t len = (size_t)git_blob_rawsize(blob);
	if (len > most->bytes - w->bytes)
		return checkout_too_large(w, arena_printf(&a, "%" PRIu64 " MiB", most->bytes >> 20));
	w->bytes += len;
	CLEANUP(fd_close) int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0 || !fd_write_all(fd, git_blob_rawcontent(blob), len))
		return checkout_write_failed(w, f, name);
	return GIT_CHECKOUT_DONE;
}

/* It may lead anywhere, as in every checkout: nothing is written through it. */
static enum git_checkout checkout_write_link(struct checkout_walk *w, const struct checkout_folder *f,
                                             const char *name, const git_oid *id)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(git_repo_close_blob) git_blob *blob = NULL;

	if (git_repo_read_blob(w->repository, id, TARGET_MAX, &blob) < 0)
		return checkout_read_failed(w, f, name);
	size_t len = blob ? (size_t)git_blob_rawsize(blob) : 0;
	if (len == 0 || memchr(git_blob_rawcontent(blob), '\0', len))
		return checkout_refuse(w, f, name, "is a symbolic link to something that is not a path");
	if (symlinkat(arena_strndup(&a, git_blob_rawcontent(blob), len), f->fd, name) < 0)
		return checkout_write_failed(w, f, name);
	return GIT_CHECKOUT_DONE;
}

/* ---- folders ---- */

static enum git_checkout checkout_write_folder(struct checkout_walk *w, const struct checkout_folder *f,
                                               const git_oid *id);

/* O_NOFOLLOW: another process may have replaced the new folder by a link. */
static enum git_checkout checkout_enter_folder(struct checkout_walk *w, const struct checkout_folder *outer,
                                               const char *name, const git_oid *id)
{
	struct checkout_folder f = { outer, name, outer->depth + 1, outer->len + strlen(name) + 1, -1 };

	if (f.depth > w->limits->depth)
		return checkout_refuse(w, outer, name, "lies in too many folders");
	if (mkdirat(outer->fd, name, 0777) < 0)
		return checkout_write_failed(w, outer, name);
	CLEANUP(fd_close) int fd = openat(outer->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return checkout_write_failed(w, outer, name);
	f.fd = fd;
	return checkout_write_folder(w, &f, id);
}

static enum git_checkout checkout_submodule(struct checkout_walk *w, const struct checkout_folder *f, const char *name)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	if (mkdirat(f->fd, name, 0777) < 0)
		return checkout_write_failed(w, f, name);
	diagnostics_warn(w->warnings, (struct pos){ 0 }, "\"%s\" is a submodule: it is left empty",
	                 checkout_path(&a, f, name));
	return GIT_CHECKOUT_DONE;
}

/* libgit2 reads whatever stands in a tree.  git would run what a .git says, in any spelling that some
 * file system takes for it. */
static bool is_checkout_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       strcasecmp(name, ".git") != 0;
}

static enum git_checkout checkout_write_entry(struct checkout_walk *w, const struct checkout_folder *f,
                                              const git_tree_entry *entry)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *name = git_tree_entry_name(entry);
	const git_oid *id = git_tree_entry_id(entry);

	if (++w->entries > w->limits->entries)
		return checkout_too_large(w, arena_printf(&a, "%zu files and folders", w->limits->entries));
	if (!is_checkout_name(name))
		return checkout_refuse(w, f, name, "has a name that is refused");
	if (f->len + strlen(name) > w->limits->path)
		return checkout_refuse(w, f, name, "has too long a path");
	switch (git_tree_entry_filemode(entry)) {
	case GIT_FILEMODE_TREE:			return checkout_enter_folder(w, f, name, id);
	case GIT_FILEMODE_LINK:			return checkout_write_link(w, f, name, id);
	case GIT_FILEMODE_COMMIT:		return checkout_submodule(w, f, name);
	case GIT_FILEMODE_BLOB_EXECUTABLE:	return checkout_write_file(w, f, name, id, 0777);
	default:				return checkout_write_file(w, f, name, id, 0666);
	}
}

static enum git_checkout checkout_write_folder(struct checkout_walk *w, const struct checkout_folder *f,
                                               const git_oid *id)
{
	CLEANUP(git_repo_close_tree) git_tree *tree = NULL;
	enum git_checkout outcome = GIT_CHECKOUT_DONE;

	if (git_tree_lookup(&tree, w->repository, id) < 0)
		return checkout_read_failed(w, f, "");
	for (size_t i = 0; outcome == GIT_CHECKOUT_DONE && i < git_tree_entrycount(tree); i++)
		outcome = checkout_write_entry(w, f, git_tree_entry_byindex(tree, i));
	return outcome;
}

enum git_checkout git_checkout(const char *mirror, const struct git_revision *revision,
                               const struct git_checkout_limits *limits, int dir, struct diagnostics *warnings,
                               struct err *err)
{
	CLEANUP(git_repo_shut_down) bool up = true;
	CLEANUP(git_repo_close) git_repository *repository = NULL;
	struct checkout_walk w = { .limits = limits, .warnings = warnings, .err = err };
	git_oid top;

	git_repo_set_up();
	if (git_repository_open_bare(&repository, mirror) < 0 || git_oid_fromstr(&top, revision->tree) < 0) {
		git_repo_failed("the mirror", err);
		return GIT_CHECKOUT_CORRUPT;
	}
	w.repository = repository;
	return checkout_write_folder(&w, &(struct checkout_folder){ .fd = dir }, &top);
}
