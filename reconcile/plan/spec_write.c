#include "reconcile/plan/spec_write.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/plan/diff.h"
#include "reconcile/wire/owner_tags.h"
#include "reconcile/schema/mask.h"
#include "reconcile/schema/normalise.h"
#include "reconcile/tree/path.h"
#include "reconcile/tree/scalar.h"
#include "reconcile/plan/spec.h"
#include "reconcile/tree/yaml.h"

struct spec_writer {
	struct arena *arena;
	bool managed;			/* flowsync wrote the workflow before: there may be a record of what was declared */
	const char *secret;		/* pointer of the secret because of which a value was left out last */
	struct node *ignore;		/* pointers for flowsync.ignore */
	const char **notes;		/* comments, in the order of the text */
	size_t count, room;
};

/* The place that a walk has reached, and the kind of value there. */
struct spec_place {
	const struct field *field, *outer;
	unsigned kind;
	bool needed;			/* the enclosing value requires it */
	bool vital;			/* and so on up to the root: there is no spec without it */
	bool presence;			/* in an object whose presence has a meaning: its defaults stay */
	struct path path;
};

/* ---- one order ---- */

static struct node *order_value(struct arena *a, const struct field *f, const struct node *n, unsigned kind);

static int order_keys(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static int order_values(const void *a, const void *b)
{
	return node_order(((const struct entry *)a)->value, ((const struct entry *)b)->value);
}

/* In the order of the table.  A key without a row for this kind of object is not a part of a spec. */
static struct node *ordered_object(struct arena *a, const struct field *f, const struct node *n,
                                   unsigned kind)
{
	struct node *out = node_map(a);

	kind = field_kind(f, n, kind);
	for (const struct field *row = f->fields; row->name; row++) {
		const struct node *value = node_get(n, row->name);
		if (value && (!row->only || (row->only & kind)))
			node_put(a, out, row->name, order_value(a, row, value, kind));
	}
	return out;
}

/* Steps by their places in the map, which is sorted by name. */
struct step_sorter {
	const struct node *steps;
	struct step_edge { size_t parent, child; } *edges;	/* sorted by parent */
	size_t count, room;
	size_t *waits;		/* how many parents of each step are not written yet */
	size_t *ready;		/* a heap, the first name on top */
	size_t ready_count;
};

static int order_edges(const void *a, const void *b)
{
	const struct step_edge *x = a, *y = b;

	return (x->parent > y->parent) - (x->parent < y->parent);
}

static void add_edges(struct arena *a, struct step_sorter *s, size_t child)
{
	const struct node *parents = node_get(s->steps->entries[child].value, "parents");

	for (size_t i = 0; parents && parents->kind == NODE_LIST && i < parents->count; i++) {
		const struct node *name = parents->entries[i].value;
		const struct entry *parent = name->kind != NODE_TEXT ? NULL
		        : bsearch(&(struct entry){ .key = name->text }, s->steps->entries, s->steps->count,
		                  sizeof *s->steps->entries, order_keys);
		if (!parent)
			continue;
		arena_grow(a, s->edges, s->count, s->room);
		s->edges[s->count++] = (struct step_edge){ (size_t)(parent - s->steps->entries), child };
		s->waits[child]++;
	}
}

static void push_ready(struct step_sorter *s, size_t step)
{
	size_t at = s->ready_count++;

	for (; at && s->ready[(at - 1) / 2] > step; at = (at - 1) / 2)
		s->ready[at] = s->ready[(at - 1) / 2];
	s->ready[at] = step;
}

static size_t pop_ready(struct step_sorter *s)
{
	size_t top = s->ready[0], last = s->ready[--s->ready_count], at = 0, next;

	for (; (next = 2 * at + 1) < s->ready_count; at = next) {
		next += next + 1 < s->ready_count && s->ready[next + 1] < s->ready[next];
		if (s->ready[next] >= last)
			break;
		s->ready[at] = s->ready[next];
	}
	s->ready[at] = last;
	return top;
}

static void free_children(struct step_sorter *s, size_t parent)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->edges[middle].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < s->count && s->edges[low].parent == parent; low++)
		if (--s->waits[s->edges[low].child] == 0)
			push_ready(s, s->edges[low].child);
}

/* Sorts parents before their children, by name where both may come.  Steps of a cycle come last; validate reports the
 * cycle. */
static struct node *parents_first(struct arena *a, const struct node *steps)
{
	struct node *out = node_map(a);
	struct step_sorter s = {
		.steps = steps, .waits = arena_new(a, size_t, steps->count + 1), .ready = arena_new(a, size_t, steps->count + 1),
	};

	for (size_t i = 0; i < steps->count; i++)
		add_edges(a, &s, i);
	if (s.count)
		qsort(s.edges, s.count, sizeof *s.edges, order_edges);
	for (size_t i = 0; i < steps->count; i++)
		if (!s.waits[i])
			push_ready(&s, i);
	for (size_t first = 0; out->count < steps->count; ) {
		while (!s.ready_count && node_get(out, steps->entries[first].key))
			first++;
		size_t step = s.ready_count ? pop_ready(&s) : first;
		if (node_get(out, steps->entries[step].key))
			continue;	/* of a cycle: was written before its parents */
		node_put(a, out, steps->entries[step].key, steps->entries[step].value);
		free_children(&s, step);
	}
	return out;
}

static struct node *ordered_map(struct arena *a, const struct field *f, const struct node *n,
                                unsigned kind)
{
	struct node *out = node_map(a);

	for (size_t i = 0; i < n->count; i++)
		node_put(a, out, n->entries[i].key, order_value(a, f->fields, n->entries[i].value, kind));
	if (out->count)
		qsort(out->entries, out->count, sizeof *out->entries, order_keys);
	node_index(a, out);
	return (f->flags & FIELD_CLOSED) ? parents_first(a, out) : out;
}

static struct node *ordered_list(struct arena *a, const struct field *f, const struct node *n,
                                 unsigned kind)
{
	struct node *out = node_list(a);

	for (size_t i = 0; i < n->count; i++)
		node_add(a, out, order_value(a, f->fields, n->entries[i].value, kind));
	if ((f->flags & FIELD_SET) && out->count)
		qsort(out->entries, out->count, sizeof *out->entries, order_values);
	return out;
}

static struct node *order_value(struct arena *a, const struct field *f, const struct node *n, unsigned kind)
{
	if (f->type == FIELD_OBJECT && n->kind == NODE_MAP)
		return ordered_object(a, f, n, kind);
	if (f->type == FIELD_MAP && n->kind == NODE_MAP)
		return ordered_map(a, f, n, kind);
	if (f->type == FIELD_LIST && n->kind == NODE_LIST)
		return ordered_list(a, f, n, kind);
	return (struct node *)n;
}

/* ---- what is left out ---- */

static struct node *keep_value(struct spec_writer *w, const struct spec_place *at, const struct node *n);

static void add_note(struct spec_writer *w, const char *text)
{
	arena_grow(w->arena, w->notes, w->count, w->room);
	w->notes[w->count++] = text;
}

static void add_ignore(struct spec_writer *w, const char *pointer)
{
	node_add(w->arena, w->ignore, node_text(w->arena, pointer));
}

/* With a record, a key that is missing in the text would look like one that was removed from the spec. */
static void ignore_if_managed(struct spec_writer *w, const char *pointer)
{
	if (w->managed)
		add_ignore(w, pointer);
}

static bool is_secret_value(struct spec_writer *w, const struct spec_place *at, const struct node *n)
{
	unsigned flags = at->field ? at->field->flags : 0;

	if (at->outer == &workflow_field && (flags & FIELD_NAME))
		return false;	/* every plan calls the workflow by its name */
	/* A secret that is shown as empty is hidden: an empty value in the spec would overwrite it. */
	return (flags & FIELD_SECRET) ||
	       !node_equal(n, mask_entry(w->arena, at->outer, at->path.key, at->field, n, 1));
}

/* Keeps a secret without which there is no spec: masked, and not compared. */
static struct node *mask_value(struct spec_writer *w, const struct spec_place *at, const struct node *n)
{
	const char *pointer = path_text(w->arena, &at->path);

	add_note(w, arena_printf(w->arena, "%s: holds a secret, which is masked here and not compared", pointer));
	add_ignore(w, pointer);
	return mask_entry(w->arena, at->outer, at->path.key, at->field, n, 1);
}

static bool is_default_value(struct spec_writer *w, const struct spec_place *at, const struct node *n)
{
	const char *text = at->field->otherwise && !at->presence ? node_scalar_text(w->arena, n) : NULL;

	if (n->kind == NODE_LIST || n->kind == NODE_MAP)
		return n->count == 0;
	return n->kind == NODE_NULL || (text && strcmp(text, at->field->otherwise) == 0);
}

static void note_left_out(struct spec_writer *w, const struct spec_place *at)
{
	const char *pointer = path_text(w->arena, &at->path);

	add_note(w, strcmp(pointer, w->secret) == 0
	        ? arena_printf(w->arena, "%s: left out, it is secret", pointer)
	        : arena_printf(w->arena, "%s: left out, %s is secret", pointer, w->secret));
	ignore_if_managed(w, pointer);
}

/* Replaces the pointers that were added inside of a value by the one of the value, which is left out as a whole. */
static void ignore_whole(struct spec_writer *w, const struct spec_place *at, size_t ignored)
{
	if (w->ignore->count == ignored)
		return;
	w->ignore->count = ignored;
	add_ignore(w, path_text(w->arena, &at->path));
}

static void note_hidden(struct spec_writer *w, const struct spec_place *at, const struct node *n)
{
	unsigned kind = field_kind(at->field, n, at->kind);

	for (const struct field *row = at->field->fields; row->name; row++) {
		struct path path = { &at->path, row->name };
		if (!(row->flags & (FIELD_HIDDEN | FIELD_MAY_HIDE)) || (row->only && !(row->only & kind)) ||
		    node_get(n, row->name))
			continue;
		const char *pointer = path_text(w->arena, &path);
		add_note(w, arena_printf(w->arena, "%s: not shown by the service; add it if there is one", pointer));
		ignore_if_managed(w, pointer);
	}
}

/* Adds the value to out, or leaves it out.  False if the enclosing value has to be left out, too. */
static bool keep_entry(struct spec_writer *w, const struct spec_place *at, const struct node *n, struct node *out)
{
	size_t ignored = w->ignore->count;
	struct node *value = keep_value(w, at, n);

	if (!value && at->needed)
		return false;
	if (!value)
		note_left_out(w, at);
	else if (at->needed || !is_default_value(w, at, value))
		node_put(w->arena, out, at->path.key, value);
	else
		ignore_whole(w, at, ignored);
	return true;
}

static struct node *keep_map(struct spec_writer *w, const struct spec_place *at, const struct node *n)
{
	const struct field *f = at->field;
	unsigned kind = field_kind(f, n, at->kind);
	struct node *out = node_map(w->arena);

	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		const struct field *child = field_child(f, e->key, kind);
		bool needed = f->type == FIELD_OBJECT ? (child->need | child->one_of) & kind
		                                      : f->flags & FIELD_CLOSED;
		struct spec_place spot = { child, f, kind, needed, needed && at->vital, f->flags & FIELD_PRESENCE,
		                     { &at->path, e->key } };
		if (!keep_entry(w, &spot, e->value, out))
			return NULL;
	}
	if (f->type == FIELD_OBJECT)
		note_hidden(w, at, n);
	return out;
}

/* A declared list is complete, so it is kept as a whole or not at all. */
static struct node *keep_list(struct spec_writer *w, const struct spec_place *at, const struct node *n)
{
	struct node *out = node_list(w->arena);

	for (size_t i = 0; i < n->count; i++) {
		struct spec_place spot = { at->field->fields, at->field, at->kind, true, false, false,
		                     { &at->path, "*" } };
		size_t notes = w->count;
		struct node *item = keep_value(w, &spot, n->entries[i].value);
		if (!item || w->count > notes)
			return NULL;
		node_add(w->arena, out, item);
	}
	return out;
}

/* A copy of n without secrets and defaults; NULL: n is useless without the secret that it holds. */
static struct node *keep_value(struct spec_writer *w, const struct spec_place *at, const struct node *n)
{
	size_t notes = w->count, ignored = w->ignore->count;
	enum field_type type = at->field->type;

	if ((type == FIELD_LIST && n->kind == NODE_LIST) ||
	    ((type == FIELD_OBJECT || type == FIELD_MAP) && n->kind == NODE_MAP)) {
		struct node *out = (type == FIELD_LIST ? keep_list : keep_map)(w, at, n);
		if (out)
			return out;
		w->count = notes;
		w->ignore->count = ignored;
	} else if (!is_secret_value(w, at, n)) {
		return (struct node *)n;
	} else {
		w->secret = path_text(w->arena, &at->path);
	}
	return at->vital ? mask_value(w, at, n) : NULL;
}

/* ---- the text ---- */

/* Replaces characters that would end the line. */
static void add_comment(struct buf *out, const char *text)
{
	buf_adds(out, "# ");
	while (*text) {
		size_t odd = scalar_odd_character(text);
		if (odd)
			buf_addc(out, '?');
		else
			buf_addc(out, *text);
		text += odd ? odd : 1;
	}
	buf_addc(out, '\n');
}

static void add_head(struct spec_writer *w, const struct node *described, const char *endpoint,
                     const char *owner, struct buf *out)
{
	const char *status = node_get_text(described, "status");

	add_comment(out, arena_printf(w->arena, "workflow %lld, imported from %s",
	                              (long long)node_get_int(described, "id", 0), endpoint));
	/* The status "Running" is out of date when the file is read. */
	if (status && strcmp(status, "Available") != 0 && strcmp(status, "Running") != 0)
		add_comment(out, arena_printf(w->arena, "status: %s", status));
	if (owner)
		add_comment(out, arena_printf(w->arena, "owner: %s", owner));
	for (size_t i = 0; i < w->count; i++)
		add_comment(out, w->notes[i]);
	if (w->ignore->count)
		add_comment(out, "To declare a key that flowsync.ignore lists, remove it from that list; until then "
		            "it is left as it is.");
}

/* keep: the workflow has the tag flowsync-keep. */
static struct node *make_document(struct spec_writer *w, const struct node *body, bool keep)
{
	struct node *out = node_map(w->arena), *ours = node_map(w->arena);

	if (keep)
		node_put(w->arena, ours, "prune", node_bool(w->arena, false));
	if (w->ignore->count)
		node_put(w->arena, ours, "ignore", w->ignore);
	if (ours->count)
		node_put(w->arena, out, "flowsync", ours);
	for (size_t i = 0; i < body->count; i++)
		node_put(w->arena, out, body->entries[i].key, body->entries[i].value);
	return out;
}

/* The last newline of a file is no part of it: a text that ends the file with one needs another. */
static void end_file(const struct node *last, struct buf *text)
{
	while (last->count)
		last = last->entries[last->count - 1].value;
	size_t len = last->kind == NODE_TEXT ? strlen(last->text) : 0;
	if (len && last->text[len - 1] == '\n')
		buf_addc(text, '\n');
}

/* Checks the text: a workflow of the service may not be a valid spec, or may be too large for a file. */
static bool plans_nothing(struct arena *a, const struct node *observed, const struct buf *text,
                           struct err *err)
{
	struct diagnostics faults = { .arena = a };
	struct specs specs = { .arena = a };
	static const struct vars none = { 0 };
	struct diff diff;

	if (!specs_read(&specs, &none, NULL, text->text, text->len, &faults)) {
		size_t first = 0;
		while (faults.items[first].warning)
			first++;
		return err_set(err, "it would not be a valid spec: %s", faults.items[first].message);
	}
	diff_three_way(a, &(struct diff_sides){
		.name = specs.items[0].name, .declared = normalise(a, spec_body(a, &specs.items[0])),
		.observed = observed, .ignore = specs.items[0].ignore,
	}, &diff);
	if (diff.count)
		return err_set(err, "no spec can express what the service has at %s", diff.items[0].path);
	return true;
}

bool spec_write(struct arena *a, const struct node *described, const char *endpoint, struct buf *out,
                struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT, escaped = BUF_TEXT;
	struct owner_tags marker = owner_tags_read(a, node_get(described, "tags"));
	struct spec_writer w = { .arena = a, .managed = marker.body, .ignore = node_list(a) };
	const struct spec_place root = { &workflow_field, NULL, ALL_KINDS, true, true, false, { 0 } };
	const struct node *observed = normalise(a, described);
	const struct node *body = keep_value(&w, &root, order_value(a, &workflow_field, observed, ALL_KINDS));

	add_head(&w, described, endpoint, marker.owner, &text);
	const struct node *document = make_document(&w, body, marker.keep);
	yaml_write(document, &text);
	end_file(document, &text);
	template_escape(buf_str(&text), &escaped);
	if (!plans_nothing(a, observed, &escaped, err))
		return false;
	buf_add(out, escaped.text, escaped.len);
	return true;
}
