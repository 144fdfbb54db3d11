#include "reconcile/schema/normalise.h"

#include <string.h>

#include "reconcile/schema/cron.h"
#include "reconcile/tree/path.h"

enum form { FORM_COMPARE, FORM_DECLARED, FORM_REQUEST };

struct pass {
	struct arena *arena;
	enum form form;
};

static struct node *normalise_value(const struct pass *p, const struct field *f, const struct node *n,
                           unsigned kind);

/* [{"a": "1"}, {"b": "2"}] becomes {"a": "1", "b": "2"}; the last of two equal keys wins.  NULL: the list has other
 * items than maps. */
static struct node *fold_env_list(const struct pass *p, const struct node *list)
{
	struct node *map = node_map(p->arena);

	for (size_t i = 0; i < list->count; i++) {
		const struct node *item = list->entries[i].value;
		if (item->kind != NODE_MAP)
			return NULL;
		for (size_t j = 0; j < item->count; j++)
			node_put(p->arena, map, item->entries[j].key, item->entries[j].value);
	}
	map->at = list->at;
	return map;
}

static bool is_left_out(const struct pass *p, const struct field *object, const struct field *f,
                 const struct node *value)
{
	if (f && (f->flags & FIELD_TRUE) && value->kind == NODE_BOOL && !value->boolean)
		return true;
	if (value->kind == NODE_NULL)
		return p->form != FORM_COMPARE || !f || !(f->flags & FIELD_MAY_HIDE);
	if (p->form == FORM_DECLARED)
		return false;
	if (!f)		/* an unknown key at the top belongs to the service (contract, 2.7 E) */
		return p->form == FORM_COMPARE || object == &workflow_field;
	if (f->flags & (FIELD_FILLED | FIELD_WRITE_ONLY))
		return true;
	return (f->flags & FIELD_HIDDEN) && value->kind == NODE_TEXT && !*value->text;
}

static bool lacks_default_type(const struct field *f, const struct node *n)
{
	const struct field *row = f && f->variant ? field_child(f, f->variant, ALL_KINDS) : NULL;
	const struct node *word = row && row->otherwise ? node_get(n, f->variant) : NULL;

	return row && row->otherwise && (!word || word->kind == NODE_NULL);
}

/* A step without type is a standard one.  The type is written out, so that a step of another type on the
 * service differs, and gets its type back when it is written. */
static void add_default_type(const struct pass *p, const struct field *f, const struct node *n,
                     struct node *out)
{
	const struct field *row = field_child(f, f->variant, ALL_KINDS);

	node_put(p->arena, out, f->variant, node_text(p->arena, row->otherwise))->at = n->at;
}

/* An empty map or list with room for as many entries as n has, and one more. */
static struct node *new_like(const struct pass *p, const struct node *n)
{
	struct node *out = n->kind == NODE_MAP ? node_map(p->arena) : node_list(p->arena);

	out->at = n->at;
	out->room = (uint32_t)n->count + 1;
	out->entries = arena_new(p->arena, struct entry, out->room);
	return out;
}

/* The result of a map or a list is n itself as long as nothing differs; in the forms that are changed afterwards it is
 * always a copy. */
struct result {
	struct node *out;	/* NULL: n as far as it was looked at */
	const struct node *n;
	const struct pass *pass;
};

static void begin_result_copy(struct result *r, size_t same)
{
	if (r->out)
		return;
	r->out = new_like(r->pass, r->n);
	if (same)
		memcpy(r->out->entries, r->n->entries, same * sizeof *r->out->entries);
	r->out->count = same;
}

/* The entry i of n has this value in the result; NULL: it is left out. */
static void add_to_result(struct result *r, size_t i, struct node *value)
{
	const struct entry *e = &r->n->entries[i];

	if (value == e->value && !r->out)
		return;
	begin_result_copy(r, i);
	if (value)
		r->out->entries[r->out->count++] = (struct entry){ e->key, e->at, value };
}

static struct node *end_result(struct result *r)
{
	if (!r->out)
		return (struct node *)r->n;
	if (r->n->kind == NODE_MAP)
		node_index(r->pass->arena, r->out);
	return r->out;
}

static struct node *normalise_map(const struct pass *p, const struct field *f, const struct node *n,
                               unsigned kind)
{
	struct result r = { .n = n, .pass = p };

	kind = field_kind(f, n, kind);
	if (p->form != FORM_DECLARED || lacks_default_type(f, n))
		begin_result_copy(&r, 0);
	if (lacks_default_type(f, n))
		add_default_type(p, f, n, r.out);
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		const struct field *child = field_child(f, e->key, kind);
		bool out = is_left_out(p, f, child, e->value);
		add_to_result(&r, i, out ? NULL : normalise_value(p, child, e->value, kind));
	}
	return end_result(&r);
}

static bool is_item_left_out(const struct pass *p, const struct field *f, const struct field *child,
                             const struct node *item)
{
	if (child && (child->flags & FIELD_MAY_BE_EMPTY) && node_empty(item))
		return true;
	const char *name = f && (f->flags & FIELD_OWN_TAGS) && p->form == FORM_COMPARE ? node_get_text(item, "name") : NULL;
	return name && field_own_tag(name);
}

static struct node *normalise_list(const struct pass *p, const struct field *f, const struct node *n,
                                unsigned kind)
{
	const struct field *child = field_child(f, NULL, kind);
	struct result r = { .n = n, .pass = p };

	if (p->form != FORM_DECLARED)
		begin_result_copy(&r, 0);
	for (size_t i = 0; i < n->count; i++) {
		struct node *item = normalise_value(p, child, n->entries[i].value, kind);
		add_to_result(&r, i, is_item_left_out(p, f, child, item) ? NULL : item);
	}
	return end_result(&r);
}

/* A webhook that exists has no other keys in its trigger, so the policy can be added. */
static void preserve_webhook(const struct pass *p, struct node *map)
{
	const struct node *webhook = node_get(map, "webhook");

	if (p->form == FORM_REQUEST && webhook && webhook->kind == NODE_BOOL)
		node_put(p->arena, map, "webhookPolicy", node_text(p->arena, "preserve"));
}

/* A service may show a boolean as 1 or 0, and still expect a boolean. */
static bool is_bit_for_bool(const struct field *f, const struct node *n)
{
	return f->type == FIELD_BOOL && n->kind == NODE_INT && (n->integer == 0 || n->integer == 1);
}

static struct node *normalise_value(const struct pass *p, const struct field *f, const struct node *n,
                           unsigned kind)
{
	unsigned flags = f ? f->flags : 0;
	struct node *out;

	if ((flags & FIELD_ENV_LIST) && n->kind == NODE_LIST && (out = fold_env_list(p, n)))
		n = out;
	if (n->kind == NODE_MAP) {
		out = normalise_map(p, f, n, kind);
		if (flags & FIELD_MAY_BE_EMPTY)
			preserve_webhook(p, out);
		return out;
	}
	if (n->kind == NODE_LIST)
		return normalise_list(p, f, n, kind);
	if ((flags & FIELD_WEBHOOK_ID) && n->kind == NODE_TEXT && *n->text && p->form != FORM_DECLARED)
		out = node_bool(p->arena, true);
	else if ((flags & FIELD_CRON) && n->kind == NODE_TEXT && p->form != FORM_DECLARED)
		out = node_text(p->arena, cron_trim(p->arena, n->text));
	else if (p->form == FORM_REQUEST && f && is_bit_for_bool(f, n))
		out = node_bool(p->arena, n->integer == 1);
	else if ((flags & FIELD_TEXT_OF) && n->kind > NODE_NULL && n->kind < NODE_TEXT)
		out = node_text(p->arena, node_scalar_text(p->arena, n));
	else
		return (struct node *)n;
	out->at = n->at;
	return out;
}

static struct node *normalise_as(struct arena *a, enum form form, const struct node *body)
{
	return normalise_value(&(struct pass){ a, form }, &workflow_field, body, ALL_KINDS);
}

struct node *normalise(struct arena *a, const struct node *body)
{
	return normalise_as(a, FORM_COMPARE, body);
}

struct node *normalise_declared(struct arena *a, const struct node *body)
{
	return normalise_as(a, FORM_DECLARED, body);
}

struct node *normalise_request(struct arena *a, const struct node *body)
{
	return normalise_as(a, FORM_REQUEST, body);
}

/* ---- the last newline of a file ---- */

static struct node *find_end_of_file(struct node *n)
{
	struct node *found = n->ends_file ? n : NULL;

	for (size_t i = n->count; !found && i-- > 0; )
		found = find_end_of_file(n->entries[i].value);
	return found;
}

struct node *normalise_other_reading(struct arena *a, const struct node *declared)
{
	if (!find_end_of_file((struct node *)declared))
		return NULL;
	struct node *out = node_copy(a, declared), *text = find_end_of_file(out);
	text->text = arena_printf(a, "%s\n", text->text);
	return out;
}

/* ---- fields of other types of steps ---- */

struct own_fields {
	struct arena *arena;
	struct diagnostics *faults;	/* NULL: nothing is reported */
};

/* True if a required field of value, an object, is missing. */
static bool is_incomplete(const struct field *object, const struct node *value, unsigned kind)
{
	for (const struct field *f = object->fields; object->type == FIELD_OBJECT && f->name; f++)
		if ((f->need == ALL_KINDS || (f->need & kind)) && !field_is_given(object, f, value))
			return true;
	return false;
}

/* True if f excludes another given field and is the one that is incomplete: a patch of the SDK puts parts of a
 * repository beside the sqlQueryPath of a sql step. */
static bool is_excluded_part(const struct field *object, const struct field *f, const struct node *n, unsigned kind)
{
	if (!(f->one_of & kind) || !is_incomplete(f, node_get(n, f->name), kind))
		return false;
	for (const struct field *other = object->fields; other->name; other++)
		if (other != f && (other->one_of & kind) && field_is_given(object, other, n))
			return true;
	return false;
}

static bool is_foreign(const struct field *object, const struct field *f, const struct node *n, unsigned kind)
{
	if (!f || object->type != FIELD_OBJECT || !kind)
		return false;
	return (f->flags & FIELD_STRAY) || (f->only && !(f->only & kind)) || is_excluded_part(object, f, n, kind);
}

static struct node *own_value(const struct own_fields *o, const struct field *f, const struct node *n, unsigned kind,
                              const struct path *path)
{
	if (!f || n->kind < NODE_LIST)
		return (struct node *)n;
	struct node *out = n->kind == NODE_MAP ? node_map(o->arena) : node_list(o->arena);
	out->at = n->at;
	kind = field_kind(f, n, kind);
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		const struct field *child = field_child(f, e->key, kind);
		const struct path here = { path, e->key, i };
		bool foreign = n->kind == NODE_MAP && is_foreign(f, child, n, kind);
		if (foreign && o->faults)
			diagnostics_warn(o->faults, e->at, "%s is left out: this step cannot have it",
			                 path_text(o->arena, &here));
		if (foreign)
			continue;
		struct node *value = own_value(o, child, e->value, kind, &here);
		if (n->kind == NODE_MAP)
			node_put(o->arena, out, e->key, value);
		else
			node_add(o->arena, out, value);
		out->entries[out->count - 1].at = e->at;
	}
	return out;
}

struct node *normalise_own_fields(struct arena *a, const struct node *body, struct diagnostics *faults)
{
	return own_value(&(struct own_fields){ a, faults }, &workflow_field, body, ALL_KINDS, &(struct path){ 0 });
}

static bool same_but_spaces(const char *x, const char *y)
{
	for (;; x++, y++) {
		x += strspn(x, " ");
		y += strspn(y, " ");
		if (*x != *y)
			return false;
		if (!*x)
			return true;
	}
}

static bool same_but_last_newline(const char *x, const char *y)
{
	size_t x_len = strlen(x), y_len = strlen(y), common = x_len < y_len ? x_len : y_len;

	return memcmp(x, y, common) == 0 && strcmp(x_len < y_len ? y + common : x + common, "\n") == 0;
}

static bool is_number_node(const struct node *n)
{
	return n->kind == NODE_INT || n->kind == NODE_REAL;
}

static double number_value(const struct node *n)
{
	return n->kind == NODE_INT ? (double)n->integer : n->real;
}

bool normal_scalars_equal(const struct field *f, const struct node *x, const struct node *y)
{
	if (f && (f->flags & FIELD_SIZE) && x->kind == NODE_TEXT && y->kind == NODE_TEXT)
		return same_but_spaces(x->text, y->text);
	if (is_number_node(x) && is_number_node(y) && x->kind != y->kind)		/* 10 and 10.0 */
		return number_value(x) == number_value(y);
	if (f && f->type == FIELD_TEXT && (x->ends_file || y->ends_file) && x->kind == NODE_TEXT &&
	    y->kind == NODE_TEXT && same_but_last_newline(x->text, y->text))
		return true;
	return node_equal(x, y);
}
