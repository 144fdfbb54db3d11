/* applied_record.h: what is remembered of the last apply of one workflow (design, 5.3).
 *
 * The agent's state stores it; the core only reads and makes it.
 * Bodies are sealed (digest_seal()): in place of each masked value there is a keyed digest of
 * it. */
#ifndef RECONCILE_PLAN_APPLIED_RECORD_H
#define RECONCILE_PLAN_APPLIED_RECORD_H

#include "reconcile/tree/node.h"

/* Bodies outside of memory: read() reads len bytes that begin at `place`; false: they cannot be read. */
struct applied_bodies {
	bool (*read)(void *context, uint64_t place, size_t len, char *bytes);
	void *context;
};

struct applied_record {
	const char *name;		/* of the workflow; the key among the records of one endpoint and owner */
	int64_t id;			/* on the service */
	const char *digest;		/* of the declared body, as in the owner tags: a sign and eight hex digits */
	const struct node *body;	/* as declared at the last apply, canonical and sealed; NULL: not known, or below */
	const struct node *settled;	/* settled_list(): differences that the service makes; NULL: none */
	bool paused;			/* the workflow was paused before an update that may not have ended */
	/* The same as JSON, of a record that was loaded: applied_record_body().  In memory, or, with NULL, in stored. */
	const char *body_json;
	struct { const struct applied_bodies *in; uint64_t place; size_t len; } stored;	/* in NULL: nowhere */
};

/* A write that was announced before it was sent, and whose result is not known: it may have been carried out, or may still
 * be.  A workflow can have several, each with another body. */
struct applied_intent {
	const char *name;		/* of the workflow */
	const char *digest;		/* of the declared body; with the name the key among the intents */
	const struct node *body;	/* as declared, canonical and sealed; NULL: in body_json */
	bool creates;
	int64_t at;			/* when it was sent: milliseconds since 1970 */
	const char *body_json;		/* the same as JSON, of an intent that was loaded: applied_intent_body() */
};

struct applied_records {
	struct applied_record *items;		/* sorted by name */
	size_t count, room;
	struct applied_intent *intents;		/* in no order */
	size_t intent_count, intent_room;
};

/* The record of that name; NULL: not found. */
const struct applied_record *applied_records_find(const struct applied_records *records, const char *name);
/* The intent with that digest; digest NULL: the newest that creates; NULL: not found. */
const struct applied_intent *applied_intents_find(const struct applied_records *records, const char *name,
                                                  const char *digest);

/* The body, which may be made in a: the bodies of all records as trees would take ten times the bytes of their JSON.
 * NULL: not known. */
const struct node *applied_record_body(struct arena *a, const struct applied_record *record);
const struct node *applied_intent_body(struct arena *a, const struct applied_intent *intent);

/* Copies the value of old at path, a JSON Pointer through maps, into body: a key that was removed from
 * the spec and that the service keeps nevertheless has to stay in the record. */
void applied_record_retain(struct arena *a, struct node *body, const struct node *old, const char *path);

#endif
