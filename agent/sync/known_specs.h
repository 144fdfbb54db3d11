/* known_specs.h: the specs of a source, of which only the files that changed are parsed (design, 10).
 *
 * What a file declared is held for its name, its stamps or blob, the variables that it uses, and everything else that
 * turns a file into specs: if any of them differs, the file is read.  A file with an error is read each time. */
#ifndef AGENT_SYNC_KNOWN_SPECS_H
#define AGENT_SYNC_KNOWN_SPECS_H

#include "agent/source/source.h"
#include "agent/state/spec_store.h"
#include "reconcile/plan/spec.h"

struct known_specs {
	struct context *ctx;
	struct source *source;
	struct specs *specs;
	struct spec_store *store;	/* NULL: all files are read, and nothing is stored */
	bool write;			/* what is read is stored */
	bool all;			/* all files are read */
	size_t reads, later;		/* files that were read, and known ones that were read after all */
	struct arena texts;		/* of what follows, until it is stored */
	struct stored_file *fresh;	/* to be stored */
	size_t fresh_count, fresh_room;
	const char **names;		/* of all files that are to stay stored */
	size_t name_count, name_room;
};

/* Before source_read(): opens the store of the state directory, if there is one, and sets what source and specs need.
 * *out has to outlive both; specs->local is set already.  write, for a sync: what is read will be stored.  Without a
 * store that can be used everything is read. */
void known_specs_open(struct context *ctx, bool write, struct source *source, struct specs *specs,
                      struct known_specs *out);

/* Adds the specs of all files to specs, in their order, with their warnings and errors.  whole: source_read() succeeded;
 * then what was read is stored. */
void known_specs_read(struct known_specs *known, bool whole, struct diagnostics *faults);

void known_specs_close(struct known_specs *known);	/* takes a zeroed one */

#endif
