/* line_blame.h: which commit changed a line of a file last, and whose it is. */
#ifndef AGENT_GIT_LINE_BLAME_H
#define AGENT_GIT_LINE_BLAME_H

#include <stdint.h>

#include "agent/git/file_history.h"

struct line_blame;

struct blamed_line {
	bool uncommitted;		/* it is not in HEAD as it is: what follows is not set */
	const char *commit;		/* 40 hex digits */
	const char *author;		/* a name, or an e-mail address; it may hold any characters */
	int64_t time;			/* when the author wrote it: seconds since 1970 */
};

/* Reads the history of the file at path, whose content is now bytes.  *out is NULL if the file is outside of the
 * repository: that is no error.  False if the history cannot be read, as in a shallow clone. */
bool line_blame_open(struct file_history *history, const char *path, const char *bytes, size_t len,
                     struct line_blame **out, struct err *err);
/* Sets *out to what is known of a line, which counts from 1; false: nothing is.  Texts live as long as blame. */
bool line_blame_find(struct line_blame *blame, int line, struct blamed_line *out);
void line_blame_close(struct line_blame *blame);	/* takes NULL */
void line_blame_closep(struct line_blame **blame);

#endif
