/* log_ingest.h: copies the log of an attempt from its directory (attempt.h) into the store.  There the logs of all
 * attempts of a step are one log. */
#ifndef AGENT_SERVICE_ENGINE_LOG_INGEST_H
#define AGENT_SERVICE_ENGINE_LOG_INGEST_H

#include "agent/service/exec/attempt.h"
#include "agent/service/store/execution_store.h"

/* A larger file was not written by a supervisor. */
enum { LOG_INGEST_MAX = ATTEMPT_HEAD_MAX + ATTEMPT_TAIL_MAX + (64 << 10) };

/* The log of one attempt. */
struct log_ingest {
	const char *folder;	/* of the attempt */
	int64_t execution;	/* its id in the store */
	size_t step;
	unsigned attempt;
};

/* Both are called between workflow_store_begin() and workflow_store_end(). */

/* Stores the whole lines that the log has and the store has not.  A log that is missing, or is not a regular file,
 * is no error. */
bool log_ingest_store(struct store *store, const struct log_ingest *log, struct err *err);
/* Appends lines of flowsync's own to what is stored, with the current time. */
bool log_ingest_note(struct store *store, const struct log_ingest *log, const char *notes, struct err *err);
/* Size of the attempt's log in bytes; 0 if the attempt has no log. */
int64_t log_ingest_size(const char *folder);

#endif
