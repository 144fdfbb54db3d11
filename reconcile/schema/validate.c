#include "reconcile/schema/validate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/base/buf.h"
#include "reconcile/schema/fields.h"
#include "reconcile/tree/json.h"
#include "reconcile/schema/cron.h"
#include "reconcile/base/suggest.h"
#include "reconcile/tree/path.h"

struct step_name { const char *name; size_t index; };

struct check {
	enum validate_as as;
	bool runs_here;			/* the local service is to execute the workflow */
	const char *root;		/* prefix of pointers in messages; NULL: none */
	const struct node *steps;	/* of the workflow; NULL: none */
	struct step_name *names;	/* of the steps that are not null, sorted: a file may hold thousands */
	size_t name_count;
	struct diagnostics *faults;
	struct arena *arena;
};

static int order_step_names(const void *a, const void *b)
{
	return strcmp(((const struct step_name *)a)->name, ((const struct step_name *)b)->name);
}

static void sort_step_names(struct check *c)
{
	c->names = arena_new(c->arena, struct step_name, c->steps->count + 1);
	for (size_t i = 0; i < c->steps->count; i++)
		if (c->steps->entries[i].value->kind != NODE_NULL)
			c->names[c->name_count++] = (struct step_name){ c->steps->entries[i].key, i };
	if (c->name_count)
		qsort(c->names, c->name_count, sizeof *c->names, order_step_names);
}

/* The index in steps of the step called name; NULL if there is no such step, or if it is null. */
static const size_t *find_step_index(const struct check *c, const char *name)
{
	struct step_name *found = c->name_count ? bsearch(&(struct step_name){ name }, c->names, c->name_count,
	                                                  sizeof *c->names, order_step_names) : NULL;
	return found ? &found->index : NULL;
}

/* The place in messages: its pointer, or a word for the root. */
static const char *place_text(const struct check *c, const struct path *path)
{
	const char *text = path_text(c->arena, path);

	if (c->root)
		return arena_printf(c->arena, "%s%s", c->root, text);
	return *text ? text : "workflow";
}

static const char *join_words(const struct check *c, const char *const *words)
{
	const char *text = words[0];

	for (size_t i = 1; words[i]; i++)
		text = arena_printf(c->arena, "%s%s%s", text, words[i + 1] ? ", " : " or ", words[i]);
	return text;
}

/* "a mapping such as {name: red}": what the table of fields expects, with its example. */
static const char *expected_words(const struct check *c, const struct field *f)
{
	static const char *const words[] = {
		[FIELD_BOOL] = "true or false", [FIELD_INT] = "a whole number",
		[FIELD_NUMBER] = "a number", [FIELD_TEXT] = "text",
		[FIELD_OBJECT] = "a mapping", [FIELD_MAP] = "a mapping", [FIELD_LIST] = "a list",
	};
	if (f->words)
		return join_words(c, f->words);
	return f->example ? arena_printf(c->arena, "%s such as %s", words[f->type], f->example) : words[f->type];
}

static void report_wrong_type(const struct check *c, const struct field *f, const struct node *n,
                       const struct path *path)
{
	bool quote = f->type == FIELD_TEXT && n->kind > NODE_NULL && n->kind < NODE_TEXT;

	diagnostics_add(c->faults, n->at, "%s: expected %s, found %s%s", place_text(c, path), expected_words(c, f),
	          node_kind_words(n->kind), quote ? "; quote it if it is meant as text" : "");
}

static void check_number(const struct check *c, const struct field *f, const struct node *n,
                         const struct path *path)
{
	double value = n->kind == NODE_INT ? (double)n->integer : n->real;

	if (n->kind != NODE_INT && (f->type == FIELD_INT || n->kind != NODE_REAL))
		report_wrong_type(c, f, n, path);
	else if ((f->least || f->most) && !(value >= (double)f->least && value <= (double)f->most))
		diagnostics_add(c->faults, n->at, "%s: expected a number from %lld to %lld, found %s",
		          place_text(c, path), (long long)f->least, (long long)f->most,
		          node_scalar_text(c->arena, n));
}

/* A cron stays opaque text (contract, 3.2), so one that cannot fire gets a warning only. */
static void check_cron(const struct check *c, const struct node *n, const struct path *path)
{
	const char *expanded = cron_expand(n->text);
	struct err err;

	if (expanded != n->text)
		diagnostics_warn(c->faults, n->at, "%s: \"%s\" means \"%s\"; write that for a service that does not know "
		                 "such names", place_text(c, path), n->text, expanded);
	else if ((c->runs_here || !cron_has_seconds(n->text)) && !cron_check(n->text, &err))
		diagnostics_warn(c->faults, n->at, "%s: \"%s\" never fires%s: %s", place_text(c, path), n->text,
		                 cron_has_seconds(n->text) ? " on the local service" : "", err.msg);
}

/* A size stays opaque text too: which units there are is the service's decision. */
static void check_size(const struct check *c, const struct node *n, const struct path *path)
{
	size_t digits = strspn(n->text, "0123456789."), blanks = strspn(n->text + digits, " ");
	const char *unit = n->text + digits + blanks, *end = unit;

	end += *end && strchr("KMGTPEkmgtpe", *end);
	end += end > unit && *end == 'i';
	end += *end == 'B' || *end == 'b';
	if (digits == 0 || end == unit || *end)
		diagnostics_warn(c->faults, n->at, "%s: expected a size such as 10GB, found \"%s\"",
		                 place_text(c, path), n->text);
}

static void check_word(const struct check *c, const struct field *f, const struct node *n,
                       const struct path *path)
{
	struct suggestion near = { .word = n->text };

	for (size_t i = 0; f->words[i]; i++)
		if (strcmp(f->words[i], n->text) == 0)
			return;
	for (size_t i = 0; f->words[i]; i++)
		suggest_offer(&near, f->words[i]);
	if (near.best)
		diagnostics_add(c->faults, n->at, "%s: expected %s, found \"%s\"; did you mean \"%s\"?",
		          place_text(c, path), join_words(c, f->words), n->text, near.best);
	else
		diagnostics_add(c->faults, n->at, "%s: expected %s, found \"%s\"",
		          place_text(c, path), join_words(c, f->words), n->text);
}

static void check_text(const struct check *c, const struct field *f, const struct node *n,
                       const struct path *path)
{
	struct node *read;
	struct err err;

	if ((f->flags & FIELD_TEXT_OF) && n->kind > NODE_NULL && n->kind < NODE_TEXT) {
		/* The service wants strings in env: this warns, and text is sent (contract, trap 6). */
		if (c->as != VALIDATE_REQUEST)
			diagnostics_warn(c->faults, n->at, "%s: expected text, found %s; quote it, it is sent as text",
			           place_text(c, path), node_kind_words(n->kind));
		return;
	}
	if (n->kind != NODE_TEXT) {
		report_wrong_type(c, f, n, path);
		return;
	}
	if (f->words)
		check_word(c, f, n, path);
	if ((f->flags & FIELD_NAME) && !*n->text)
		diagnostics_add(c->faults, n->at, "%s: expected a name, found an empty text", place_text(c, path));
	for (const char *s = n->text; (f->flags & FIELD_NAME) && *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f) {
			diagnostics_add(c->faults, n->at, "%s: expected a name on one line, found a control character",
			          place_text(c, path));
			break;
		}
	if (f->flags & FIELD_CRON)
		check_cron(c, n, path);
	if ((f->flags & FIELD_SIZE) && !strstr(n->text, "{{"))
		check_size(c, n, path);
	if ((f->flags & FIELD_POINTER) && *n->text != '/')
		diagnostics_add(c->faults, n->at, "%s: expected a JSON Pointer, such as /steps/train/command",
		          place_text(c, path));
	if ((f->flags & FIELD_STEP) && c->as != VALIDATE_PATCH && !find_step_index(c, n->text))
		diagnostics_add(c->faults, n->at, "%s: no step is called \"%s\"", place_text(c, path), n->text);
	if ((f->flags & FIELD_JSON_TEXT) && c->as != VALIDATE_REQUEST && !strstr(n->text, "{{") &&
	    !json_read(c->arena, n->text, strlen(n->text), &read, &err))
		diagnostics_warn(c->faults, n->at, "%s: expected JSON as text, found text that is not JSON",
		           place_text(c, path));
}

/* The kind of the step, or of the auth, that the walk is in. */
struct kind {
	unsigned bits;			/* 0: its word is unknown or missing, which was reported once */
	const struct field *holder;	/* the object with the variant; NULL: no object around has one */
};

static void check_value(const struct check *c, const struct field *f, const struct node *n,
                        struct kind kind, const struct path *path);

#define CRON_EXAMPLE		"triggers: [{cron: \"0 5 * * *\"}]"
#define INSTANCE_EXAMPLE	"resources: {instanceTypeId: 21}, an id of `flowsync workflow resources`"

/* Keys that are known from other tools or from another place of a workflow, and what to write instead. */
static const struct { const char *object, *key, *instead; } misplaced_keys[] = {
	{ "", "schedule", CRON_EXAMPLE },
	{ "", "cron", CRON_EXAMPLE },
	{ "", "env", "parameters: {env: {NAME: value}} in each step" },
	{ "*", "env", "parameters: {env: {NAME: value}}" },
	{ "*", "secrets", "parameters: {secrets: [NAME]}" },
	{ "*", "image", "imageId: 7, the number of an image" },
	{ "*", "cpu", INSTANCE_EXAMPLE },
	{ "*", "memory", INSTANCE_EXAMPLE },
	{ "*", "instanceTypeId", INSTANCE_EXAMPLE },
	{ "*", "storage", "resources: {storage: 10GB}" },
	{ "*", "timeout", "stepTimeout: 600, in seconds" },
	{ "*", "retryOptions", "runConfiguration: {retryOptions: ...}, or retryOptions of the workflow for all steps" },
	{ "*", "depends_on", "parents: [STEP]" },
	{ "*", "needs", "parents: [STEP]" },
	{ "resources", "cpu", "instanceTypeId: 21, an id of `flowsync workflow resources`" },
	{ "resources", "memory", "instanceTypeId: 21, an id of `flowsync workflow resources`" },
};

/* What to write instead of a key inside of this object; NULL: nothing is known. */
static const char *instead_of_key(const struct field *object, const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(misplaced_keys); i++)
		if (strcmp(misplaced_keys[i].object, object->name) == 0 && strcmp(misplaced_keys[i].key, key) == 0)
			return misplaced_keys[i].instead;
	return NULL;
}

static void report_unknown_field(const struct check *c, const struct field *object, const struct entry *e,
                          struct kind kind, const struct path *path)
{
	struct suggestion near = { .word = e->key };
	const char *instead = instead_of_key(object, e->key);

	for (const struct field *f = object->fields; f->name; f++)
		if (!(f->flags & FIELD_FILLED) && (!f->only || (f->only & kind.bits)))
			suggest_offer(&near, f->name);
	if (instead)
		diagnostics_add(c->faults, e->at, "%s: unknown field \"%s\"; write %s", place_text(c, path), e->key, instead);
	else if (near.best)
		diagnostics_add(c->faults, e->at, "%s: unknown field \"%s\"; did you mean \"%s\"?",
		          place_text(c, path), e->key, near.best);
	else
		diagnostics_add(c->faults, e->at, "%s: unknown field \"%s\"", place_text(c, path), e->key);
}

static void report_wrong_kind(const struct check *c, const struct field *f, const struct entry *e,
                       struct kind kind, const struct path *path)
{
	assert(kind.holder);	/* a field is of one kind only in an object that has a variant */
	const char *of = strcmp(kind.holder->name, "*") == 0 ? "a step" : kind.holder->name;

	diagnostics_add(c->faults, e->at, "%s: \"%s\" is not allowed in %s of type %s, only in %s",
	          place_text(c, path), e->key, of, field_kind_words(c->arena, kind.holder, kind.bits),
	          field_kind_words(c->arena, kind.holder, f->only));
}

/* The same as field_is_given() for the entry e of field f, without looking for it. */
static bool entry_is_given(const struct field *object, const struct field *f, const struct node *n,
                           const struct entry *e)
{
	if (f->flags & FIELD_TRUE)
		return field_is_given(object, f, n);
	return e->value->kind != NODE_NULL;
}

/* The entry e of n has a value, and is a field f. */
static void check_entry(const struct check *c, const struct field *f, const struct node *n,
                        const struct entry *e, struct kind kind, const struct path *path)
{
	struct path here = { path, e->key };

	if ((f->flags & FIELD_STRAY) && c->as == VALIDATE_PATCH)
		return;
	if (f->flags & FIELD_FILLED) {
		diagnostics_add(c->faults, e->at, "%s: \"%s\" is set by the service and cannot be declared",
		          place_text(c, path), e->key);
	} else if (f->only && !(f->only & kind.bits)) {
		if (kind.bits)
			report_wrong_kind(c, f, e, kind, path);
	} else {
		if ((f->flags & FIELD_NOT_GET) && node_is_text(n, "method", "get"))
			diagnostics_add(c->faults, e->at, "%s: \"%s\" is not allowed with method get",
			          place_text(c, path), e->key);
		check_value(c, f, e->value, kind, &here);
	}
}

/* Fields of which exactly one is given, but those that were given are not one. */
static void report_choice(const struct check *c, const struct field *object, const struct node *n,
                          struct kind kind, const struct path *path, bool none)
{
	const char *choices = NULL;

	for (const struct field *f = object->fields; f->name; f++)
		if (f->one_of & kind.bits)
			choices = choices ? arena_printf(c->arena, "%s, \"%s\"", choices, f->name)
			                  : arena_printf(c->arena, "\"%s\"", f->name);
	diagnostics_add(c->faults, n->at, "%s: expected exactly one of %s, found %s",
	          place_text(c, path), choices, none ? "none" : "more than one");
}

/* given: a bit for each row of object that has a value in n. */
static void check_required(const struct check *c, const struct field *object, const struct node *n,
                           uint64_t given, struct kind kind, const struct path *path)
{
	size_t choices = 0, chosen = 0;

	for (const struct field *f = object->fields; f->name; f++) {
		bool needed = (f->need & kind.bits) || f->need == ALL_KINDS;
		bool advised = (f->flags & FIELD_ADVISED) && (f->only & kind.bits);
		bool choice = f->one_of & kind.bits;
		if (!needed && !advised && !choice)
			continue;
		/* A key that several rows have is one of them only. */
		bool there = (given >> (f - object->fields) & 1) || field_is_given(object, f, n);
		if (needed && !there)
			diagnostics_add(c->faults, n->at, "%s: \"%s\" is missing", place_text(c, path), f->name);
		if (advised && !there)
			diagnostics_warn(c->faults, n->at, "%s: \"%s\" is missing; %s", place_text(c, path), f->name,
			                 f->about);
		choices += choice;
		chosen += choice && there;
	}
	bool may_be_none = (object->flags & FIELD_MAY_BE_EMPTY) && !given;
	if (choices && chosen != 1 && !may_be_none)
		report_choice(c, object, n, kind, path, chosen == 0);
}

/* The kind of n; 0 if its word is missing where it is required, or unknown.  That is reported once; fields that depend
 * on the kind are then not reported. */
static unsigned kind_of(const struct check *c, const struct field *f, const struct node *n,
                        unsigned outer)
{
	const struct node *word = node_get(n, f->variant);
	bool there = word && word->kind != NODE_NULL;

	if (!there && c->as == VALIDATE_PATCH)
		return ALL_KINDS;
	if (there ? word->kind != NODE_TEXT : !field_child(f, f->variant, ALL_KINDS)->otherwise)
		return 0;
	return field_kind(f, n, outer);
}

/* True if n has to be complete: in a patch only what is inside of a list, since lists are replaced as a whole. */
static bool is_whole_object(const struct check *c, const struct path *path)
{
	bool in_list = false;

	for (; path->up; path = path->up)
		in_list |= !path->key;
	return c->as != VALIDATE_PATCH || in_list;
}

static void check_object(const struct check *c, const struct field *f, const struct node *n,
                         struct kind kind, const struct path *path)
{
	if (f->variant)
		kind = (struct kind){ kind_of(c, f, n, kind.bits), f };
	uint64_t given = 0;
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		const struct field *row = field_child(f, e->key, kind.bits);
		if (!row) {
			report_unknown_field(c, f, e, kind, path);
		} else if (entry_is_given(f, row, n, e)) {	/* null means: not declared (design, 5.1) */
			assert(row - f->fields < 64);
			given |= (uint64_t)1 << (row - f->fields);
			check_entry(c, row, n, e, kind, path);
		}
	}
	if (is_whole_object(c, path))
		check_required(c, f, n, given, kind, path);
}

static void check_items(const struct check *c, const struct field *f, const struct node *n,
                        struct kind kind, const struct path *path)
{
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		struct path here = { path, e->key, i };
		/* A key without value counts as not declared; an item of a list cannot. */
		if (f->type == FIELD_MAP && e->value->kind == NODE_NULL)
			continue;
		check_value(c, f->fields, e->value, kind, &here);
	}
}

/* flowsync's own tags are refused in specs (design, 5.1). */
static void check_own_tags(const struct check *c, const struct node *tags)
{
	for (size_t i = 0; i < tags->count; i++) {
		const char *name = node_get_text(tags->entries[i].value, "name");
		if (name && field_own_tag(name))
			diagnostics_add(c->faults, tags->entries[i].at,
			          "/tags/%zu: tags that begin with \"flowsync-\" are reserved for flowsync", i);
	}
}

static void check_value(const struct check *c, const struct field *f, const struct node *n,
                        struct kind kind, const struct path *path)
{
	switch (f->type) {
	case FIELD_BOOL:
		if (n->kind != NODE_BOOL)
			report_wrong_type(c, f, n, path);
		else if ((f->flags & FIELD_TRUE) && !n->boolean)
			diagnostics_add(c->faults, n->at, "%s: expected true, found false; leave it out instead",
			          place_text(c, path));
		break;
	case FIELD_INT:
	case FIELD_NUMBER:
		check_number(c, f, n, path);
		break;
	case FIELD_TEXT:
		check_text(c, f, n, path);
		break;
	case FIELD_OBJECT:
		if (n->kind != NODE_MAP)
			report_wrong_type(c, f, n, path);
		else
			check_object(c, f, n, kind, path);
		break;
	case FIELD_MAP:
	case FIELD_LIST:
		if (n->kind != (f->type == FIELD_MAP ? NODE_MAP : NODE_LIST)) {
			report_wrong_type(c, f, n, path);
			break;
		}
		check_items(c, f, n, kind, path);
		if ((f->flags & FIELD_OWN_TAGS) && c->as != VALIDATE_REQUEST)
			check_own_tags(c, n);
		break;
	}
}

/* ---- the graph of steps ---- */

enum { CYCLE_SHOWN = 10 };	/* steps; a file may have a cycle of thousands */

struct step_graph {
	const struct check *check;
	const struct node *steps;
	enum { UNSEEN, OPEN, SEEN } *marks;	/* of each step */
	size_t *next;				/* of each step: the index of the parent that is visited next */
	size_t *trail, depth;			/* the steps on the present path, the first one first */
};

static void report_step_cycle(struct step_graph *g, size_t again, struct pos at)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	size_t from = 0;

	while (g->trail[from] != again)
		from++;
	size_t shown = g->depth - from < CYCLE_SHOWN ? g->depth : from + CYCLE_SHOWN;
	for (size_t i = from; i < shown; i++)
		buf_addf(&text, "%s -> ", g->steps->entries[g->trail[i]].key);
	buf_addf(&text, "%s%s", shown < g->depth ? "... -> " : "", g->steps->entries[again].key);
	diagnostics_add(g->check->faults, at, "/steps/%s/parents: steps wait for each other in a circle: %s",
	          g->steps->entries[g->trail[g->depth - 1]].key, buf_str(&text));
}

/* Walks from step to parent.  Not recursive, because a file may hold a chain of thousands. */
static void visit_parents(struct step_graph *g, size_t start)
{
	g->depth = 0;
	g->marks[start] = OPEN;
	g->trail[g->depth++] = start;
	while (g->depth) {
		size_t at = g->trail[g->depth - 1];
		const struct node *parents = node_get(g->steps->entries[at].value, "parents");
		if (!parents || parents->kind != NODE_LIST || g->next[at] == parents->count) {
			g->marks[at] = SEEN;
			g->depth--;
			continue;
		}
		const struct node *parent = parents->entries[g->next[at]++].value;
		const size_t *to = parent->kind == NODE_TEXT ? find_step_index(g->check, parent->text) : NULL;
		if (to && g->marks[*to] == OPEN) {
			report_step_cycle(g, *to, parent->at);
		} else if (to && g->marks[*to] == UNSEEN) {
			g->marks[*to] = OPEN;
			g->trail[g->depth++] = *to;
		}
	}
}

static void check_graph(const struct check *c)
{
	struct step_graph g = { .check = c, .steps = c->steps };

	g.marks = arena_alloc(c->arena, c->steps->count + 1, sizeof *g.marks, alignof(max_align_t));
	g.next = arena_new(c->arena, size_t, c->steps->count + 1);
	g.trail = arena_new(c->arena, size_t, c->steps->count + 1);
	for (size_t i = 0; i < c->steps->count; i++)
		if (g.marks[i] == UNSEEN)
			visit_parents(&g, i);
}

bool validate_workflow(const struct node *body, unsigned as, struct diagnostics *faults)
{
	const struct node *steps = node_get(body, "steps");
	struct check c = {
		.as = as & ~VALIDATE_LOCAL, .runs_here = as & VALIDATE_LOCAL,
		.faults = faults, .arena = faults->arena,
		.steps = steps && steps->kind == NODE_MAP ? steps : NULL,
	};
	size_t before = faults->errors;

	if (c.steps)
		sort_step_names(&c);
	check_value(&c, &workflow_field, body, (struct kind){ ALL_KINDS, NULL }, &(struct path){ 0 });
	if (c.steps)
		check_graph(&c);
	return faults->errors == before;
}

/* Checks a document that stands beside a workflow. */
static bool validate_beside(const struct field *field, enum validate_as as, const struct node *n,
                            struct diagnostics *faults)
{
	struct check c = { .as = as, .root = field->name, .faults = faults, .arena = faults->arena };
	size_t before = faults->errors;

	check_value(&c, field, n, (struct kind){ ALL_KINDS, NULL }, &(struct path){ 0 });
	return faults->errors == before;
}

bool validate_block(const struct node *block, struct diagnostics *faults)
{
	return validate_beside(&block_field, VALIDATE_SPEC, block, faults);
}

bool validate_execute(const struct node *body, struct diagnostics *faults)
{
	return validate_beside(&execute_field, VALIDATE_REQUEST, body, faults);
}
