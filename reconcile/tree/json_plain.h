/* json_plain.h: reads the JSON that services and flowsync itself write, in one pass. */
#ifndef RECONCILE_TREE_JSON_PLAIN_H
#define RECONCILE_TREE_JSON_PLAIN_H

#include "reconcile/tree/node.h"

/* The same tree as json_read() gives; NULL if the bytes are wrong, or hold what is rare: a real, an integer of more than
 * 18 digits, a surrogate pair.  json_read() then reads them with json-c, and says what is wrong. */
struct node *json_plain_read(struct arena *a, const char *bytes, size_t len);

#endif
