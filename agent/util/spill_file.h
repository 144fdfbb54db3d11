/* spill_file.h: bytes that are put outside of memory, into a file without a name, and read again.
 *
 * The last of them wait in memory until they are worth a write.  Where no file can be made, or the disk is full, all
 * further bytes stay there. */
#ifndef AGENT_UTIL_SPILL_FILE_H
#define AGENT_UTIL_SPILL_FILE_H

#include <stdint.h>

#include "reconcile/base/buf.h"

struct spill_file {
	int fd;			/* -1: none */
	uint64_t written;	/* bytes in the file */
	bool failed;		/* a write failed: nothing more is written */
	struct buf waiting;	/* what follows them */
};

#define SPILL_FILE_NONE	((struct spill_file){ .fd = -1, .waiting = BUF_TEXT })

/* Makes the file in dir, or in /tmp if dir is NULL. */
void spill_file_open(const char *dir, struct spill_file *out);
/* Adds bytes, and sets *place to where they are.  False if they are more than 1 GiB that would have to stay in memory. */
bool spill_file_put(struct spill_file *file, const char *bytes, size_t len, uint64_t *place);
/* Copies what one spill_file_put() has put at place; false if it cannot be read. */
bool spill_file_get(const struct spill_file *file, uint64_t place, size_t len, char *bytes);
void spill_file_close(struct spill_file *file);

#endif
