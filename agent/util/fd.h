/* fd.h: the few things that are done with a descriptor everywhere. */
#ifndef AGENT_UTIL_FD_H
#define AGENT_UTIL_FD_H

#include <stdint.h>

#include "reconcile/base/err.h"

/* For CLEANUP, and to close one before that: takes -1, leaves -1 behind. */
void fd_close(int *fd);

/* True if it can be read from, or has come to its end, without waiting.  False for -1. */
bool fd_readable(int fd);

/* Writes all len bytes, in as many calls as it takes.  False with errno set. */
bool fd_write_all(int fd, const void *bytes, size_t len);

/* Writes all bytes of the file `from`, from its beginning.  False with errno set. */
bool fd_write_file(int fd, int from);

/* Reads len bytes that begin at offset `place`; false with errno set if there are fewer. */
bool fd_read_at(int fd, uint64_t place, void *bytes, size_t len);

/* Opens a file without a name for bytes that need not be in memory: in dir (NULL: /tmp), or in memory if that cannot be.
 * False with errno set. */
bool fd_open_temporary(const char *dir, int *out);

/* Sets *out to a sealed file in memory that holds the bytes, at its beginning.  For the input of another process:
 * a pipe would have to be filled while the process is waited for. */
bool fd_from_bytes(const char *bytes, size_t len, int *out, struct err *err);

#endif
