/* http_files.h: files in the body of an answer: a text with the bytes of files in between, which are read when they are
 * sent.  A connection has one file open at most, so that many slow readers do not use up the descriptors. */
#ifndef AGENT_NET_HTTP_FILES_H
#define AGENT_NET_HTTP_FILES_H

#include <stdint.h>
#include <sys/types.h>

#include "reconcile/base/buf.h"

struct http_file;

struct http_files {
	struct http_file *items;	/* NULL: none */
	size_t count;
};

/* Adds the file at path, which is copied; its bytes come after the first `at` bytes of the text.  False, and nothing is
 * added: it is no plain file that can be read. */
bool http_files_add(struct http_files *files, size_t at, const char *path);
void http_files_done(struct http_files *files);

struct http_files_reader;

/* Takes the text and the files over and leaves empty ones behind. */
struct http_files_reader *http_files_reader_new(struct buf *text, struct http_files *files);
void http_files_reader_free(struct http_files_reader *r);

uint64_t http_files_reader_size(const struct http_files_reader *r);
/* Copies at most most (above 0) bytes of the body from position at on, which is before its end, to out; returns their
 * number.  -1: a file is not what it was when it was added. */
ssize_t http_files_reader_read(struct http_files_reader *r, uint64_t at, char *out, size_t most);

#endif
