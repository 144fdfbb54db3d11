#include "reconcile/schema/document_fit.h"

static bool value_fits(struct arena *a, const struct field *f, const struct node *n, const char *pointer,
                       struct err *err);

static bool values_fit(struct arena *a, const struct field *f, const struct node *n, const char *pointer,
                       struct err *err)
{
	for (size_t i = 0; f->type != FIELD_OBJECT && i < n->count; i++) {
		const char *at = n->kind == NODE_LIST ? pointer_add_index(a, pointer, i)
		                                      : pointer_add(a, pointer, n->entries[i].key);
		if (!value_fits(a, f->fields, n->entries[i].value, at, err))
			return false;
	}
	for (const struct field *in = f->fields; f->type == FIELD_OBJECT && in->name; in++) {
		const struct node *value = node_get(n, in->name);
		const char *at = pointer_add(a, pointer, in->name);
		if (!value && in->need)
			return err_set(err, "%s is missing", at);
		if (value && !value_fits(a, in, value, at, err))
			return false;
	}
	return true;
}

static bool value_fits(struct arena *a, const struct field *f, const struct node *n, const char *pointer,
                       struct err *err)
{
	static const enum node_kind kinds[] = {
		[FIELD_BOOL] = NODE_BOOL, [FIELD_INT] = NODE_INT, [FIELD_NUMBER] = NODE_INT,
		[FIELD_TEXT] = NODE_TEXT, [FIELD_OBJECT] = NODE_MAP, [FIELD_MAP] = NODE_MAP,
		[FIELD_LIST] = NODE_LIST,
	};
	bool real = f->type == FIELD_NUMBER && n->kind == NODE_REAL;

	if ((f->flags & FIELD_ANYTHING) || (n->kind == NODE_NULL && (f->flags & FIELD_NULLABLE)))
		return true;
	if (n->kind != kinds[f->type] && !real)
		return err_set(err, "%s is %s, expected %s", *pointer ? pointer : "the document",
		               node_kind_words(n->kind), node_kind_words(kinds[f->type]));
	return !f->fields || values_fit(a, f, n, pointer, err);
}

bool document_fits(struct arena *a, const struct field *f, const struct node *document, struct err *err)
{
	return value_fits(a, f, document, "", err);
}
