/* yaml.h: YAML bytes to trees and back.  Only yaml.c uses libyaml;
 * yaml_write.c does not need it. */
#ifndef RECONCILE_TREE_YAML_H
#define RECONCILE_TREE_YAML_H

#include "reconcile/base/buf.h"
#include "reconcile/base/diagnostics.h"
#include "reconcile/tree/node.h"

enum {
	YAML_MAX_BYTES = 1 << 20,	/* of one file */
	YAML_MAX_DEPTH = 64,
	YAML_MAX_NODES = 200000,	/* of one file, with aliases expanded */
};

struct yaml_docs {
	struct node **root;	/* never NULL: an empty document is null */
	size_t count;		/* 0 for a file without content */
};

/* Reads every document of one file.  name is the file's name in messages; it is not copied, so
 * it has to live as long as the arena.  Anchors, aliases and merge keys are resolved: the
 * trees hold copies.  Each of these is an error with its place: no YAML, no UTF-8, a NUL
 * character, duplicate keys, unknown tags, keys that are not scalars, undefined aliases,
 * alias cycles, too deep, too many nodes, too large, and "{{ name }}" without a value.
 * After an error in one document the later ones are still read where libyaml can go on; *out has
 * the documents without an error, also if the result is false (it is untouched if nothing could be read at all).
 * Plain scalars that YAML 1.2 reads differently give a warning (design, 4.3).  True if no error was added. */
bool yaml_read(struct arena *a, const char *name, const char *bytes, size_t len,
               struct yaml_docs *out, struct diagnostics *faults);

/* The same for a file of variables: a number that is too large is read as its text, because it only matters where it is
 * filled in. */
bool yaml_read_variables(struct arena *a, const char *name, const char *bytes, size_t len,
                         struct yaml_docs *out, struct diagnostics *faults);

/* Appends n as a YAML document in block style.  yaml_read() reads the output back as an equal
 * tree, if it is not larger than YAML_MAX_BYTES.  Text of several lines becomes a literal block
 * where YAML allows it. */
void yaml_write(const struct node *n, struct buf *out);

#endif
