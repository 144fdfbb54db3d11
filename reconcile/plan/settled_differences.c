#include "reconcile/plan/settled_differences.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/base/buf.h"
#include "reconcile/schema/digest.h"

static bool pair_text_is(const struct node *pair, const char *key, const char *text)
{
	const char *value = node_get_text(pair, key);

	return value && strcmp(value, text) == 0;
}

/* The pair that was learned from an equal change; NULL: none. */
static const struct node *known_pair(const struct node *known, const struct change *c)
{
	for (size_t i = 0; known && i < known->count; i++) {
		const struct node *pair = known->entries[i].value;
		if (pair_text_is(pair, "path", c->path) && pair_text_is(pair, "sent", c->sent) && pair_text_is(pair, "kept", c->kept))
			return pair;
	}
	return NULL;
}

/* True if another sent value led to the same kept one (design, 5.4).  Two added items of a list that are both missing
 * afterwards are no such case: each may be stored in another form. */
static bool kept_whatever_is_sent(const struct node *known, const struct change *c)
{
	if (c->op == CHANGE_ADD && c->is_item)
		return false;
	/* No value was sent that could be refused. */
	if (c->op == CHANGE_REMOVE)
		return false;
	for (size_t i = 0; known && i < known->count; i++) {
		const struct node *pair = known->entries[i].value;
		if (pair_text_is(pair, "path", c->path) && !pair_text_is(pair, "sent", c->sent) && pair_text_is(pair, "kept", c->kept))
			return true;
	}
	return false;
}

static void judge_change(struct arena *a, const struct node *known, const struct change *c,
                  struct settlement *out)
{
	bool refused = c->strict || kept_whatever_is_sent(known, c);

	diff_add(a, refused ? &out->refused : &out->settled, c);
}

void settled_judge(struct arena *a, const struct diff *diff, const struct node *known,
                  struct settlement *out)
{
	*out = (struct settlement){ 0 };
	for (size_t i = 0; i < diff->count; i++)
		judge_change(a, known, &diff->items[i], out);
}

void settled_split(struct arena *a, const struct diff *diff, const struct node *known,
                   const char *tag, struct settlement *out)
{
	const char *digest = settled_digest(a, diff);
	bool tag_fits = !known && tag && digest && strcmp(tag, digest) == 0;

	*out = (struct settlement){ 0 };
	for (size_t i = 0; i < diff->count; i++) {
		const struct change *c = &diff->items[i];
		const struct node *pair = known_pair(known, c), *refused = node_get(pair, "refused");
		if (tag_fits && !c->by_record)
			judge_change(a, NULL, c, out);
		else if (!pair)
			diff_add(a, &out->open, c);
		else
			diff_add(a, refused && refused->boolean ? &out->refused : &out->settled, c);
	}
}

static void add_pair(struct arena *a, struct node *list, const char *path, const char *sent,
                     const char *kept, bool refused)
{
	struct node *pair = node_add(a, list, node_map(a));

	node_put(a, pair, "path", node_text(a, path));
	node_put(a, pair, "sent", node_text(a, sent));
	node_put(a, pair, "kept", node_text(a, kept));
	node_put(a, pair, "refused", node_bool(a, refused));
}

static void add_pairs(struct arena *a, struct node *list, const struct diff *diff, bool refused)
{
	for (size_t i = 0; i < diff->count; i++)
		add_pair(a, list, diff->items[i].path, diff->items[i].sent, diff->items[i].kept, refused);
}

struct node *settled_list(struct arena *a, const struct settlement *s)
{
	struct node *list = node_list(a);

	add_pairs(a, list, &s->settled, false);
	add_pairs(a, list, &s->refused, true);
	return list;
}

/* ---- our own tags ---- */

/* Which tags there are.  Digests of the body are left out, as they change with it. */
static const char *tag_shape(struct arena *a, const struct owner_tags *m)
{
	return arena_printf(a, "owner %s, id %s, keep %s", m->owner ? m->owner : "none",
	                    m->name ? m->name : "none", m->keep ? "yes" : "no");
}

bool settled_knows_tags(struct arena *a, const struct node *known, const struct owner_tags *sent,
                       const struct owner_tags *shown)
{
	for (size_t i = 0; known && i < known->count; i++) {
		const struct node *pair = known->entries[i].value;
		if (pair_text_is(pair, "path", "/tags") && pair_text_is(pair, "kept", tag_shape(a, shown)) &&
		    (!sent || pair_text_is(pair, "sent", tag_shape(a, sent))))
			return true;
	}
	return false;
}

void settled_tags(struct arena *a, struct node *list, const struct owner_tags *sent, const struct owner_tags *shown)
{
	add_pair(a, list, "/tags", tag_shape(a, sent), tag_shape(a, shown), false);
}

/* ---- on the workflow ---- */

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct change *)a)->path, ((const struct change *)b)->path);
}

const char *settled_digest(struct arena *a, const struct diff *diff)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct change *sorted = arena_new(a, struct change, diff->count + 1);
	size_t count = 0;

	for (size_t i = 0; i < diff->count; i++)
		if (!diff->items[i].by_record)
			sorted[count++] = diff->items[i];
	if (!count)
		return NULL;
	qsort(sorted, count, sizeof *sorted, by_path);
	for (size_t i = 0; i < count; i++)
		buf_addf(&text, "%s %s %s\n", sorted[i].path, sorted[i].sent, sorted[i].kept);
	return digest_text(a, buf_str(&text));
}

const char *settled_digest_of(struct arena *a, const struct settlement *s)
{
	struct diff both = { 0 };

	for (size_t i = 0; i < s->settled.count; i++)
		diff_add(a, &both, &s->settled.items[i]);
	for (size_t i = 0; i < s->refused.count; i++)
		diff_add(a, &both, &s->refused.items[i]);
	return settled_digest(a, &both);
}
