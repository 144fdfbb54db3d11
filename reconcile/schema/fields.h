/* fields.h: the one table of the fields of a workflow (contract, 3 and 4.7; design, 5.2).  Validation, error texts,
 * normalising, diff, masking and the JSON Schema all read it: a new field is one new row in fields.c.  The table is
 * constant; nothing has to be freed. */
#ifndef RECONCILE_SCHEMA_FIELDS_H
#define RECONCILE_SCHEMA_FIELDS_H

#include "reconcile/base/base.h"
#include "reconcile/tree/node.h"

enum field_type {
	FIELD_BOOL, FIELD_INT, FIELD_NUMBER,
	FIELD_TEXT,	/* where it ends its file, one newline at its end does not count: normal_scalars_equal() */
	FIELD_OBJECT,	/* a map with known keys: fields */
	FIELD_MAP,	/* a map with free keys: fields is the one row of its values */
	FIELD_LIST,	/* fields is the one row of its items */
};

enum field_flags {
	FIELD_SECRET = 1 << 0,	/* masked wherever it is shown (design, 5.6) */
	FIELD_URL = 1 << 1,	/* its user and query parts are masked */
	FIELD_FILLED = 1 << 2,	/* set by the service: refused in a spec, never compared nor sent */
	FIELD_HIDDEN = 1 << 3,	/* described as empty or not at all: cannot be compared with the description */
	FIELD_MAY_HIDE = 1 << 4,	/* some services never describe it: absent (not null) means unknown */
	FIELD_WRITE_ONLY = 1 << 5,	/* a part of requests only: never compared */
	FIELD_SET = 1 << 6,	/* a list whose order does not matter */
	FIELD_CLOSED = 1 << 7,	/* a map in which an undeclared key is drift and is removed */
	FIELD_TEXT_OF = 1 << 8,	/* text; a number or boolean is taken for its text (with a warning in a spec) */
	FIELD_SIZE = 1 << 9,	/* text; spaces do not count: "10 GB" is "10GB" */
	FIELD_ENV_LIST = 1 << 10,	/* a map that may be described as a list of one-key maps */
	FIELD_WEBHOOK_ID = 1 << 11,	/* sent as true, described as the webhook's id */
	FIELD_MASK_BY_KEY = 1 << 12,	/* a map whose values are secret if the key looks like it: mask_key() */
	FIELD_MAY_BE_EMPTY = 1 << 13,	/* a list's item: {} means no item, and is left out */
	FIELD_CRON = 1 << 14,	/* opaque text; a warning if it has not five, six or seven fields, or cannot fire */
	FIELD_STEP = 1 << 15,	/* text: the name of a step of the same workflow that must exist */
	FIELD_JSON_TEXT = 1 << 16,	/* text that is JSON; a warning if it is not */
	FIELD_NAME = 1 << 17,	/* must not be empty */
	FIELD_TRUE = 1 << 18,	/* a boolean that can only be true; false beside another choice (one_of) means left out */
	FIELD_NOT_GET = 1 << 19,	/* not beside method: get */
	FIELD_NULLABLE = 1 << 22,	/* in our own documents: may be null */
	FIELD_ANYTHING = 1 << 23,	/* in our own documents: any JSON value */
	FIELD_RESOURCES = 1 << 25,	/* if it is left out, the service uses its default resource */
	FIELD_POINTER = 1 << 24,	/* text: a JSON Pointer */
	FIELD_PRESENCE = 1 << 21,	/* an object whose presence has a meaning, even if it holds only defaults */
	FIELD_MAY_BLANK = 1 << 26,	/* a text that some services describe as empty whatever it is */
	FIELD_PLACEHOLDERS = 1 << 29,	/* here the service fills in {{ name }} when the step runs */
	FIELD_STRAY = 1 << 28,	/* no field: the SDK's patch writes it by mistake; an update or a patch drops it */
	FIELD_ADVISED = 1 << 27,	/* should be there: a spec without it gets a warning that shows .about */
	FIELD_OWN_TAGS = 1 << 20,	/* a list of {name}; names that begin with "flowsync-" are flowsync's own tags, not the spec's */
};

struct field {
	const char *name;	/* the key; "*" in a map, "[]" in a list */
	enum field_type type;
	unsigned flags;
	const struct field *fields;	/* the rows of the values inside; ends with a row without name */
	const char *const *words;	/* an enumeration; ends with NULL */
	const char *variant;	/* of an object: the key whose word says which kind of object it is; the words of that
				 * key's row are the kinds, the first one is the default */
	/* Bits of the kinds of the nearest enclosing object that has a variant; 0 means all kinds. */
	unsigned only;		/* the kinds that have this field */
	unsigned need;		/* the kinds in which it is required */
	unsigned one_of;	/* in these kinds exactly one of the siblings with this bit is required */
	int64_t least, most;	/* of a number; both 0: any */
	const char *otherwise;	/* of a scalar: its default as text, where the contract gives one */
	const char *const *identity;	/* of a list's item: pointers, of which the first one present identifies the
					 * item; ends with NULL */
	const char *about;	/* one line for the schema */
	const char *example;	/* a value, for the message to a person who wrote another type; NULL: the type is enough */
};

enum { ALL_KINDS = ~0U };

/* The row of a whole workflow body, a FIELD_OBJECT. */
extern const struct field workflow_field;
/* The row of the flowsync: block beside a body. */
extern const struct field block_field;
/* The row of the body of execute (contract, 3.11). */
extern const struct field execute_field;

/* The row of key inside outer (an object, map or list; key is ignored for the last two), for a
 * value of these kinds; if only other kinds have the key, the row of those, as its `only` shows; NULL: the key is
 * unknown, or outer is NULL. */
const struct field *field_child(const struct field *outer, const char *key, unsigned kind);

/* The kind of n, a value of field, as a bit: 1 << index of its word.  outer if field has no variant; the bit of the
 * first kind if the key is left out; 0 if the word is unknown. */
unsigned field_kind(const struct field *field, const struct node *n, unsigned outer);

/* False if n, a value of object, has no value of its field f: the key is absent or null, or false where a FIELD_TRUE
 * stands beside another choice. */
bool field_is_given(const struct field *object, const struct field *f, const struct node *n);

/* True if name begins with "flowsync-", as the tags do that flowsync adds to workflows. */
bool field_own_tag(const char *name);

/* The names of kinds for messages, such as "standard, http", in a.  bits are kinds of field, which has a variant. */
const char *field_kind_words(struct arena *a, const struct field *field, unsigned bits);

#endif
