/* file.h: the whole of a small file. */
#ifndef AGENT_UTIL_FILE_H
#define AGENT_UTIL_FILE_H

#include <sys/types.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* Reads path into a; a NUL that is not counted stands after the bytes.  Refused: what is no
 * regular file (a pipe would be waited for), and more than most bytes.  *err does not name the
 * file: "cannot be read: Permission denied". */
bool file_read(struct arena *a, const char *path, size_t most,
               const char **bytes, size_t *len, struct err *err);
/* So much more than its size the file takes in a. */
enum { FILE_READ_EXTRA = 2 };

/* The same for what is left of stdin, which may be a pipe. */
#define FILE_STDIN	"<stdin>"	/* what messages call it */
bool file_read_stdin(struct arena *a, size_t most, const char **bytes, size_t *len, struct err *err);

/* False with the reason if it is certain that file_replace() cannot write path.  *err does not name the file. */
bool file_check_replace(struct arena *a, const char *path, struct err *err);

/* Puts len bytes in the place of path, as a whole or not at all, even if the machine stops
 * meanwhile; what stood there is gone.  A device, a pipe or a symbolic link is written to as it
 * is.  *err does not name the file. */
bool file_replace(struct arena *a, const char *path, const char *bytes, size_t len, mode_t mode, struct err *err);

/* The bytes; or, with file >= 0, those of that file from its beginning. */
struct file_content { const char *bytes; size_t len; int file; };

/* The same with this content. */
bool file_replace_with(struct arena *a, const char *path, const struct file_content *content, mode_t mode,
                       struct err *err);

/* The same without waiting for the disk; a symbolic link is replaced too. */
bool file_replace_unsynced(struct arena *a, const char *path, const char *bytes, size_t len, mode_t mode,
                           struct err *err);

/* Makes path another name of the file from, in the same file system; what stood at path is gone.  False, and path is as
 * it was, where the file system has no second names.  *err does not name the file. */
bool file_replace_by_link(struct arena *a, const char *path, const char *from, struct err *err);

/* Makes path with these bytes, as a whole or not at all, if it does not exist.  A file that exists stays as it is, even
 * if another process makes it at the same time.  *err does not name the file. */
bool file_ensure(struct arena *a, const char *path, const char *bytes, size_t len, mode_t mode, struct err *err);

/* Makes path with these bytes; false, and nothing is changed, if there is something of that name
 * already, be it a link that leads nowhere.  *err does not name the file. */
bool file_create(const char *path, const char *bytes, size_t len, mode_t mode, struct err *err);

/* The folder that path stands in, with the slash at its end; "" for a name alone. */
const char *file_directory(struct arena *a, const char *path);

#endif
