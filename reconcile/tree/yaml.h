/* yaml.h: YAML bytes to trees and back.  The only file that knows libyaml is yaml.c;
 * yaml_write.c does without. */
#ifndef RECONCILE_TREE_YAML_H
#define RECONCILE_TREE_YAML_H

#include "reconcile/base/buf.h"
#include "reconcile/base/diagnostics.h"
#include "reconcile/tree/node.h"

enum {
	YAML_MAX_BYTES = 1 << 20,	/* of one file */
	YAML_MAX_DEPTH = 64,
	YAML_MAX_NODES = 200000,	/* of one file, aliases counted as what they stand for */
};

struct yaml_docs {
	struct node **root;	/* never NULL: an empty document is null */
	size_t count;		/* 0 for a file without content */
};

/* Reads every document of one file.  name is how messages call the file; it is kept, so
 * it has to live as long as the arena.  Anchors, aliases and merge keys are resolved: the
 * trees hold copies.  Refused, each as a fault with its place: what is not YAML, not UTF-8, a NUL
 * character, duplicate keys, unknown tags, keys that are no scalars, undefined aliases,
 * alias cycles, too deep, too many nodes, too large; "{{" that nobody filled in is named as such.
 * After an error of one document the later ones are still read where libyaml can go on; *out has
 * those without an error, also if false (it is untouched if nothing could be read at all).
 * Plain scalars that YAML 1.2 reads otherwise give a warning.  True if no error was added. */
bool yaml_read(struct arena *a, const char *name, const char *bytes, size_t len,
               struct yaml_docs *out, struct diagnostics *faults);

/* Appends n as a YAML document in block style; what it prints, yaml_read() reads back as
 * an equal tree, if it is no larger than YAML_MAX_BYTES.  Multi-line text becomes a literal block
 * where YAML allows it. */
void yaml_write(const struct node *n, struct buf *out);

#endif
