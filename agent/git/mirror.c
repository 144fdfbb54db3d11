#include "agent/git/mirror.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fd.h"
#include "agent/util/file.h"
#include "agent/util/file_lock.h"
#include "agent/util/directory.h"
#include "agent/git/git_repack.h"
#include "agent/git/git_repo.h"
#include "agent/git/git_transport.h"
#include "agent/git/local_fetch.h"
#include "reconcile/base/buf.h"
#include "reconcile/schema/digest.h"
#include "reconcile/base/suggest.h"
#include "reconcile/schema/semver.h"

enum { NAMES_SHOWN = 5, FILES_OPEN = 16, WHY_MAX = 4096 };

enum mirror_outcome {
	DONE,
	FAILED,		/* *err is for the user */
	DAMAGED,	/* *err says what is wrong with the mirror */
};

/* One look at a repository. */
struct mirror_visit {
	struct arena *arena;
	const char *dir;
	const struct git_ref *ref;
	const char *path;
	struct diagnostics *warnings;
	struct git_transport *talk;
	git_repository *repository;
	bool fresh;		/* the mirror was made for this visit */
	bool no_copies;		/* copying failed, so libgit2 alone makes the mirror again */
};

/* A ref that the server has, and what is called so. */
struct picked_ref {
	const char *name;		/* of git_revision */
	git_oid id;			/* of a commit or a tag */
	const char *refspecs[2];	/* what to fetch to have it */
	size_t count;
};

static const char heads[] = "refs/heads/", tags[] = "refs/tags/";

bool mirror_shorten_ref(struct git_ref *ref, struct err *err)
{
	const char *prefix = ref->kind == GIT_BRANCH ? heads : ref->kind == GIT_TAG ? tags : NULL;

	if (!prefix || strncmp(ref->text, "refs/", strlen("refs/")) != 0)
		return true;
	if (strncmp(ref->text, prefix, strlen(prefix)) != 0)
		return err_usage(err, "expected the name of a %s, such as %sNAME, found \"%s\"",
		                 ref->kind == GIT_BRANCH ? "branch" : "tag", prefix, ref->text);
	ref->text += strlen(prefix);
	return true;
}

/* ---- files ---- */

/* What cannot be removed is found again when the mirror is made. */
static void remove_mirror_tree(const char *dir)
{
	struct err err;

	/* First as if dir were a symbolic link. */
	if (unlink(dir) < 0)
		directory_remove_tree(dir, &err);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), tail = strlen(end);

	return len >= tail && strcmp(text + len - tail, end) == 0;
}

/* What a fetch leaves behind that was killed: a lock of libgit2 would hold for ever. */
static int remove_leftover(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	if (kind == FTW_F && (ends_with(path, ".lock") || strstr(path + at->base, "_git2_")))
		unlink(path);
	return 0;
}

/* Waits without a limit of its own: the parent process has a deadline. */
static bool lock_mirror(struct arena *a, const char *dir, int *out, struct err *err)
{
	const char *path = arena_printf(a, "%s.lock", dir), *above = file_directory(a, dir);

	return (!*above || directory_make(above, err)) && file_lock_take(path, true, out, err);
}

static const char *corrupt_mark_path(struct arena *a, const char *dir)
{
	return arena_printf(a, "%s.damaged", dir);
}

/* Only who has the lock may throw it away, and to wait for that takes a deadline, which a fetch has.
 * If it cannot be written, what was found will be found again. */
void mirror_mark_corrupt(const char *dir, const char *why)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct err err;

	file_replace(&a, corrupt_mark_path(&a, dir), why, strlen(why), 0600, &err);
}

/* ---- the mirror itself ---- */

/* libgit2 has no code for it. */
static bool mirror_is_disk_full(const struct err *err)
{
	return strstr(err->msg, strerror(ENOSPC)) || strstr(err->msg, strerror(EDQUOT));
}

/* A full disk damages nothing: the mirror would be removed, and could not be cloned again. */
static enum mirror_outcome mirror_corrupt(struct err *err, const char *what)
{
	git_repo_failed(what, err);
	return mirror_is_disk_full(err) ? FAILED : DAMAGED;
}

/* A mirror gets its name only when it is whole: a rename of a folder, for which file_replace() does not help. */
static enum mirror_outcome make_mirror(struct mirror_visit *v, struct err *err)
{
	git_repository_init_options options = GIT_REPOSITORY_INIT_OPTIONS_INIT;
	const char *part = arena_printf(v->arena, "%s.new", v->dir);
	CLEANUP(git_repo_close) git_repository *made = NULL;

	remove_mirror_tree(part);
	options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH;
	options.mode = 0700;
	if (git_repository_init_ext(&made, part, &options) < 0) {
		git_repo_failed(arena_printf(v->arena, "make the mirror %s", v->dir), err);
		return FAILED;
	}
	if (rename(part, v->dir) < 0) {
		err_sys(err, errno, "make the mirror %s", v->dir);
		return FAILED;
	}
	v->fresh = true;
	return DONE;
}

static bool is_marked_corrupt(struct mirror_visit *v, struct err *err)
{
	const char *why;
	size_t len;

	if (!file_read(v->arena, corrupt_mark_path(v->arena, v->dir), WHY_MAX, &why, &len, err))
		return false;
	err_set(err, "%s", why);
	return true;
}

/* The whole configuration of a mirror.  Whatever else stands in its file was not written by us: it could name another
 * proxy or other objects, and a damaged one would cost the whole mirror. */
static const char mirror_config[] = "[core]\n\tbare = true\n\trepositoryformatversion = 0\n\tfilemode = true\n";

static bool reset_config(struct mirror_visit *v, struct err *err)
{
	const char *path = arena_printf(v->arena, "%s/config", v->dir), *text = "";
	struct err unread;
	size_t len;

	if (file_read(v->arena, path, sizeof mirror_config, &text, &len, &unread) && strcmp(text, mirror_config) == 0)
		return true;
	/* What cannot be kept is no loss. */
	if (!v->fresh)
		rename(path, arena_printf(v->arena, "%s.damaged", path));
	return file_replace(v->arena, path, mirror_config, strlen(mirror_config), 0600, err) ||
	       err_wrap(err, "the mirror's %s", path);
}

static enum mirror_outcome open_mirror(struct mirror_visit *v, struct err *err)
{
	enum mirror_outcome outcome = DONE;
	struct stat st;

	if (lstat(v->dir, &st) < 0)
		outcome = make_mirror(v, err);
	else if (is_marked_corrupt(v, err))
		return DAMAGED;
	else
		nftw(v->dir, remove_leftover, FILES_OPEN, FTW_PHYS);
	if (outcome == DONE && !reset_config(v, err))
		return FAILED;
	if (outcome == DONE && git_repository_open_bare(&v->repository, v->dir) < 0)
		return mirror_corrupt(err, "the mirror");
	return outcome;
}

static void close_references(git_reference_iterator **references)
{
	git_reference_iterator_free(*references);
}

static bool commit_is_there(git_repository *repository, const git_oid *id)
{
	CLEANUP(git_repo_close_commit) git_commit *commit = NULL;

	return git_commit_lookup(&commit, repository, id) == 0;
}

static enum mirror_outcome check_reference(struct mirror_visit *v, const char *name, struct err *err)
{
	git_oid id;

	if (git_reference_name_to_id(&id, v->repository, name) < 0 || !commit_is_there(v->repository, &id))
		return mirror_corrupt(err, name);
	return DONE;
}

/* Each has to lead to a commit that can be read: a fetch tells the server that we have them. */
static enum mirror_outcome check_references(struct mirror_visit *v, struct err *err)
{
	CLEANUP(close_references) git_reference_iterator *all = NULL;
	const char *name;
	int code = git_reference_iterator_new(&all, v->repository);

	while (code == 0 && (code = git_reference_next_name(&name, all)) == 0)
		if (check_reference(v, name, err) != DONE)
			return DAMAGED;
	return code == GIT_ITEROVER ? DONE : mirror_corrupt(err, "its references");
}

/* ---- copied packs ---- */

struct oid_list {
	git_oid *ids;
	size_t count, room;
};

static int list_reference_targets(struct mirror_visit *v, struct oid_list *out)
{
	CLEANUP(close_references) git_reference_iterator *all = NULL;
	const char *name;
	int code = git_reference_iterator_new(&all, v->repository);

	while (code == 0 && (code = git_reference_next_name(&name, all)) == 0) {
		arena_grow(v->arena, out->ids, out->count, out->room);
		code = git_reference_name_to_id(&out->ids[out->count++], v->repository, name);
	}
	return code == GIT_ITEROVER ? 0 : code;
}

/* Whether all that comes before a commit of the mirror is there too.  What was fetched is whole, but a copied pack may
 * hold half of what its repository threw away. */
static bool is_whole_commit(struct mirror_visit *v, const git_oid *id)
{
	struct oid_list known = { 0 };

	if (!local_fetch_has_copies(v->arena, v->repository))
		return true;
	return list_reference_targets(v, &known) == 0 &&
	       git_graph_reachable_from_any(v->repository, id, known.ids, known.count) == 1;
}

/* So that is_whole_commit() knows a commit which no remembered ref leads to any more. */
static int keep_commit(struct mirror_visit *v, const git_oid *old, const git_oid *new)
{
	CLEANUP(git_repo_close_reference) git_reference *made = NULL;

	if (!local_fetch_has_copies(v->arena, v->repository) || git_oid_equal(old, new) ||
	    git_graph_descendant_of(v->repository, new, old) == 1)
		return 0;
	return git_reference_create(&made, v->repository, arena_printf(v->arena, "refs/kept/%s", git_oid_tostr_s(old)), old,
	                            1, NULL);
}

/* ---- what is remembered of a ref ---- */

/* "refs/flowsync/1a2b3c4d/": what follows is the name. */
static const char *remembered_prefix(struct arena *a, const struct git_ref *ref)
{
	return arena_printf(a, "refs/flowsync/%s/",
	                    digest_text(a, arena_printf(a, "%d:%s", ref->kind, ref->text ? ref->text : "")));
}

/* Sets *name and *id to what was remembered; *name is NULL if there is nothing. */
static int recall_ref(struct arena *a, git_repository *repository, const struct git_ref *ref, const char **name,
                      git_oid *id)
{
	CLEANUP(close_references) git_reference_iterator *found = NULL;
	const char *place = remembered_prefix(a, ref), *full;
	int code = git_reference_iterator_glob_new(&found, repository, arena_printf(a, "%s*", place));

	*name = NULL;
	if (code == 0)
		code = git_reference_next_name(&full, found);
	if (code == 0)
		code = git_reference_name_to_id(id, repository, full);
	if (code == 0)
		*name = arena_strdup(a, full + strlen(place));
	return code == GIT_ITEROVER ? 0 : code;
}

static enum mirror_outcome remember_ref(struct mirror_visit *v, const char *name, const git_oid *commit,
                                        struct err *err)
{
	CLEANUP(git_repo_close_reference) git_reference *made = NULL;
	const char *place = remembered_prefix(v->arena, v->ref), *before;
	git_oid id;

	if (recall_ref(v->arena, v->repository, v->ref, &before, &id) == 0 && before) {
		if (strcmp(before, name) == 0 && git_oid_equal(&id, commit))
			return DONE;
		if (keep_commit(v, &id, commit) < 0)
			return mirror_corrupt(err, "what is kept");
		git_reference_remove(v->repository, arena_printf(v->arena, "%s%s", place, before));
	}
	return git_reference_create(&made, v->repository, arena_printf(v->arena, "%s%s", place, name), commit, 1,
	                            NULL) == 0 ? DONE : mirror_corrupt(err, "what is remembered");
}

/* A branch moves every day; a tag that does is worth a word. */
static void warn_if_moved(struct mirror_visit *v, const char *name, const git_oid *commit)
{
	char old[GIT_OID_HEXSZ + 1], new[GIT_OID_HEXSZ + 1];
	const char *before;
	git_oid id;

	if (v->ref->kind != GIT_TAG && v->ref->kind != GIT_SEMVER)
		return;
	if (recall_ref(v->arena, v->repository, v->ref, &before, &id) < 0 || !before ||
	    strcmp(before, name) != 0 || git_oid_equal(&id, commit))
		return;
	diagnostics_warn(v->warnings, (struct pos){ 0 }, "git repository %s: the tag %s was moved from %s to %s",
	           v->talk->url.shown, name, git_oid_tostr(old, sizeof old, &id),
	           git_oid_tostr(new, sizeof new, commit));
}

/* ---- what the server has ---- */

struct advertised {
	const git_remote_head **heads;
	size_t count;
};

static const git_remote_head *find_head(const struct advertised *all, const char *name)
{
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->heads[i]->name, name) == 0)
			return all->heads[i];
	return NULL;
}

/* The names below prefix, without what a tag leads to. */
static const char **names_below(struct arena *a, const struct advertised *all, const char *prefix, size_t *count)
{
	const char **names = arena_new(a, const char *, all->count + 1);
	size_t len = strlen(prefix);

	*count = 0;
	for (size_t i = 0; i < all->count; i++)
		if (strncmp(all->heads[i]->name, prefix, len) == 0 && !ends_with(all->heads[i]->name, "^{}"))
			names[(*count)++] = arena_strdup(a, all->heads[i]->name + len);
	return names;
}

/* "; did you mean "main"?", else the first few that there are. */
static const char *list_alternatives(struct mirror_visit *v, const struct advertised *all, const char *prefix)
{
	CLEANUP(buf_done) struct buf text = BUF(512);
	struct suggestion near = { .word = v->ref->text ? v->ref->text : "" };
	size_t count;
	const char **names = names_below(v->arena, all, prefix, &count);

	for (size_t i = 0; i < count; i++)
		suggest_offer(&near, names[i]);
	if (near.best)
		return arena_printf(v->arena, "; did you mean \"%s\"?", near.best);
	if (count == 0)
		return "; it has none";
	for (size_t i = 0; i < count && i < NAMES_SHOWN; i++)
		buf_addf(&text, "%s%s", i ? ", " : "; it has ", names[i]);
	if (count > NAMES_SHOWN)
		buf_addf(&text, " and %zu more", count - NAMES_SHOWN);
	return arena_strdup(v->arena, buf_str(&text));
}

static bool mirror_not_found(struct mirror_visit *v, struct err *err, const char *what, const char *instead)
{
	err_set(err, "git repository %s: %s%s", v->talk->url.shown, what, instead);
	err->kind = ERR_FINAL;
	return false;
}

static void pick_ref(struct mirror_visit *v, const git_remote_head *head, const char *name, struct picked_ref *out)
{
	const char *full = arena_strdup(v->arena, head->name);

	*out = (struct picked_ref){ .name = name, .id = head->oid, .refspecs = { full }, .count = 1 };
}

static bool pick_named(struct mirror_visit *v, const struct advertised *all, const char *prefix, const char *kind,
                       struct picked_ref *out, struct err *err)
{
	const git_remote_head *head = find_head(all, arena_printf(v->arena, "%s%s", prefix, v->ref->text));

	if (!head)
		return mirror_not_found(v, err, arena_printf(v->arena, "it has no %s \"%s\"", kind, v->ref->text),
		                        list_alternatives(v, all, prefix));
	pick_ref(v, head, v->ref->text, out);
	return true;
}

static bool pick_head(struct mirror_visit *v, const struct advertised *all, struct picked_ref *out, struct err *err)
{
	const git_remote_head *head = find_head(all, "HEAD");

	if (!head)
		return mirror_not_found(v, err, "its HEAD does not name a commit: give --branch", list_alternatives(v, all, heads));
	const char *target = head->symref_target;
	bool branch = target && strncmp(target, heads, strlen(heads)) == 0;
	pick_ref(v, head, branch ? arena_strdup(v->arena, target + strlen(heads)) : "HEAD", out);
	return true;
}

static bool pick_version(struct mirror_visit *v, const struct advertised *all, struct picked_ref *out, struct err *err)
{
	const struct semver_range *range;
	size_t count;
	const char **names = names_below(v->arena, all, tags, &count);

	if (!semver_read(v->arena, v->ref->text, &range, err))
		return false;
	const char *best = semver_highest(range, names, count);
	if (!best)
		return mirror_not_found(v, err, arena_printf(v->arena, "it has no tag of a version that fits \"%s\"", v->ref->text),
		                        list_alternatives(v, all, tags));
	pick_ref(v, find_head(all, arena_printf(v->arena, "%s%s", tags, best)), best, out);
	return true;
}

/* A server need not give a commit that no ref leads to, so all is fetched that one may lead to it. */
static bool pick_commit(struct mirror_visit *v, struct picked_ref *out, struct err *err)
{
	*out = (struct picked_ref){ .name = v->ref->text, .count = 2,
	                      .refspecs = { "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*" } };
	return git_oid_fromstr(&out->id, v->ref->text) == 0 ||
	       err_usage(err, "commit \"%s\": expected 40 hex digits", v->ref->text);
}

static bool pick_by_ref(struct mirror_visit *v, const struct advertised *all, struct picked_ref *out, struct err *err)
{
	if (all->count == 0)
		return mirror_not_found(v, err, "it has no commit yet", "");
	switch (v->ref->kind) {
	case GIT_HEAD:		return pick_head(v, all, out, err);
	case GIT_BRANCH:	return pick_named(v, all, heads, "branch", out, err);
	case GIT_TAG:		return pick_named(v, all, tags, "tag", out, err);
	case GIT_SEMVER:	return pick_version(v, all, out, err);
	case GIT_COMMIT:	break;
	}
	return pick_commit(v, out, err);
}

/* ---- fetching ---- */

/* Sets *out to the commit that id is, or leads to as a tag. */
static int peel_to_commit(struct mirror_visit *v, const git_oid *id, git_oid *out)
{
	CLEANUP(git_repo_close_object) git_object *object = NULL, *commit = NULL;
	int code = git_object_lookup(&object, v->repository, id, GIT_OBJECT_ANY);

	if (code == 0)
		code = git_object_peel(&commit, object, GIT_OBJECT_COMMIT);
	if (code == 0)
		*out = *git_object_id(commit);
	return code;
}

/* In a mirror that existed before, an error in its files means that it is corrupt and has to be cloned again. */
static enum mirror_outcome explain_fetch_failure(struct mirror_visit *v, struct err *err)
{
	const git_error *e = git_error_last();
	int kind = e ? e->klass : GIT_ERROR_NONE;
	bool ours = kind == GIT_ERROR_ODB || kind == GIT_ERROR_REFERENCE || kind == GIT_ERROR_INDEXER ||
	            kind == GIT_ERROR_ZLIB || kind == GIT_ERROR_OBJECT;

	if (ours && !v->fresh && !v->talk->why)
		return mirror_corrupt(err, "a fetch into it");
	git_transport_failed(v->talk, err);
	return FAILED;
}

static enum mirror_outcome fetch_pick(struct mirror_visit *v, git_remote *remote, const struct picked_ref *p,
                                      struct err *err)
{
	git_fetch_options options = git_transport_fetching(v->talk);
	char *specs[2];
	git_strarray wanted = { specs, p->count };

	for (size_t i = 0; i < p->count; i++)
		specs[i] = arena_strdup(v->arena, p->refspecs[i]);
	int code = git_remote_download(remote, &wanted, &options);
	return code < 0 ? explain_fetch_failure(v, err) : DONE;
}

static bool no_such_commit(struct mirror_visit *v, const struct picked_ref *p, int code, struct err *err)
{
	if (v->ref->kind != GIT_COMMIT)
		return mirror_not_found(v, err, arena_printf(v->arena, "\"%s\" does not lead to a commit", p->name), "");
	const char *what = code == GIT_ENOTFOUND ? arena_printf(v->arena, "commit %s is on no branch and no tag", v->ref->text)
	                                         : arena_printf(v->arena, "%s is not a commit", v->ref->text);
	return mirror_not_found(v, err, what, "");
}

/* url.*.insteadOf would lead elsewhere; and when libgit2 looks for it, it leaks memory. */
static int make_remote(struct mirror_visit *v, git_remote **out)
{
	git_remote_create_options options = GIT_REMOTE_CREATE_OPTIONS_INIT;

	options.repository = v->repository;
	options.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF;
	return git_remote_create_with_opts(out, v->talk->url.text, &options);
}

/* Opens a source on this machine.  *out stays NULL if it is none, or cannot be opened. */
static void open_local_source(struct mirror_visit *v, git_repository **out)
{
	const struct git_url *url = &v->talk->url;

	if (url->transport == GIT_SCHEME_PATH)
		git_repository_open(out, url->text);
	/* libgit2 takes %20 for a space in a URL. */
	else if (url->transport == GIT_SCHEME_FILE && !strchr(url->text, '%'))
		git_repository_open(out, url->text + strlen("file://"));
}

/* A mirror has all that comes before its commits: a rollback is known by that.  libgit2 1.5 fails to fetch
 * from a shallow clone, 1.9 fetches what there is. */
static bool refuse_shallow(struct mirror_visit *v, git_repository *source, struct err *err)
{
	if (!source || !git_repository_is_shallow(source))
		return true;
	return mirror_not_found(v, err, "it is a shallow clone: give it its whole history (git fetch --unshallow), or "
	                         "give the directory without --git", "");
}

/* What has to be fetched from a source on this machine: the picked ref, or for a commit all branches and tags. */
static struct oid_list list_wanted(struct mirror_visit *v, const struct picked_ref *p, const struct advertised *all)
{
	struct oid_list wanted = { 0 };

	for (size_t i = 0; i < all->count; i++) {
		const char *name = all->heads[i]->name;
		if (v->ref->kind != GIT_COMMIT || ends_with(name, "^{}") ||
		    (strncmp(name, heads, strlen(heads)) != 0 && strncmp(name, tags, strlen(tags)) != 0))
			continue;
		arena_grow(v->arena, wanted.ids, wanted.count, wanted.room);
		wanted.ids[wanted.count++] = all->heads[i]->oid;
	}
	if (v->ref->kind != GIT_COMMIT) {
		arena_grow(v->arena, wanted.ids, wanted.count, wanted.room);
		wanted.ids[wanted.count++] = p->id;
	}
	return wanted;
}

/* A commit that came with a copied pack need not be on a branch. */
static bool is_on_a_branch(struct mirror_visit *v, const struct oid_list *wanted, const git_oid *commit)
{
	struct oid_list tips = { .ids = arena_new(v->arena, git_oid, wanted->count + 1) };

	for (size_t i = 0; i < wanted->count; i++)
		tips.count += peel_to_commit(v, &wanted->ids[i], &tips.ids[tips.count]) == 0;
	return git_graph_reachable_from_any(v->repository, commit, tips.ids, tips.count) == 1;
}

/* Brings the wanted commits from a repository on this machine.  *fetched is false if libgit2 has to fetch them. */
static enum mirror_outcome copy_commits(struct mirror_visit *v, git_repository *source, const struct oid_list *wanted,
                                        bool *fetched, struct err *err)
{
	*fetched = source && !v->no_copies &&
	           local_fetch(source, v->repository, wanted->ids, wanted->count, GIT_TRANSPORT_FETCH_MAX, err);
	if (*fetched || !source || !local_fetch_has_copies(v->arena, v->repository))
		return DONE;
	/* For libgit2 a commit that came with a copied pack is whole, so it must not fetch into this mirror. */
	if (mirror_is_disk_full(err)) {
		err_wrap(err, "git repository %s", v->talk->url.shown);
		return FAILED;
	}
	v->no_copies = true;
	return DAMAGED;
}

/* Fetches what was picked, and sets *commit to it. */
static enum mirror_outcome fetch_commit(struct mirror_visit *v, git_remote *remote, git_repository *source,
                                        const struct picked_ref *p, const struct advertised *all, git_oid *commit,
                                        struct err *err)
{
	struct oid_list wanted = list_wanted(v, p, all);
	bool fetched;
	enum mirror_outcome outcome = copy_commits(v, source, &wanted, &fetched, err);

	if (outcome == DONE && !fetched)
		outcome = fetch_pick(v, remote, p, err);
	if (outcome != DONE)
		return outcome;
	int code = peel_to_commit(v, &p->id, commit);
	if (code == 0 && source && v->ref->kind == GIT_COMMIT && !is_on_a_branch(v, &wanted, commit))
		code = GIT_ENOTFOUND;
	if (code < 0)
		no_such_commit(v, p, code, err);
	return code < 0 ? FAILED : DONE;
}

/* Asks which commits there are, and fetches only if the wanted one is not here yet. */
static enum mirror_outcome ask_server(struct mirror_visit *v, struct picked_ref *p, git_oid *commit, struct err *err)
{
	git_remote_connect_options options = git_transport_connecting(v->talk);
	CLEANUP(git_repo_close_remote) git_remote *remote = NULL;
	CLEANUP(git_repo_close) git_repository *source = NULL;
	struct advertised all = { 0 };
	int code = make_remote(v, &remote);

	if (code == 0)
		code = git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &options);
	if (code == 0)
		code = git_remote_ls(&all.heads, &all.count, remote);
	if (code < 0) {
		git_transport_failed(v->talk, err);
		return FAILED;
	}
	open_local_source(v, &source);
	if (!refuse_shallow(v, source, err) || !pick_by_ref(v, &all, p, err))
		return FAILED;
	if (peel_to_commit(v, &p->id, commit) == 0 && is_whole_commit(v, commit))
		return DONE;
	return fetch_commit(v, remote, source, p, &all, commit, err);
}

/* A commit never changes, so for one that the mirror has, the server need not be asked. */
static enum mirror_outcome find_commit(struct mirror_visit *v, struct picked_ref *p, git_oid *commit, struct err *err)
{
	if (v->ref->kind == GIT_COMMIT && pick_commit(v, p, err) && commit_is_there(v->repository, &p->id) &&
	    is_whole_commit(v, &p->id)) {
		*commit = p->id;
		return DONE;
	}
	return ask_server(v, p, commit, err);
}

/* ---- the folder of the specs ---- */

static enum mirror_outcome find_spec_tree(struct arena *a, git_repository *repository, const git_oid *id,
                                          const char *path, struct git_revision *out, struct err *err)
{
	CLEANUP(git_repo_close_commit) git_commit *commit = NULL;
	struct git_place place;

	if (git_commit_lookup(&commit, repository, id) < 0)
		return mirror_corrupt(err, "a commit");
	git_oid_tostr(out->commit, sizeof out->commit, id);
	enum git_found found = git_repo_follow(a, repository, git_commit_tree_id(commit), "", path ? path : "", &place,
	                                       err);
	if (found == GIT_UNREADABLE)
		return DAMAGED;
	if (found != GIT_FOUND || place.mode != GIT_FILEMODE_TREE) {
		err_set(err, "commit %s has no folder \"%s\"%s", out->commit, path,
		        found == GIT_FOUND ? ": it is a file" : found == GIT_OUTSIDE ? ": it leads out of the repository" : "");
		return FAILED;
	}
	git_oid_tostr(out->tree, sizeof out->tree, &place.id);
	return DONE;
}

static enum mirror_outcome visit_mirror(struct mirror_visit *v, struct git_revision *out, struct err *err)
{
	struct git_revision revision = { 0 };
	struct picked_ref p = { 0 };
	struct err unfolded;
	git_oid commit;
	enum mirror_outcome outcome = open_mirror(v, err);

	if (outcome == DONE)
		outcome = check_references(v, err);
	if (outcome == DONE)
		outcome = find_commit(v, &p, &commit, err);
	if (outcome == DONE)
		outcome = find_spec_tree(v->arena, v->repository, &commit, v->path, &revision, err);
	if (outcome == FAILED && *revision.commit)
		err_wrap(err, "git repository %s", v->talk->url.shown);
	if (outcome != DONE)
		return outcome;
	warn_if_moved(v, p.name, &commit);
	outcome = remember_ref(v, p.name, &commit, err);
	if (outcome != DONE)
		return outcome;
	/* One that did not get smaller is as good as before. */
	git_repack(v->arena, v->repository, v->dir, &unfolded);
	revision.name = p.name;
	*out = revision;
	return DONE;
}

/* Looks, and once more in a new mirror if the one that was there is of no use. */
static bool visit_or_clone_again(struct mirror_visit *v, struct git_revision *out, struct err *err)
{
	enum mirror_outcome outcome = visit_mirror(v, out, err);

	git_repo_close(&v->repository);
	v->repository = NULL;
	if (outcome == DAMAGED && (!v->fresh || v->no_copies)) {
		if (!v->no_copies)
			diagnostics_warn(v->warnings, (struct pos){ 0 }, "the mirror of %s was corrupt; it is cloned again: %s",
			                 v->talk->url.shown, err->msg);
		remove_mirror_tree(v->dir);
		unlink(corrupt_mark_path(v->arena, v->dir));
		outcome = visit_mirror(v, out, err);
		git_repo_close(&v->repository);
	}
	return outcome == DONE || (outcome == DAMAGED && err_wrap(err, "the mirror of %s", v->talk->url.shown));
}

bool mirror_update(struct arena *a, const char *dir, const struct git_remote_place *remote,
                   const struct git_ref *ref, const char *path, struct git_revision *out,
                   struct diagnostics *warnings, struct err *err)
{
	CLEANUP(git_repo_shut_down) bool up = true;
	CLEANUP(git_transport_done) struct git_transport talk = { 0 };
	CLEANUP(fd_close) int held = -1;
	struct mirror_visit v = { .arena = a, .dir = dir, .ref = ref, .path = path, .warnings = warnings, .talk = &talk };

	git_repo_set_up();
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	if (lock_mirror(a, dir, &held, err) &&
	    git_transport_begin(a, remote, arena_printf(a, "%s.known", dir), &talk, err) &&
	    visit_or_clone_again(&v, out, err))
		return true;
	if (mirror_is_disk_full(err))
		err->kind = ERR_FULL;
	return false;
}

bool mirror_known(struct arena *a, const char *dir, const struct git_ref *ref, const char *path,
                  struct git_revision *out, struct err *err)
{
	CLEANUP(git_repo_shut_down) bool up = true;
	CLEANUP(git_repo_close) git_repository *repository = NULL;
	struct git_revision revision = { 0 };
	git_oid id;

	git_repo_set_up();
	if (git_repository_open_bare(&repository, dir) < 0 ||
	    recall_ref(a, repository, ref, &revision.name, &id) < 0)
		return git_repo_failed("the mirror", err);
	if (!revision.name)
		return err_set(err, "no revision of the repository was fetched yet: nothing is planned");
	if (find_spec_tree(a, repository, &id, path, &revision, err) != DONE)
		return err_wrap(err, "the mirror");
	*out = revision;
	return true;
}
