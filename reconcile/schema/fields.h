/* fields.h: the one table of what is known about each field of a workflow (contract section 3
 * and section 4.7 of its full text).  Validation, error texts, normalising, diff, masking and
 * the JSON Schema all read it: a new field is one new row in fields.c. */
#ifndef RECONCILE_SCHEMA_FIELDS_H
#define RECONCILE_SCHEMA_FIELDS_H

#include "reconcile/base/base.h"
#include "reconcile/tree/node.h"

enum field_type {
	FIELD_BOOL, FIELD_INT, FIELD_NUMBER, FIELD_TEXT,
	FIELD_OBJECT,	/* a map with known keys: fields */
	FIELD_MAP,	/* a map with free keys: fields is the one row of its values */
	FIELD_LIST,	/* fields is the one row of its items */
};

enum field_flags {
	FIELD_SECRET = 1 << 0,	/* masked wherever it is shown (design section 5, "Masked") */
	FIELD_URL = 1 << 1,	/* its user and query parts are masked */
	FIELD_FILLED = 1 << 2,	/* the service's own: refused in a spec, never compared nor sent */
	FIELD_HIDDEN = 1 << 3,	/* given back empty or not at all: cannot be compared with describe */
	FIELD_MAY_HIDE = 1 << 4,	/* some services never give it back: absent (not null) is unknown */
	FIELD_WRITE_ONLY = 1 << 5,	/* taken in a request, no part of the workflow: never compared */
	FIELD_SET = 1 << 6,	/* a list whose order does not matter */
	FIELD_CLOSED = 1 << 7,	/* a map in which an undeclared key is drift and goes */
	FIELD_TEXT_OF = 1 << 8,	/* text; a number or boolean stands for its text (a warning in a spec) */
	FIELD_SIZE = 1 << 9,	/* text; spaces do not count: "10 GB" is "10GB" */
	FIELD_ENV_LIST = 1 << 10,	/* a map that may be given back as a list of one-key maps */
	FIELD_WEBHOOK_ID = 1 << 11,	/* sent as true, given back as the webhook's id */
	FIELD_MASK_BY_KEY = 1 << 12,	/* a map whose values are secret where the key's name says so */
	FIELD_MAY_BE_EMPTY = 1 << 13,	/* a list's item: {} stands for none, and goes */
	FIELD_CRON = 1 << 14,	/* opaque text; a warning if it has not five, six or seven fields */
	FIELD_STEP = 1 << 15,	/* text: the name of a step of the same workflow that must exist */
	FIELD_JSON_TEXT = 1 << 16,	/* text that is JSON; a warning if it is not */
	FIELD_NAME = 1 << 17,	/* must not be empty */
	FIELD_TRUE = 1 << 18,	/* a boolean that can only be true */
	FIELD_NOT_GET = 1 << 19,	/* not beside method: get */
	FIELD_NULLABLE = 1 << 22,	/* in our own documents: null may stand for it */
	FIELD_ANYTHING = 1 << 23,	/* in our own documents: any JSON value */
	FIELD_RESOURCES = 1 << 25,	/* left out it becomes the service's default resource */
	FIELD_POINTER = 1 << 24,	/* text: a JSON Pointer */
	FIELD_PRESENCE = 1 << 21,	/* an object that means something by being there, whatever its defaults */
	FIELD_MAY_BLANK = 1 << 26,	/* a text that some services give back empty: that says nothing of it */
	FIELD_OWN_TAGS = 1 << 20,	/* a list of {name}; what begins with "flowsync-" is ours, not the spec's */
};

struct field {
	const char *name;	/* the key; "*" in a map, "[]" in a list */
	enum field_type type;
	unsigned flags;
	const struct field *fields;	/* of what is inside; ends with a row without name */
	const char *const *words;	/* an enumeration; ends with NULL */
	const char *variant;	/* of an object: the key whose word says which kind it is; its row's words are the
				 * kinds, the first of them the kind if the key is left out */
	/* Bits of the kinds of the nearest object around that has a variant; 0 stands for all. */
	unsigned only;		/* the kinds that have this field */
	unsigned need;		/* the kinds that cannot do without it */
	unsigned one_of;	/* in these kinds exactly one of the siblings so marked must stand */
	int64_t least, most;	/* of a number; both 0: any */
	const char *otherwise;	/* of a scalar: the text of what leaving it out means, where the contract says so */
	const char *const *identity;	/* of a list's item: pointers, the first that is there tells it from its
					 * siblings; ends with NULL */
	const char *about;	/* one line for the schema */
	const char *example;	/* a value, for the message to a person who wrote another type; NULL: the type is enough */
};

enum { ALL_KINDS = ~0U };

/* The row of a whole workflow body, a FIELD_OBJECT. */
extern const struct field workflow_field;
/* The row of the flowsync: block beside a body. */
extern const struct field block_field;

/* The row of key inside outer (an object, map or list; key is ignored for the last two), for a
 * value of these kinds; if only other kinds have it, their row, whose `only` tells; NULL:
 * unknown, or outer is NULL. */
const struct field *field_child(const struct field *outer, const char *key, unsigned kind);

/* The bit of the kind that n, a value of field, is: 1 << index of its word.  outer if field has
 * no variant; the first kind's if the key is left out, 0 if its word is none of them. */
unsigned field_kind(const struct field *field, const struct node *n, unsigned outer);

/* True if text begins as the tags do that flowsync puts on workflows itself. */
bool field_own_tag(const char *name);

/* "standard, http" for bits: the kinds of the variant object field, for messages. */
const char *field_kind_words(struct arena *a, const struct field *field, unsigned bits);

#endif
