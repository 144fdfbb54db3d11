/* log_ingest.h: the log of an attempt on its way from its folder (attempt.h) into the store, where the log of
 * a step is that of all its attempts. */
#ifndef AGENT_SERVICE_ENGINE_LOG_INGEST_H
#define AGENT_SERVICE_ENGINE_LOG_INGEST_H

#include "agent/service/exec/attempt.h"
#include "agent/service/store/execution_store.h"

enum { LOG_INGEST_MAX = ATTEMPT_HEAD_MAX + ATTEMPT_TAIL_MAX + (64 << 10) };	/* who has more was not written by a keeper */

struct log_ingest {
	const char *folder;	/* of the attempt */
	int64_t run;
	size_t step;
	unsigned attempt;
};

/* Stores the whole lines that are there and were not stored before; both belong between workflow_store_begin() and
 * workflow_store_end().  That there is no log, or what is none, is no failure. */
bool log_ingest_store(struct store *store, const struct log_ingest *log, struct err *err);
/* Stores lines of our own behind what is there. */
bool log_ingest_note(struct store *store, const struct log_ingest *log, const char *notes, struct err *err);
/* How many bytes it has by now. */
int64_t log_ingest_size(const char *folder);

#endif
