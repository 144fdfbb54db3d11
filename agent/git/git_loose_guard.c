#include "agent/git/git_loose_guard.h"

#include <fcntl.h>
#include <git2/sys/odb_backend.h>
/* git_error_set_str() is declared here since libgit2 1.8, and in git2.h before; 1.5 lacks the file. */
#if LIBGIT2_VER_MAJOR > 1 || (LIBGIT2_VER_MAJOR == 1 && LIBGIT2_VER_MINOR >= 8)
#include <git2/sys/errors.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "agent/util/fd.h"
#include "reconcile/base/arena.h"

enum {
	FIRST = 1000,		/* asked before those that read: theirs are 1 and 2 */
	PIECE = 16 << 10,	/* bytes that are looked at in one go */
};

/* First, so that a backend is its guard. */
struct loose_guard {
	git_odb_backend backend;
	struct arena arena;
	const char *objects;	/* the folder */
};

static void end_inflate(z_stream *z)
{
	inflateEnd(z);
}

/* Unpacks what stands in `in`, to nowhere. */
static int unpack_piece(z_stream *z, unsigned char *in, size_t len)
{
	unsigned char out[PIECE];
	int code = Z_OK;

	z->next_in = in;
	z->avail_in = (unsigned)len;
	while (code == Z_OK && z->avail_in > 0) {
		z->next_out = out;
		z->avail_out = sizeof out;
		code = inflate(z, Z_NO_FLUSH);
	}
	return code;
}

/* True too where there is no such file: then the object is in a pack, or nowhere. */
static bool loose_object_is_whole(const char *path)
{
	CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP(end_inflate) z_stream z = { 0 };
	unsigned char in[PIECE];
	int code = Z_OK;

	if (fd < 0 || inflateInit(&z) != Z_OK)
		return true;
	for (ssize_t len; code == Z_OK && (len = read(fd, in, sizeof in)) > 0; )
		code = unpack_piece(&z, in, (size_t)len);
	return code == Z_STREAM_END;
}

static int check_loose_object(git_odb_backend *backend, const git_oid *id)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct loose_guard *g = (const struct loose_guard *)backend;
	const char *hex = git_oid_tostr_s(id);

	if (loose_object_is_whole(arena_printf(&a, "%s%.2s/%s", g->objects, hex, hex + 2)))
		return GIT_PASSTHROUGH;
	git_error_set_str(GIT_ERROR_ODB, arena_printf(&a, "object %s is corrupt: its file is truncated", hex));
	return GIT_ERROR;
}

static int loose_guard_read(void **bytes, size_t *len, git_object_t *type, git_odb_backend *backend, const git_oid *id)
{
	return check_loose_object(backend, id);
}

static int loose_guard_read_header(size_t *len, git_object_t *type, git_odb_backend *backend, const git_oid *id)
{
	return check_loose_object(backend, id);
}

static void loose_guard_free(git_odb_backend *backend)
{
	struct loose_guard *g = (struct loose_guard *)backend;

	arena_free(&g->arena);
	free(g);
}

static void loose_guard_close_odb(git_odb **objects)
{
	git_odb_free(*objects);
}

int git_loose_guard(git_repository *repository)
{
	CLEANUP(loose_guard_close_odb) git_odb *objects = NULL;
	struct loose_guard *g = calloc(1, sizeof *g);
	int code = git_repository_odb(&objects, repository);

	if (!g)
		abort();
	git_odb_init_backend(&g->backend, GIT_ODB_BACKEND_VERSION);
	g->backend.read = loose_guard_read;
	g->backend.read_header = loose_guard_read_header;
	g->backend.free = loose_guard_free;
	g->objects = arena_printf(&g->arena, "%sobjects/", git_repository_commondir(repository));
	if (code == 0)
		code = git_odb_add_backend(objects, &g->backend, FIRST);
	if (code < 0)
		loose_guard_free(&g->backend);
	return code;
}
