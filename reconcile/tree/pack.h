/* pack.h: a tree as bytes, for trees that are kept in great numbers and looked at one after the other: they take about as
 * many bytes as the YAML or JSON that they were read from, a tenth of the nodes. */
#ifndef RECONCILE_TREE_PACK_H
#define RECONCILE_TREE_PACK_H

#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"

/* Appends n.  Its places have to be in one file. */
void pack_tree(const struct node *n, struct buf *out);

/* The tree, in a, as it was packed: kinds, texts, places and marks.  file: of its places.  Texts and keys are those in
 * bytes, which have to live as long as the tree. */
struct node *pack_read(struct arena *a, const char *bytes, const char *file);

/* Appends what was packed without its places, for a digest: the same tree elsewhere in a file gives the same bytes, another
 * tree gives others. */
void pack_add_values(const char *bytes, struct buf *out);

#endif
