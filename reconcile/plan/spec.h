/* spec.h: reads declared workflows from the bytes of files (design, 4). */
#ifndef RECONCILE_PLAN_SPEC_H
#define RECONCILE_PLAN_SPEC_H

#include "reconcile/base/diagnostics.h"
#include "reconcile/tree/node.h"
#include "reconcile/tree/template.h"

enum { SPEC_DIGEST = 16 };

struct spec {
	const char *name;		/* body.name; NULL if a partial spec has none */
	struct pos at;			/* where the document's body begins */
	const char *packed;		/* the body, as pack.h does it: spec_body(); NULL: not read, see spec_load() */
	unsigned char digest[SPEC_DIGEST];	/* of the body without its places, under the key of the specs, if there is one */
	/* the flowsync: block */
	bool prune;			/* true if not given */
	bool suspend;
	const struct node *ignore;	/* a list of JSON Pointers; NULL: none */
	const char *renamed_from;	/* NULL: none */
};

struct specs {
	struct arena *arena;		/* set by the caller; everything here lives in it, but the names of files */
	struct arena *scratch;		/* set by the caller: of the trees of a file, which the caller may end after each file;
					 * NULL: memory for each file alone */
	bool without_bodies;		/* set by the caller: only the rest is wanted, packed is NULL */
	const unsigned char *key;	/* set by the caller: of the digests, DIGEST_KEY_SIZE bytes; NULL: none are wanted */
	/* Set by the caller, who adds specs that he knows without reading their files: reads spec's file and sets packed.
	 * False, with a sentence, if the file cannot be read, or is not the one that was read then. */
	bool (*load)(void *context, const struct spec *spec, struct err *err);
	void *context;
	const char **uses;		/* template_text's, of the file that was read last; they live in scratch */
	size_t use_count;
	bool local;			/* set by the caller: warn about what the local service cannot run */
	bool partial;			/* set by the caller: the specs are patches, in which no key is required */
	bool execute;			/* set by the caller: the documents are bodies of execute, not workflows */
	bool older;			/* set by the caller: an older version of a file, of which {{ name }} was applied as it
					 * is where it had no value */
	struct spec *items;		/* in the order of files and documents */
	size_t count, room;
	size_t files;			/* number of files that were read */
};

/* Reads one file: fills in variables, reads YAML, unwraps body: and flowsync:, validates each
 * body.  An empty document is skipped; a file without any other is an error.  A spec with an
 * error is not added.  name, the file's, is not copied.  True if no error was added. */
bool specs_read(struct specs *specs, const struct vars *vars, const char *name,
                const char *bytes, size_t len, struct diagnostics *faults);

/* Adds a copy of spec, which the caller knows from an earlier reading of its file.  Its texts are not copied. */
void specs_add(struct specs *specs, const struct spec *spec);

/* True if spec's body can be had, which reads its file if the spec was added without. */
bool spec_load(const struct specs *specs, const struct spec *spec, struct err *err);

/* The body, in a: normalise_declared(), without keys whose value is null and with text for numbers in env.  A tree for each
 * call: for all specs together trees take thirty times the bytes of the files, so they are made when they are needed.
 * Its texts are those of the specs. */
struct node *spec_body(struct arena *a, const struct spec *spec);

/* Adds an error for each value of body that contains the replacement of a masked one, such as "(masked #1)", except at
 * the places in ignore (NULL: none): such a text is not the secret, and is never sent.  True if no error was added. */
bool spec_check_masked(const struct node *body, const struct node *ignore, struct diagnostics *faults);

/* body, a declared one, in that reading whose digest_body() is digest; NULL: no reading has it. */
const struct node *spec_body_of_digest(struct arena *a, const struct node *body, const char *digest);

/* Checks all specs together: adds an error for two specs of one name (with both places), and for a renamed_from that
 * another spec declares or claims, too.  True if no error was added. */
bool specs_check(const struct specs *specs, struct diagnostics *faults);

/* The spec of that name; NULL: not found. */
const struct spec *specs_find(const struct specs *specs, const char *name);

#endif
