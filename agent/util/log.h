/* log.h: what happens, for the person who runs it: one line each on stderr, as text or JSON. */
#ifndef AGENT_UTIL_LOG_H
#define AGENT_UTIL_LOG_H

#include <stdio.h>

#include "reconcile/base/base.h"

enum log_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

struct log {
	FILE *to;
	enum log_level level;	/* what is less grave is left out */
	enum log_format format;
	bool color;		/* of the level's word; text only */
	bool journal;		/* `to` leads to systemd's journal: a line of text begins with its level for it */
	bool times;		/* a line of text begins with the time, unless it goes to the journal */
	const char *sync;	/* that all lines are about; NULL: none in particular */
};

/* Whether to is what JOURNAL_STREAM in the environment says, "DEVICE:INODE"; NULL: not set. */
bool log_is_journal(FILE *to, const char *stream);

/* Each writes one line at once; control characters in it are escaped, so that it stays one. */
void log_error(struct log *log, const char *fmt, ...) PRINTF(2, 3);
void log_warn(struct log *log, const char *fmt, ...) PRINTF(2, 3);
void log_info(struct log *log, const char *fmt, ...) PRINTF(2, 3);
void log_debug(struct log *log, const char *fmt, ...) PRINTF(2, 3);

#endif
