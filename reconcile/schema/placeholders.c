#include "reconcile/schema/placeholders.h"

#include <string.h>

#include "reconcile/schema/fields.h"

struct placeholder_walk {
	struct template_text *filled;
	struct diagnostics *faults;
};

/* here: the service fills in placeholders at this place. */
static void report_marks(const struct placeholder_walk *w, const char *text, bool here)
{
	size_t index, len;

	while ((text = template_find_mark(w->filled, text, &index, &len))) {
		struct template_mark *m = &w->filled->marks[index];
		text += len;
		m->seen = true;
		if (!here)
			diagnostics_add(w->faults, m->at, "%s", m->message);
		else if (!m->placeholder)
			diagnostics_warn(w->faults, m->at, "%s; it is sent as it is", m->message);
	}
}

/* The tree is the reader's own, so its texts may be replaced in place. */
static void resolve_placeholders(const struct placeholder_walk *w, const struct field *f, struct node *n, unsigned kind,
                                 bool here)
{
	here |= f && (f->flags & FIELD_PLACEHOLDERS);
	if (n->kind == NODE_TEXT) {
		report_marks(w, n->text, here);
		n->text = template_without_marks(w->filled, n->text);
	}
	kind = field_kind(f, n, kind);
	for (size_t i = 0; i < n->count; i++) {
		struct entry *e = &n->entries[i];
		if (e->key)
			report_marks(w, e->key, false);
		resolve_placeholders(w, field_child(f, e->key, kind), e->value, kind, here);
	}
}

bool placeholders_resolve(struct template_text *filled, struct node *doc, struct diagnostics *faults)
{
	const struct placeholder_walk w = { filled, faults };
	struct node *body = node_get(doc, "body");
	size_t before = faults->errors;

	if (!filled->count)
		return true;
	for (size_t i = 0; body && i < doc->count; i++)
		if (doc->entries[i].value != body)
			resolve_placeholders(&w, NULL, doc->entries[i].value, ALL_KINDS, false);
	resolve_placeholders(&w, &workflow_field, body ? body : doc, ALL_KINDS, false);
	return faults->errors == before;
}

void placeholders_report_statements(const struct template_text *filled, struct diagnostics *faults)
{
	for (size_t i = 0; i < filled->count; i++)
		if (filled->marks[i].statement && !filled->marks[i].seen)
			diagnostics_add(faults, filled->marks[i].at, "%s", filled->marks[i].message);
}
