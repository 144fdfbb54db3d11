#include "agent/git/line_blame.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/git/git_repo.h"
#include "agent/git/history_repository.h"
#include "reconcile/tree/yaml.h"

struct line_blame {
	struct arena arena;
	git_repository *repository;	/* of the history */
	const char *path;		/* inside of it */
	git_blame *blame;		/* of the file as HEAD has it; NULL: HEAD does not have it */
	bool changed;			/* the bytes are others than those of HEAD */
	size_t *lines;			/* if so: the line of HEAD by line of the bytes; 0: HEAD does not have it */
	size_t count, room;
};

/* ---- which lines are those of HEAD ---- */

/* libgit2's own blame of a buffer gives hunks without an author.  With so much context every line is reported. */
static int line_blame_take_line(const git_diff_delta *delta, const git_diff_hunk *hunk, const git_diff_line *line,
                                void *context)
{
	struct line_blame *b = context;

	if ((line->origin != GIT_DIFF_LINE_CONTEXT && line->origin != GIT_DIFF_LINE_ADDITION) || line->new_lineno < 1)
		return 0;
	while (b->count < (size_t)line->new_lineno + 1) {
		arena_grow(&b->arena, b->lines, b->count, b->room);
		b->lines[b->count++] = 0;
	}
	if (line->origin == GIT_DIFF_LINE_CONTEXT)
		b->lines[line->new_lineno] = (size_t)line->old_lineno;
	return 0;
}

/* Sets *out to the file as HEAD has it; to NULL if HEAD does not have it. */
static bool line_blame_read_head(const struct line_blame *b, const git_oid *head, git_blob **out, struct err *err)
{
	CLEANUP(git_repo_close_commit) git_commit *commit = NULL;
	CLEANUP(git_repo_close_tree) git_tree *tree = NULL;
	git_tree_entry *entry = NULL;

	*out = NULL;
	if (git_commit_lookup(&commit, b->repository, head) < 0 || git_commit_tree(&tree, commit) < 0)
		return git_repo_failed(b->path, err);
	int code = git_tree_entry_bypath(&entry, tree, b->path);
	if (code == 0 && git_tree_entry_type(entry) == GIT_OBJECT_BLOB)
		code = git_repo_read_blob(b->repository, git_tree_entry_id(entry), YAML_MAX_BYTES, out);
	git_tree_entry_free(entry);
	return code == 0 || code == GIT_ENOTFOUND || git_repo_failed(b->path, err);
}

static bool line_blame_compare(struct line_blame *b, const git_blob *head, const char *bytes, size_t len,
                               struct err *err)
{
	git_diff_options options = GIT_DIFF_OPTIONS_INIT;

	b->changed = git_blob_rawsize(head) != (git_object_size_t)len ||
	             (len && memcmp(git_blob_rawcontent(head), bytes, len) != 0);
	options.context_lines = YAML_MAX_BYTES;
	options.flags = GIT_DIFF_FORCE_TEXT;
	if (!b->changed)
		return true;
	int code = git_diff_blob_to_buffer(head, NULL, bytes, len, NULL, &options, NULL, NULL, NULL,
	                                   line_blame_take_line, b);
	return code == 0 || git_repo_failed(b->path, err);
}

/* ---- the commits ---- */

/* At the edge of a shallow clone a commit may have changed the line, or one before it.  libgit2 fails there, and leaks
 * memory (1.5), or takes the edge for the first commit (since 1.7).  A work tree that git worktree added is as shallow
 * as its repository. */
static bool line_blame_is_shallow(git_repository *repository)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stat st;

	return stat(arena_printf(&a, "%s/shallow", git_repository_commondir(repository)), &st) == 0;
}

static struct line_blame *line_blame_new(git_repository *repository, const char *path)
{
	struct line_blame *b = calloc(1, sizeof *b);

	if (!b)
		abort();
	b->repository = repository;
	b->path = arena_strdup(&b->arena, path);
	return b;
}

bool line_blame_open(struct file_history *history, const char *path, const char *bytes, size_t len,
                     struct line_blame **out, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(git_repo_close_blob) git_blob *head = NULL;
	const char *inside = file_history_path(history, &a, path);
	git_blame_options options = GIT_BLAME_OPTIONS_INIT;

	*out = NULL;
	if (!inside)
		return true;
	if (line_blame_is_shallow(file_history_repository(history)))
		return err_set(err, "this clone is shallow, so the commits that changed the lines are not known: fetch "
		               "the whole history (git fetch --unshallow, or fetch-depth: 0)");
	CLEANUP(line_blame_closep) struct line_blame *b = line_blame_new(file_history_repository(history), inside);
	if (git_oid_fromstr(&options.newest_commit, file_history_revision(history)) < 0)
		return git_repo_failed(b->path, err);
	if (!line_blame_read_head(b, &options.newest_commit, &head, err))
		return false;
	if (head && git_blame_file(&b->blame, b->repository, b->path, &options) < 0)
		return git_repo_failed(b->path, err);
	if (head && !line_blame_compare(b, head, bytes, len, err))
		return false;
	*out = take(b);
	return true;
}

static bool line_blame_read_commit(struct line_blame *b, const git_oid *id, struct blamed_line *out)
{
	CLEANUP(git_repo_close_commit) git_commit *commit = NULL;
	char hex[GIT_OID_HEXSZ + 1];

	if (git_commit_lookup(&commit, b->repository, id) < 0)
		return false;
	const git_signature *author = git_commit_author(commit);
	git_oid_tostr(hex, sizeof hex, id);
	*out = (struct blamed_line){
		.commit = arena_strdup(&b->arena, hex), .time = author->when.time,
		.author = arena_strdup(&b->arena, *author->name ? author->name : author->email),
	};
	return true;
}

bool line_blame_find(struct line_blame *b, int line, struct blamed_line *out)
{
	size_t at = line > 0 ? (size_t)line : 0;

	*out = (struct blamed_line){ .uncommitted = true };
	if (!b->blame)
		return true;
	if (b->changed && at < b->count && b->lines[at] == 0)
		return true;
	if (b->changed)
		at = at < b->count ? b->lines[at] : 0;
	const git_blame_hunk *hunk = at ? git_blame_get_hunk_byline(b->blame, at) : NULL;
	return hunk && line_blame_read_commit(b, &hunk->final_commit_id, out);
}

void line_blame_close(struct line_blame *b)
{
	if (!b)
		return;
	git_blame_free(b->blame);
	arena_free(&b->arena);
	free(b);
}

void line_blame_closep(struct line_blame **blame)
{
	line_blame_close(*blame);
}
