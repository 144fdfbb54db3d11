/* spec_store.h: what the files of a source declared when they were read last, in specs.db of the state directory, so
 * that a file that has not changed is not read again (design, 10).  Losing it costs one reading of all files.
 *
 * It holds names, places, digests and warnings of specs, never their bodies. */
#ifndef AGENT_STATE_SPEC_STORE_H
#define AGENT_STATE_SPEC_STORE_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"
#include "reconcile/schema/digest.h"

struct spec_store;

struct stored_file {
	const char *name;		/* the key among the files of one source */
	const char *stamp;		/* source_file's */
	size_t len;
	unsigned char digest[DIGEST_SIZE];	/* source_file's */
	const char *declares;		/* the caller's text */
};

/* Opens the file in dir; write false, for a plan: a copy, and nothing is created.  source: a name for the place of the
 * files.  options: a digest of everything but the files that decides what they declare; what was stored with other
 * options is dropped.  A damaged file is replaced. */
bool spec_store_open(const char *dir, bool write, const char *source, const unsigned char options[DIGEST_SIZE],
                     struct spec_store **out, struct err *err);
void spec_store_close(struct spec_store *store);	/* takes NULL */

/* DIGEST_KEY_SIZE random bytes, those of the file, for digests of what files declare. */
const unsigned char *spec_store_key(const struct spec_store *store);

/* Sets *out, whose texts live in a, to what is stored of the file with that name and stamp.  False if nothing is. */
bool spec_store_find(struct spec_store *store, struct arena *a, const char *name, const char *stamp,
                     struct stored_file *out);

/* Ends the transaction that spec_store_find() has begun, and frees the memory that it takes. */
void spec_store_pause(struct spec_store *store);

/* Stores files, and drops those of the source that are not among `names`: sorted by their bytes, with those of `files`
 * and all that were found.  On disk when it returns; writes nothing if that changes nothing. */
bool spec_store_save(struct spec_store *store, const struct stored_file *files, size_t count,
                     const char *const *names, size_t name_count, int64_t now_ms, struct err *err);

#endif
