/* node.h: the tree that YAML and JSON are read into and written from.
 *
 * A tree lives in an arena and may share branches with another tree of the same or
 * a longer-lived arena: nothing is freed alone, and a branch that may be shared is
 * never changed in place (node_copy() first).  Text holds no NUL: both readers
 * refuse one. */
#ifndef RECONCILE_TREE_NODE_H
#define RECONCILE_TREE_NODE_H

#include <stdint.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* NODE_RAW: a JSON value of a service's answer that no other kind can hold (an integer past 64 bits, 70 nested lists).
 * It equals only itself, and is sent back as it was written. */
enum node_kind { NODE_NULL, NODE_BOOL, NODE_INT, NODE_REAL, NODE_TEXT, NODE_RAW, NODE_LIST, NODE_MAP };

struct entry {
	const char *key;	/* NULL in a list */
	struct pos at;		/* of the key; of the value in a list */
	struct node *value;
};

/* 48 bytes: a tree has a node for each value, and a service has thousands of trees. */
struct node {
	enum node_kind kind : 8;
	bool boolean : 1;	/* NODE_BOOL */
	bool ends_file : 1;	/* NODE_TEXT: a block of YAML that ends its file, whose last newline is none of the text */
	bool secret : 1;	/* masked whatever the field table says: mask_mark() */
	uint32_t room;		/* for entries */
	struct pos at;
	union {
		int64_t integer;	/* NODE_INT */
		double real;		/* NODE_REAL */
		struct entry *entries;	/* NODE_LIST, NODE_MAP: in the order written, no key twice */
	};
	union {
		const char *text;	/* NODE_TEXT: the text; NODE_RAW: the JSON; other scalars: as it was written, or NULL */
		struct node_index *index;	/* NODE_MAP; private to node.c: finds the keys of a large map */
	};
	size_t count;		/* of entries; 0 for a scalar */
};

struct node *node_null(struct arena *a);
struct node *node_bool(struct arena *a, bool value);
struct node *node_int(struct arena *a, int64_t value);
struct node *node_text(struct arena *a, const char *text);	/* keeps a copy */
struct node *node_list(struct arena *a);
struct node *node_map(struct arena *a);

/* Appends value, which is not copied, and returns it. */
struct node *node_add(struct arena *a, struct node *list, struct node *value);
/* Sets key, which is copied, to value, which is not copied; an earlier value is replaced in its
 * place.  Returns value. */
struct node *node_put(struct arena *a, struct node *map, const char *key, struct node *value);
/* Removes key; does nothing if map does not have it. */
void node_drop(struct node *map, const char *key);

/* Builds the index of a map whose entries were filled in directly, so that finding a key is fast however many there
 * are.  The caller has checked that no key occurs twice.  Afterwards entries change through the functions above only. */
void node_index(struct arena *a, struct node *map);

/* The value of key; NULL if map does not have it, is NULL, or is not a map. */
struct node *node_get(const struct node *map, const char *key);
/* The text of key; NULL if the value is absent or not text. */
const char *node_get_text(const struct node *map, const char *key);
/* True if the value of key is this text. */
bool node_is_text(const struct node *map, const char *key, const char *text);
/* The integer of key; `otherwise` if the value is absent or not an integer. */
int64_t node_get_int(const struct node *map, const char *key, int64_t otherwise);

/* True for NULL, null, and an empty list, map or text. */
bool node_empty(const struct node *n);

/* A copy in a that shares nothing with n; positions stay. */
struct node *node_copy(struct arena *a, const struct node *n);
/* The same kind and value; the order of a map's keys does not matter, that of a list does. */
bool node_equal(const struct node *a, const struct node *b);
/* A total order that agrees with node_equal(), for sorting sets. */
int node_order(const struct node *a, const struct node *b);
/* Sorts keys, in place and at every level: with this equal trees print the same bytes. */
void node_sort_keys(struct node *n);
/* True if node_sort_keys() would change nothing. */
bool node_keys_are_sorted(const struct node *n);

/* The text of a scalar, for fields that take a number for its text: integers
 * in decimal, true and false, reals as written.  NULL for null, lists and maps. */
const char *node_scalar_text(struct arena *a, const struct node *n);
/* For messages: "a number", "a list", "yes or no" (a boolean), ... */
const char *node_kind_words(enum node_kind kind);

/* The node at a JSON Pointer (RFC 6901), "" being n itself; NULL if it does not exist. */
struct node *node_at(const struct node *n, const char *pointer);
/* pointer + "/" + key with ~ and / escaped, in a. */
const char *pointer_add(struct arena *a, const char *pointer, const char *key);
const char *pointer_add_index(struct arena *a, const char *pointer, size_t index);

#endif
