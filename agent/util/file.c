#include "agent/util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fd.h"

static bool file_too_large(struct err *err, size_t most)
{
	if (most % (1 << 20) == 0)
		return err_set(err, "larger than %zu MiB", most >> 20);
	return err_set(err, "larger than %zu bytes", most);
}

/* The file may grow while it is read: its size is only a first guess; 0: not known.  A read that gives less than was asked
 * for has reached the end, if so much has been read. */
static bool file_read_descriptor(struct arena *a, int fd, size_t size, size_t most, const char **bytes, size_t *len,
                                 struct err *err)
{
	size_t room = size ? size - 1 + FILE_READ_EXTRA : BUFSIZ, used = 0;
	char *text = arena_new(a, char, room + 1);

	for (;;) {
		ssize_t n = read(fd, text + used, room - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot be read");
		bool ended = n == 0 || (size && used + (size_t)n >= size && (size_t)n < room - used);
		used += n;
		if (used > most)
			return file_too_large(err, most);
		if (ended)
			break;
		if (used == room) {
			room = room * 2 < most ? room * 2 : most + 1;
			char *more = arena_new(a, char, room + 1);
			memcpy(more, text, used);
			text = more;
		}
	}
	text[used] = '\0';
	*bytes = text;
	*len = used;
	return true;
}

bool file_read(struct arena *a, const char *path, size_t most,
               const char **bytes, size_t *len, struct err *err)
{
	/* Without O_NONBLOCK, opening a named pipe waits for a writer that may never come. */
	CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot be read");
	if (S_ISDIR(st.st_mode))
		return err_set(err, "a directory, expected a file");
	if (!S_ISREG(st.st_mode))
		return err_set(err, "not a regular file");
	if ((size_t)st.st_size > most)
		return file_too_large(err, most);
	/* A file of /proc has no size, and may give less than was asked for in the middle. */
	return file_read_descriptor(a, fd, (size_t)st.st_size, most, bytes, len, err);
}

bool file_read_stdin(struct arena *a, size_t most, const char **bytes, size_t *len, struct err *err)
{
	return file_read_descriptor(a, STDIN_FILENO, 0, most, bytes, len, err);
}

static bool file_cannot_write(struct err *err)
{
	return err_sys(err, errno, "cannot be written");
}

bool file_check_replace(struct arena *a, const char *path, struct err *err)
{
	const char *folder = file_directory(a, path);
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return file_cannot_write(err);
	}
	/* What is written in place needs no other file beside it. */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return true;
	return faccessat(AT_FDCWD, *folder ? folder : ".", W_OK | X_OK, AT_EACCESS) == 0 || file_cannot_write(err);
}

static bool file_write_content(int fd, const struct file_content *content)
{
	return content->file >= 0 ? fd_write_file(fd, content->file) : fd_write_all(fd, content->bytes, content->len);
}

/* What is no plain file has no place beside it for another: /dev/stdout, a pipe, a link that
 * the user put there. */
static bool file_write_in_place(const char *path, const struct file_content *content, mode_t mode, struct err *err)
{
	CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, mode);

	return (fd >= 0 && file_write_content(fd, content)) || file_cannot_write(err);
}

/* Without this a rename may be lost with the power; file systems that cannot do it say so, which
 * is no failure. */
static void file_sync_directory(struct arena *a, const char *path)
{
	const char *folder = file_directory(a, path);
	CLEANUP(fd_close) int fd = open(*folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		fsync(fd);
}

/* Writes a temporary file beside path, and gives it the name path with put: rename() or link(). */
static bool file_put_whole(struct arena *a, const char *path, const struct file_content *content, mode_t mode, bool sync,
                           int (*put)(const char *from, const char *to), struct err *err)
{
	char *fresh = arena_printf(a, "%s.XXXXXX", path);
	CLEANUP(fd_close) int fd = mkostemp(fresh, O_CLOEXEC);

	if (fd < 0)
		return file_cannot_write(err);
	bool done = file_write_content(fd, content) && fchmod(fd, mode) == 0 && (!sync || fsync(fd) == 0) &&
	            put(fresh, path) == 0;
	if (!done)
		file_cannot_write(err);
	if (!done || put == link)
		unlink(fresh);
	if (done && sync)
		file_sync_directory(a, path);
	return done;
}

bool file_replace_with(struct arena *a, const char *path, const struct file_content *content, mode_t mode,
                       struct err *err)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return file_write_in_place(path, content, mode, err);
	return file_put_whole(a, path, content, mode, true, rename, err);
}

bool file_replace(struct arena *a, const char *path, const char *bytes, size_t len, mode_t mode, struct err *err)
{
	return file_replace_with(a, path, &(struct file_content){ bytes, len, -1 }, mode, err);
}

bool file_replace_unsynced(struct arena *a, const char *path, const char *bytes, size_t len, mode_t mode,
                           struct err *err)
{
	return file_put_whole(a, path, &(struct file_content){ bytes, len, -1 }, mode, false, rename, err);
}

bool file_replace_by_link(struct arena *a, const char *path, const char *from, struct err *err)
{
	/* Of this process alone: one that ended in between may have left it. */
	const char *fresh = arena_printf(a, "%s.%ld", path, (long)getpid());

	unlink(fresh);
	if (link(from, fresh) < 0)
		return file_cannot_write(err);
	bool done = rename(fresh, path) == 0 || file_cannot_write(err);
	/* rename() leaves it where both were names of one file already. */
	unlink(fresh);
	if (done)
		file_sync_directory(a, path);
	return done;
}

/* link() keeps what another process made meanwhile. */
bool file_ensure(struct arena *a, const char *path, const char *bytes, size_t len, mode_t mode, struct err *err)
{
	struct stat st;

	return lstat(path, &st) == 0 || file_put_whole(a, path, &(struct file_content){ bytes, len, -1 }, mode, true, link, err) ||
	       lstat(path, &st) == 0;
}

bool file_create(const char *path, const char *bytes, size_t len, mode_t mode, struct err *err)
{
	CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (fd < 0)
		return errno == EEXIST ? err_set(err, "exists already") : file_cannot_write(err);
	if (fd_write_all(fd, bytes, len))
		return true;
	file_cannot_write(err);
	unlink(path);
	return false;
}

const char *file_directory(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? arena_strndup(a, path, slash + 1 - path) : "";
}
