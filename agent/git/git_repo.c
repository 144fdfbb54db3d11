#include "agent/git/git_repo.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
	TREE_MAX = 1 << 20, CACHE_MAX = 64 << 20,	/* bytes that are kept of one tree, and of all objects */
	LINKS_MAX = 40,		/* as the system follows */
	TARGET_MAX = 4096,	/* bytes of a link */
};

/* ---- certificate authorities ---- */

static _Thread_local bool reads_authorities;
static char system_authorities[PATH_MAX];	/* the file that libgit2 was built with; "": it reads none by mbedTLS */

struct mbedtls_x509_crt;
int mbedtls_x509_crt_parse_file(struct mbedtls_x509_crt *chain, const char *path);

/* libgit2 reads all authorities of the system whenever it starts, which takes more than the rest of a small plan, and no
 * option turns that off.  Most starts make no connection with TLS.  So libgit2's call of mbedTLS comes here, as the linker
 * prefers the names of the program, and goes on to mbedTLS only when a connection is to be made. */
int mbedtls_x509_crt_parse_file(struct mbedtls_x509_crt *chain, const char *path)
{
	int (*parse)(struct mbedtls_x509_crt *, const char *) = NULL;

	if (!reads_authorities) {
		snprintf(system_authorities, sizeof system_authorities, "%s", path);
		return 0;
	}
	*(void **)&parse = dlsym(RTLD_NEXT, "mbedtls_x509_crt_parse_file");
	return parse ? parse(chain, path) : -1;
}

bool git_repo_read_authorities(const char *file)
{
	if (!file && !*system_authorities)
		return true;
	reads_authorities = true;
	int code = git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, file ? file : system_authorities, NULL);
	reads_authorities = false;
	/* Without those of the system no certificate is trusted, which the connection reports. */
	return !file || code == 0;
}

void git_repo_set_up(void)
{
	static const int levels[] = {
		GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
		GIT_CONFIG_LEVEL_GLOBAL,
	};

	git_libgit2_init();
	/* A home that cannot be read would be an error. */
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	/* A folder's trees are looked at again for each of its files; large ones would not be
	 * kept. */
	git_libgit2_opts(GIT_OPT_SET_CACHE_OBJECT_LIMIT, GIT_OBJECT_TREE, (size_t)TREE_MAX);
	git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)CACHE_MAX);
}

void git_repo_shut_down(bool *up)
{
	if (*up)
		git_libgit2_shutdown();
}

const char *git_repo_explain_format(const char *message)
{
	if (strstr(message, "objectformat") || strstr(message, "object format"))
		return "it stores objects by SHA-256; flowsync reads repositories with SHA-1 only";
	/* A server's list of refs. */
	if (strstr(message, "error parsing REF pkt-line"))
		return "its refs cannot be read: either it stores objects by SHA-256 (flowsync reads SHA-1 only), or the "
		       "answer is damaged";
	return NULL;
}

bool git_repo_failed(const char *where, struct err *err)
{
	const git_error *e = git_error_last();
	const char *message = e && e->message ? e->message : "cannot be read", *format = git_repo_explain_format(message);

	return err_set(err, "%s: %s", where, format ? format : message);
}

void git_repo_close(git_repository **repository)
{
	git_repository_free(*repository);
}

void git_repo_close_odb(git_odb **objects)
{
	git_odb_free(*objects);
}

void git_repo_close_tree(git_tree **tree)
{
	git_tree_free(*tree);
}

void git_repo_close_commit(git_commit **commit)
{
	git_commit_free(*commit);
}

void git_repo_close_blob(git_blob **blob)
{
	git_blob_free(*blob);
}

void git_repo_close_object(git_object **object)
{
	git_object_free(*object);
}

void git_repo_close_reference(git_reference **reference)
{
	git_reference_free(*reference);
}

void git_repo_close_remote(git_remote **remote)
{
	git_remote_free(*remote);
}

int git_repo_read_blob(git_repository *repository, const git_oid *id, size_t most, git_blob **out)
{
	CLEANUP(git_repo_close_odb) git_odb *objects = NULL;
	git_object_t type;
	size_t len = 0;
	int code = git_repository_odb(&objects, repository);

	*out = NULL;
	if (code == 0)
		code = git_odb_read_header(&len, &type, objects, id);
	return code < 0 || len > most ? code : git_blob_lookup(out, repository, id);
}

/* ---- paths and links ---- */

/* Where a walk stands: the folders from the top down to it. */
struct path_walk {
	struct arena *arena;
	git_repository *repository;
	struct git_place *folders;	/* the first is the top */
	size_t count, room;
	unsigned links;
	struct err *err;
};

static enum git_found path_walk_unreadable(struct path_walk *w, const char *path)
{
	git_repo_failed(*path ? path : "the tree", w->err);
	return GIT_UNREADABLE;
}

static void path_walk_enter(struct path_walk *w, const char *path, const git_oid *id)
{
	arena_grow(w->arena, w->folders, w->count, w->room);
	w->folders[w->count++] = (struct git_place){ path, *id, GIT_FILEMODE_TREE };
}

/* What is called name in the folder where the walk stands. */
static enum git_found path_walk_look_up(struct path_walk *w, const char *name, struct git_place *out)
{
	const struct git_place *here = &w->folders[w->count - 1];
	CLEANUP(git_repo_close_tree) git_tree *tree = NULL;

	if (git_tree_lookup(&tree, w->repository, &here->id) < 0)
		return path_walk_unreadable(w, here->path);
	const git_tree_entry *entry = git_tree_entry_byname(tree, name);
	if (!entry)
		return GIT_MISSING;
	out->path = *here->path ? arena_printf(w->arena, "%s/%s", here->path, name) : arena_strdup(w->arena, name);
	out->id = *git_tree_entry_id(entry);
	out->mode = git_tree_entry_filemode(entry);
	return GIT_FOUND;
}

/* What is left to walk once the link is followed. */
static enum git_found path_walk_read_link(struct path_walk *w, const struct git_place *link, const char **rest)
{
	CLEANUP(git_repo_close_blob) git_blob *blob = NULL;

	if (++w->links > LINKS_MAX)
		return GIT_CIRCLE;
	if (git_repo_read_blob(w->repository, &link->id, TARGET_MAX, &blob) < 0)
		return path_walk_unreadable(w, link->path);
	if (!blob)
		return GIT_MISSING;
	size_t len = (size_t)git_blob_rawsize(blob);
	const char *target = git_blob_rawcontent(blob);
	if (len == 0 || memchr(target, '\0', len))
		return GIT_MISSING;
	if (*target == '/')
		return GIT_OUTSIDE;
	*rest = arena_printf(w->arena, "%.*s/%s", (int)len, target, *rest);
	return GIT_FOUND;
}

/* Goes up one folder. */
static enum git_found path_walk_leave(struct path_walk *w)
{
	if (w->count == 1)
		return GIT_OUTSIDE;
	w->count--;
	return GIT_FOUND;
}

static enum git_found path_walk_follow(struct path_walk *w, const char *rest, struct git_place *out)
{
	enum git_found found = GIT_FOUND;
	struct git_place next = { 0 };

	for (rest += strspn(rest, "/"); *rest; rest += strspn(rest, "/")) {
		const char *name = arena_strndup(w->arena, rest, strcspn(rest, "/"));
		rest += strlen(name);
		if (strcmp(name, ".") == 0)
			continue;
		found = strcmp(name, "..") == 0 ? path_walk_leave(w) : path_walk_look_up(w, name, &next);
		if (found == GIT_FOUND && strcmp(name, "..") == 0)
			continue;
		if (found == GIT_FOUND && next.mode == GIT_FILEMODE_LINK) {
			found = path_walk_read_link(w, &next, &rest);
		} else if (found == GIT_FOUND && next.mode == GIT_FILEMODE_TREE) {
			path_walk_enter(w, next.path, &next.id);
		} else if (found == GIT_FOUND) {
			/* A file: nothing but its name may be left. */
			if (rest[strspn(rest, "/")])
				return GIT_MISSING;
			*out = next;
			return GIT_FOUND;
		}
		if (found != GIT_FOUND)
			return found;
	}
	*out = w->folders[w->count - 1];
	return GIT_FOUND;
}

enum git_found git_repo_follow(struct arena *a, git_repository *repository, const git_oid *tree,
                               const char *from, const char *path, struct git_place *out, struct err *err)
{
	struct path_walk w = { .arena = a, .repository = repository, .err = err };
	struct git_place start;

	path_walk_enter(&w, "", tree);
	enum git_found found = path_walk_follow(&w, from, &start);
	return found == GIT_FOUND ? path_walk_follow(&w, path, out) : found;
}
