/* config_file.h: the configuration file (design section 8), read by the keys that the table of
 * options names: what holds for all, and one sync or many, each with its own. */
#ifndef AGENT_CONFIG_CONFIG_FILE_H
#define AGENT_CONFIG_CONFIG_FILE_H

#include "agent/config/options.h"
#include "reconcile/tree/node.h"

/* Lives in the arena that it was read into. */
struct config {
	const char *path;
	const char *home;		/* what ~ stands for in paths; NULL: not known */
	const char *bytes;		/* as they were read: a child (cycle_job.h) reads the same */
	size_t len;
	const struct node *root;	/* NULL: nothing stands there */
	const char **names;		/* of the syncs, no two alike; "default" for a single one without name */
	size_t count;
};

#define CONFIG_NO_SYNC	((size_t)-1)	/* as a sync's number: only what holds for all */

/* Reads path.  All faults are collected, each with its place: not YAML, an unknown key (with the
 * nearest known one), a value of a wrong kind, a name that is missing or given twice.  False,
 * and *out untouched, if there was any. */
bool config_read(struct arena *a, const char *path, const char *home, struct config *out, struct diagnostics *faults);

/* The same for bytes that were read from path; they are kept. */
bool config_parse(struct arena *a, const char *path, const char *home, const char *bytes, size_t len,
                  struct config *out, struct diagnostics *faults);

/* Sets *out to the number of the sync of that name. */
bool config_find(const struct config *config, const char *name, size_t *out);

/* Sets in s what the file says for all, then what it says for that sync.  Relative paths become
 * relative to the file's folder, and those that begin with ~/ are below home. */
void config_set(struct arena *a, const struct config *config, size_t sync, struct settings *s);

#endif
