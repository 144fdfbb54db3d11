#include "agent/git/git_repack.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/directory.h"
#include "agent/git/git_repo.h"

enum {
	PACKS_MAX = 50,
	SMALL_BYTES = 8 << 20,	/* a larger one is worth no copy */
};

struct small_packs {
	struct arena *arena;
	const char *folder;
	const char **names;	/* of the small ones, without their endings */
	size_t count, room;
};

static bool is_small(const struct small_packs *p, const char *name)
{
	struct stat st;

	return stat(arena_printf(p->arena, "%s/%s.pack", p->folder, name), &st) == 0 && st.st_size < SMALL_BYTES;
}

static bool find_small(struct small_packs *p, struct err *err)
{
	CLEANUP(directory_close) DIR *dir = opendir(p->folder);
	static const char ending[] = ".idx";
	struct dirent *entry;

	if (!dir)
		return err_sys(err, errno, "%s", p->folder);
	while ((entry = readdir(dir))) {
		size_t len = strlen(entry->d_name), end = strlen(ending);
		if (len <= end || strcmp(entry->d_name + len - end, ending) != 0)
			continue;
		const char *name = arena_strndup(p->arena, entry->d_name, len - end);
		if (!is_small(p, name))
			continue;
		arena_grow(p->arena, p->names, p->count, p->room);
		p->names[p->count++] = name;
	}
	return true;
}

static void close_builder(git_packbuilder **builder)
{
	git_packbuilder_free(*builder);
}

static int add_object(const git_oid *id, void *builder)
{
	return git_packbuilder_insert(builder, id, NULL);
}

/* An object database of one pack alone says what is in it. */
static int add_pack(struct small_packs *p, const char *name, git_packbuilder *builder)
{
	CLEANUP(git_repo_close_odb) git_odb *objects = NULL;
	git_odb_backend *backend;
	int code = git_odb_new(&objects);

	if (code == 0)
		code = git_odb_backend_one_pack(&backend, arena_printf(p->arena, "%s/%s.idx", p->folder, name));
	if (code == 0)
		code = git_odb_add_backend(objects, backend, 1);
	return code == 0 ? git_odb_foreach(objects, add_object, builder) : code;
}

/* Removes the index first: git ignores a pack without an index. */
static void remove_packs(struct small_packs *p)
{
	for (size_t i = 0; i < p->count; i++) {
		unlink(arena_printf(p->arena, "%s/%s.idx", p->folder, p->names[i]));
		unlink(arena_printf(p->arena, "%s/%s.pack", p->folder, p->names[i]));
	}
}

bool git_repack(struct arena *a, git_repository *repository, const char *dir, struct err *err)
{
	struct small_packs p = { .arena = a, .folder = arena_printf(a, "%s/objects/pack", dir) };
	CLEANUP(close_builder) git_packbuilder *builder = NULL;

	if (!find_small(&p, err))
		return false;
	if (p.count <= PACKS_MAX)
		return true;
	int code = git_packbuilder_new(&builder, repository);
	for (size_t i = 0; code == 0 && i < p.count; i++)
		code = add_pack(&p, p.names[i], builder);
	if (code == 0)
		code = git_packbuilder_write(builder, p.folder, 0600, NULL, NULL);
	if (code < 0)
		return git_repo_failed("repack the mirror", err);
	remove_packs(&p);
	return true;
}
