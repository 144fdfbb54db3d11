/* secret_file.h: reads a secret (token, password, webhook secret) from a file.  No part of a secret is ever in an
 * error or a warning. */
#ifndef AGENT_UTIL_SECRET_FILE_H
#define AGENT_UTIL_SECRET_FILE_H

#include "agent/util/log.h"
#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

enum { SECRET_FILE_MAX = 64 << 10 };	/* bytes */

/* What the secret is for decides what it may consist of. */
enum secret_kind {
	SECRET_TOKEN,	/* goes into an HTTP header: printable ASCII, without the white space around it */
	SECRET_LINE,	/* a password that people type: the first line of the file, UTF-8 */
	SECRET_TEXT,	/* a key or a document: all lines, UTF-8, without the line ends behind the last one */
};

/* Reads path into a.  An empty secret is returned as "": the caller says whether that is an error.  Refused: what
 * is no regular file, more than SECRET_FILE_MAX bytes, and characters that the kind does not have; *err does not
 * name the file. */
bool secret_file_read(struct arena *a, const char *path, enum secret_kind kind, const char **out, struct err *err);

/* The same, and an empty secret is an error. */
bool secret_file_read_some(struct arena *a, const char *path, enum secret_kind kind, const char **out,
                           struct err *err);

/* Logs a warning if path is readable for other users than its owner, once per path and process.  Credentials of
 * systemd are not looked at: their folder is closed, and their mode shows the mask of an access list.  what: how
 * to call the file, "token file"; path NULL: does nothing.  May be called by several threads. */
void secret_file_warn(struct log *log, const char *what, const char *path);

/* The same for each regular file in the folder dir. */
void secret_file_warn_all(struct log *log, const char *what, const char *dir);

#endif
