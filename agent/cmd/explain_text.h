/* explain_text.h: the document of `explain` as text for people, in lines of at most 80 columns. */
#ifndef AGENT_CMD_EXPLAIN_TEXT_H
#define AGENT_CMD_EXPLAIN_TEXT_H

#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"

/* No line begins with text of a value: two blanks or a word of ours stand before it. */
void explain_text(const struct node *document, bool colour, struct buf *out);

#endif
