/* err.h: one error, as a sentence for the person who runs the program.
 *
 * Every function that can fail returns bool and takes `struct err *` last.
 * The makers below return false, so a failure is one line:
 *
 *	return err_at(err, node->at, "unknown key \"%s\"", key);
 */
#ifndef RECONCILE_BASE_ERR_H
#define RECONCILE_BASE_ERR_H

#include "reconcile/base/base.h"

/* A place in a file.  Lines and columns count from 1, columns in characters;
 * line 0: the whole file; file NULL: no place (a value that the program made). */
struct pos { const char *file; int line, col; };

/* What a caller branches on; the number is the exit code that follows. */
enum err_kind {
	ERR_FAILED,	/* 1 */
	ERR_USAGE,	/* 64: the command line or the configuration */
	ERR_SPEC,	/* 65: declared specs */
	ERR_CONFLICT,	/* 5 */
	ERR_PARTLY,	/* 4: refused or deferred by the service, other steps were applied */
	ERR_DAMAGED,	/* 1: a file of ours is damaged, not merely unreadable */
	ERR_FULL,	/* 1: the file system of our files is full */
	ERR_FINAL,	/* 1: and a retry cannot help; if that is not certain, ERR_FAILED */
};

struct err {
	enum err_kind kind;
	char msg[1024];		/* longer messages are cut, never overrun */
};

/* Sets an error of kind ERR_FAILED; any earlier text is replaced. */
bool err_set(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* The same, of kind ERR_USAGE. */
bool err_usage(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* "file:line:col: ..." */
bool err_at(struct err *e, struct pos at, const char *fmt, ...) PRINTF(3, 4);
/* "...: <strerror(errnum)>" */
bool err_sys(struct err *e, int errnum, const char *fmt, ...) PRINTF(3, 4);
/* Removes the first bytes of a character that a limit cut in two, at the end of text: a report is JSON, and JSON is
 * UTF-8. */
void err_trim(char *text);

/* "...: <the earlier text>"; the kind stays. */
bool err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* "<the earlier text>..."; the kind stays. */
bool err_append(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* clang's analyzer sees one file at a time, and must know that these return false. */
#ifdef __clang_analyzer__
#define err_set(...)	({ err_set(__VA_ARGS__); false; })
#define err_usage(...)	({ err_usage(__VA_ARGS__); false; })
#define err_at(...)	({ err_at(__VA_ARGS__); false; })
#define err_sys(...)	({ err_sys(__VA_ARGS__); false; })
#define err_wrap(...)	({ err_wrap(__VA_ARGS__); false; })
#define err_append(...)	({ err_append(__VA_ARGS__); false; })
#endif

#endif
