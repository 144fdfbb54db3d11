#include "agent/net/http_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fd.h"
#include "reconcile/base/arena.h"

struct http_file {
	size_t at;		/* in the text */
	uint64_t size;
	dev_t device;
	ino_t number;
	const char *path;
};

struct http_files_reader {
	struct buf text;
	struct http_files files;
	int fd;			/* of files.items[open]; -1: none */
	size_t open;
};

/* -1: it is no plain file that can be read. */
static int http_file_open(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode)))
		fd_close(&fd);
	return fd;
}

bool http_files_add(struct http_files *files, size_t at, const char *path)
{
	struct stat st;
	CLEANUP(fd_close) int fd = http_file_open(path, &st);

	if (fd < 0)
		return false;
	struct http_file *items = realloc(files->items, (files->count + 1) * sizeof *items);
	char *copy = strdup(path);
	if (!items || !copy)
		abort();
	files->items = items;
	items[files->count++] = (struct http_file){ at, (uint64_t)st.st_size, st.st_dev, st.st_ino, copy };
	return true;
}

void http_files_done(struct http_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free((char *)(uintptr_t)files->items[i].path);
	free(files->items);
	*files = (struct http_files){ 0 };
}

struct http_files_reader *http_files_reader_new(struct buf *text, struct http_files *files)
{
	struct http_files_reader *r = calloc(1, sizeof *r);

	if (!r)
		abort();
	*r = (struct http_files_reader){ *text, *files, .fd = -1 };
	*text = BUF(text->limit);
	*files = (struct http_files){ 0 };
	return r;
}

void http_files_reader_free(struct http_files_reader *r)
{
	if (!r)
		return;
	fd_close(&r->fd);
	http_files_done(&r->files);
	buf_done(&r->text);
	free(r);
}

uint64_t http_files_reader_size(const struct http_files_reader *r)
{
	uint64_t size = r->text.len;

	for (size_t i = 0; i < r->files.count; i++)
		size += r->files.items[i].size;
	return size;
}

static bool http_files_select(struct http_files_reader *r, size_t number)
{
	const struct http_file *f = &r->files.items[number];
	struct stat st;

	if (r->fd >= 0 && r->open == number)
		return true;
	fd_close(&r->fd);
	r->fd = http_file_open(f->path, &st);
	r->open = number;
	return r->fd >= 0 && st.st_ino == f->number && st.st_dev == f->device && (uint64_t)st.st_size == f->size;
}

static ssize_t http_files_read_file(struct http_files_reader *r, size_t number, uint64_t at, char *out, size_t most)
{
	uint64_t left = r->files.items[number].size - at;

	if (!http_files_select(r, number))
		return -1;
	ssize_t n = pread(r->fd, out, left < most ? (size_t)left : most, (off_t)at);
	return n > 0 ? n : -1;
}

ssize_t http_files_reader_read(struct http_files_reader *r, uint64_t at, char *out, size_t most)
{
	size_t from = 0, number = 0;

	/* at becomes a position in what follows: text, file, text, ... */
	for (; number < r->files.count; number++) {
		const struct http_file *f = &r->files.items[number];
		if (at < f->at - from)
			break;
		at -= f->at - from;
		from = f->at;
		if (at < f->size)
			return http_files_read_file(r, number, at, out, most);
		at -= f->size;
	}
	size_t end = number < r->files.count ? r->files.items[number].at : r->text.len, left = end - from - (size_t)at;
	if (left > most)
		left = most;
	memcpy(out, buf_str(&r->text) + from + at, left);
	return (ssize_t)left;
}
