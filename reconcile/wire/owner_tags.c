#include "reconcile/wire/owner_tags.h"

#include <string.h>

#include "reconcile/schema/digest.h"

#define OURS	"flowsync-"
#define ID	"id-"
#define SETTLED	"settled-"
#define KEEP	"keep"

enum { OWNER_MAX = 40, DIGITS = 8 };

static bool starts_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

bool owner_tags_is_owner(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= OWNER_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len &&
	       !starts_with(text, ID) && !starts_with(text, SETTLED) && strcmp(text, KEEP) != 0;
}

/* "NNNNNNNN-vDDDDDDDD" */
static void read_id_tag(struct arena *a, struct owner_tags *m, const char *text, bool *again)
{
	size_t len = 2 * DIGITS + 2;

	if (strlen(text) != len || !is_hex(text, DIGITS) || text[DIGITS] != '-' ||
	    !is_hex(text + DIGITS + 2, DIGITS))
		return;
	*again |= m->name != NULL;
	m->name = arena_strndup(a, text, DIGITS);
	m->body = arena_strdup(a, text + DIGITS + 1);
}

static void read_tag(struct arena *a, struct owner_tags *m, const char *text, bool *again)
{
	if (starts_with(text, ID))
		read_id_tag(a, m, text + strlen(ID), again);
	else if (starts_with(text, SETTLED))
		m->settled = arena_strdup(a, text + strlen(SETTLED));
	else if (strcmp(text, KEEP) == 0)
		m->keep = true;
	else if (!owner_tags_is_owner(text))
		return;
	else if (!m->owner)
		m->owner = arena_strdup(a, text);
	else if (strcmp(m->owner, text) != 0)
		m->other = arena_strdup(a, text);
}

struct owner_tags owner_tags_read(struct arena *a, const struct node *tags)
{
	struct owner_tags m = { 0 };
	bool again = false;

	for (size_t i = 0; tags && tags->kind == NODE_LIST && i < tags->count; i++) {
		const char *name = node_get_text(tags->entries[i].value, "name");
		if (name && starts_with(name, OURS))
			read_tag(a, &m, name + strlen(OURS), &again);
	}
	if (again)		/* it is unclear which one is right */
		m.name = m.body = NULL;
	return m;
}

bool owner_tags_fit(struct arena *a, const struct owner_tags *m, const char *name)
{
	return m->owner && m->name && strcmp(m->name, digest_name(a, name)) == 0;
}

bool owner_tags_owned(struct arena *a, const struct owner_tags *m, const char *owner, const char *name)
{
	return owner_tags_fit(a, m, name) && strcmp(m->owner, owner) == 0 && !m->other;
}

const char *owner_tags_other_owner(struct arena *a, const struct owner_tags *m, const char *owner, const char *name)
{
	if (!m->owner || (m->name && !owner_tags_fit(a, m, name)))
		return NULL;
	return strcmp(m->owner, owner) != 0 ? m->owner : m->other;
}

static bool text_equal(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

bool owner_tags_equal(const struct owner_tags *x, const struct owner_tags *y)
{
	return text_equal(x->owner, y->owner) && text_equal(x->other, y->other) && text_equal(x->name, y->name) && x->keep == y->keep;
}

static void add_owner_tag(struct arena *a, struct node *tags, const char *name)
{
	struct node *tag = node_add(a, tags, node_map(a));

	node_put(a, tag, "name", node_text(a, name));
}

bool owner_tags_equal_digests(const struct owner_tags *x, const struct owner_tags *y)
{
	return text_equal(x->body, y->body) && text_equal(x->settled, y->settled);
}

void owner_tags_write(struct arena *a, struct node *tags, const struct owner_tags *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < tags->count; i++) {
		const char *name = node_get_text(tags->entries[i].value, "name");
		if (!name || !starts_with(name, OURS))
			tags->entries[kept++] = tags->entries[i];
	}
	tags->count = kept;
	add_owner_tag(a, tags, arena_printf(a, OURS "%s", m->owner));
	add_owner_tag(a, tags, arena_printf(a, OURS ID "%s-%s", m->name, m->body));
	if (m->settled)
		add_owner_tag(a, tags, arena_printf(a, OURS SETTLED "%s", m->settled));
	if (m->keep)
		add_owner_tag(a, tags, OURS KEEP);
}
