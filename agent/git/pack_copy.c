#include "agent/git/pack_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <nettle/sha1.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/directory.h"
#include "agent/util/fd.h"
#include "agent/util/file.h"

enum {
	ALTERNATES_DEEP = 5,		/* as git follows */
	ALTERNATES_MAX = 64 << 10,	/* bytes of the file that names them */
	COPY_PIECE = 64 << 10,
	SUM = SHA1_DIGEST_SIZE,
	INDEX_LEAST = 2 * SUM,		/* bytes of an index: the two checksums at its end */
};

struct pack_copier {
	struct arena *arena;
	const char *to;		/* the folder of packs */
	int64_t left;		/* bytes that may still be copied */
	size_t copied;
	struct err *err;
};

/* What came of one file. */
enum copy_outcome {
	COPY_DONE,
	COPY_LEFT_OUT,		/* the source's file is gone, or no good */
	COPY_FAILED,		/* *err says why */
};

static enum copy_outcome copy_failed(struct pack_copier *c, const char *path)
{
	err_sys(c->err, errno, "copy to %s", path);
	return COPY_FAILED;
}

/* Copies through memory, from where both files stand. */
static bool copy_by_reading(int from, int to)
{
	char piece[COPY_PIECE];
	ssize_t len;

	while ((len = read(from, piece, sizeof piece)) > 0)
		if (!fd_write_all(to, piece, (size_t)len))
			return false;
	return len == 0;
}

/* The cheapest way that the file systems offer.  `to` is empty. */
static bool copy_bytes(int from, int to, int64_t len)
{
	ssize_t got = 0;

	if (ioctl(to, FICLONE, from) == 0)
		return true;
	for (; len > 0 && (got = copy_file_range(from, NULL, to, NULL, (size_t)len, 0)) > 0; len -= got)
		;
	/* Across file systems, for example.  What it did copy moved both offsets. */
	return got >= 0 || errno == ENOSPC || errno == EDQUOT ? got >= 0 : copy_by_reading(from, to);
}

/* Sets sum to that of the first len bytes, read from the file as it is now. */
static bool sum_file(int fd, int64_t len, uint8_t *sum)
{
	struct sha1_ctx ctx;
	uint8_t piece[COPY_PIECE];
	int64_t at = 0;

	sha1_init(&ctx);
	while (at < len) {
		size_t want = len - at < COPY_PIECE ? (size_t)(len - at) : COPY_PIECE;
		ssize_t got = pread(fd, piece, want, at);
		if (got <= 0)
			return false;
		sha1_update(&ctx, (size_t)got, piece);
		at += got;
	}
	sha1_digest(&ctx, SUM, sum);
	return true;
}

/* Whether the copy ends with the sum of all before it; sets *tail to the bytes at its end. */
static bool is_whole_copy(int fd, uint8_t tail[INDEX_LEAST])
{
	uint8_t sum[SUM];
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size > INDEX_LEAST && sum_file(fd, st.st_size - SUM, sum) &&
	       pread(fd, tail, INDEX_LEAST, st.st_size - INDEX_LEAST) == INDEX_LEAST && memcmp(tail + SUM, sum, SUM) == 0;
}

/* Copies one file to `part`, and to the disk. */
static enum copy_outcome copy_file_checked(struct pack_copier *c, const char *from, const char *part,
                                           uint8_t tail[INDEX_LEAST])
{
	/* A pipe would be waited for. */
	CLEANUP(fd_close) int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0 || !S_ISREG(st.st_mode))
		return COPY_LEFT_OUT;
	if (st.st_size > c->left) {
		err_set(c->err, "the packs of the repository are too large to be copied");
		return COPY_FAILED;
	}
	CLEANUP(fd_close) int out = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (out < 0 || !copy_bytes(in, out, st.st_size))
		return copy_failed(c, part);
	if (!is_whole_copy(out, tail))
		return COPY_LEFT_OUT;
	c->left -= st.st_size;
	return fsync(out) == 0 ? COPY_DONE : copy_failed(c, part);
}

/* Gives both files their names.  The index comes last: without it a pack does not count. */
static enum copy_outcome name_pack(struct pack_copier *c, const char *name, const char *parts[2])
{
	static const char *const endings[] = { "pack", "idx" };

	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		const char *path = arena_printf(c->arena, "%s/%s.%s", c->to, name, endings[i]);
		if (rename(parts[i], path) < 0)
			return copy_failed(c, path);
	}
	c->copied++;
	return COPY_DONE;
}

static enum copy_outcome copy_pack(struct pack_copier *c, const char *folder, const char *name)
{
	/* A fetch that is killed leaves them, and the next one removes what has this in its name. */
	const char *parts[] = {
		arena_printf(c->arena, "%s/copy_git2_pack", c->to), arena_printf(c->arena, "%s/copy_git2_idx", c->to),
	};
	uint8_t pack[INDEX_LEAST], index[INDEX_LEAST];
	enum copy_outcome outcome = copy_file_checked(c, arena_printf(c->arena, "%s/%s.pack", folder, name), parts[0], pack);

	if (outcome == COPY_DONE)
		outcome = copy_file_checked(c, arena_printf(c->arena, "%s/%s.idx", folder, name), parts[1], index);
	/* An index names the checksum of its pack. */
	if (outcome == COPY_DONE && memcmp(index, pack + SUM, SUM) != 0)
		outcome = COPY_LEFT_OUT;
	if (outcome == COPY_DONE)
		outcome = name_pack(c, name, parts);
	for (size_t i = 0; outcome != COPY_DONE && i < ARRAY_LEN(parts); i++)
		unlink(parts[i]);
	return outcome;
}

/* The name of a pack without its ending; NULL if it is none. */
static const char *read_pack_name(struct arena *a, const char *file)
{
	static const char ending[] = ".idx";
	size_t len = strlen(file), end = strlen(ending);

	return len > end && strncmp(file, "pack-", strlen("pack-")) == 0 && strcmp(file + len - end, ending) == 0 ?
	       arena_strndup(a, file, len - end) : NULL;
}

static bool copy_packs_of(struct pack_copier *c, const char *objects)
{
	const char *folder = arena_printf(c->arena, "%s/pack", objects);
	CLEANUP(directory_close) DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *name = read_pack_name(c->arena, entry->d_name);
		if (name && access(arena_printf(c->arena, "%s/%s.idx", c->to, name), F_OK) != 0 &&
		    copy_pack(c, folder, name) == COPY_FAILED)
			return false;
	}
	return true;
}

/* objects/info/alternates: a folder a line, from the root or from objects. */
static bool copy_packs_below(struct pack_copier *c, const char *objects, unsigned depth)
{
	const char *text, *line;
	struct err none;
	size_t len;

	if (!copy_packs_of(c, objects))
		return false;
	if (depth == ALTERNATES_DEEP || !file_read(c->arena, arena_printf(c->arena, "%s/info/alternates", objects),
	                                           ALTERNATES_MAX, &text, &len, &none))
		return true;
	for (line = text; *line; line += line[0] == '\n') {
		const char *name = arena_strndup(c->arena, line, strcspn(line, "\n"));
		line += strlen(name);
		if (*name && *name != '#' &&
		    !copy_packs_below(c, *name == '/' ? name : arena_printf(c->arena, "%s/%s", objects, name), depth + 1))
			return false;
	}
	return true;
}

/* So that the names are on the disk before anything says that the objects are there. */
static bool sync_folder(const char *path, struct err *err)
{
	CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return (fd >= 0 && fsync(fd) == 0) || err_sys(err, errno, "%s", path);
}

bool pack_copy(struct arena *a, const char *from, const char *to, int64_t most, size_t *copied, struct err *err)
{
	struct pack_copier c = { .arena = a, .to = arena_printf(a, "%s/pack", to), .left = most, .err = err };

	if (!directory_make(c.to, err) || !copy_packs_below(&c, from, 0) || (c.copied && !sync_folder(c.to, err)))
		return false;
	*copied = c.copied;
	return true;
}
