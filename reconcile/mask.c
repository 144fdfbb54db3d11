#include "reconcile/mask.h"

#include <ctype.h>
#include <string.h>

#include "reconcile/buf.h"

static bool key_tells(const char *key)
{
	static const char *const words[] = { "pass", "secret", "token", "key", "cred" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasestr(key, words[i]))
			return true;
	return false;
}

static struct node *masked(struct arena *a, unsigned number)
{
	return node_text(a, arena_printf(a, "(masked #%u)", number));
}

/* The text that a URL is made of ends at white space, quotes and what stands around links in prose.  Not at braces: the
 * service fills in {{ name }} in a query, and more of it comes behind. */
static size_t url_length(const char *s)
{
	return strcspn(s, " \t\r\n\"`<>");
}

/* Appends what follows "://" up to the URL's end. */
static void add_masked_url(struct buf *out, const char *s, size_t len, unsigned number)
{
	size_t authority = strcspn(s, "/?#");
	if (authority > len)
		authority = len;
	const char *at = memrchr(s, '@', authority);
	if (at) {
		buf_addf(out, "(masked #%u)", number);
		len -= (size_t)(at - s);
		s = at;
	}
	const char *query = memchr(s, '?', len);
	if (!query || query + 1 == s + len) {
		buf_add(out, s, len);
		return;
	}
	buf_add(out, s, (size_t)(query - s) + 1);
	buf_addf(out, "(masked #%u)", number);
	const char *fragment = memchr(query, '#', (size_t)(s + len - query));
	if (fragment)
		buf_add(out, fragment, (size_t)(s + len - fragment));
}

const char *mask_urls(struct arena *a, const char *text, unsigned number)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	const char *s = text, *sep;

	while ((sep = strstr(s, "://"))) {
		buf_add(&out, s, (size_t)(sep - s) + 3);
		s = sep + 3;
		size_t len = url_length(s);
		add_masked_url(&out, s, len, number);
		s += len;
	}
	buf_adds(&out, s);
	return arena_strdup(a, buf_str(&out));
}

/* The whole text is one URL, whatever stands in it; it "may come without a scheme" (contract, 3). */
static const char *mask_url(struct arena *a, const char *text, unsigned number)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	const char *sep = strstr(text, "://");
	size_t scheme = sep && sep < text + strcspn(text, "/?#@") ? (size_t)(sep - text) + 3 : 0;

	buf_add(&out, text, scheme);
	add_masked_url(&out, text + scheme, strlen(text + scheme), number);
	return arena_strdup(a, buf_str(&out));
}

struct node *mask_entry(struct arena *a, const struct field *outer, const char *key,
                        const struct field *f, const struct node *n, unsigned number)
{
	bool by_key = !f || (outer && (outer->flags & FIELD_MASK_BY_KEY));

	if (by_key && key && n->kind != NODE_NULL && key_tells(key))
		return masked(a, number);
	return mask(a, f, n, number);
}

static struct node *mask_entries(struct arena *a, const struct field *f, const struct node *n,
                                 unsigned number)
{
	struct node *out = n->kind == NODE_MAP ? node_map(a) : node_list(a);
	bool env_list = f && (f->flags & FIELD_ENV_LIST) && n->kind == NODE_LIST;

	out->at = n->at;
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		/* Each kind of step has rows of its own, but what is secret is so in all of them. */
		const struct field *child = env_list ? f : field_child(f, e->key, ALL_KINDS);
		struct node *value = mask_entry(a, f, e->key, child, e->value, number);
		if (n->kind == NODE_MAP)
			node_put(a, out, e->key, value);
		else
			node_add(a, out, value);
	}
	return out;
}

struct node *mask(struct arena *a, const struct field *f, const struct node *n, unsigned number)
{
	unsigned flags = f ? f->flags : 0;
	bool empty_text = n->kind == NODE_TEXT && !*n->text;

	if ((flags & FIELD_SECRET) && n->kind != NODE_NULL && !empty_text)
		return masked(a, number);
	if ((flags & FIELD_WEBHOOK_ID) && n->kind == NODE_TEXT)
		return masked(a, number);
	if (n->kind == NODE_LIST || n->kind == NODE_MAP)
		return mask_entries(a, f, n, number);
	if (n->kind != NODE_TEXT)
		return node_copy(a, n);
	struct node *out = node_text(a, (flags & FIELD_URL) ? mask_url(a, n->text, number)
	                                                    : mask_urls(a, n->text, number));
	out->at = n->at;
	return out;
}

static const char *without(struct arena *a, const char *text, const char *secret)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	const char *s = text, *hit;

	if (strlen(secret) < 4 || !strstr(text, secret))
		return text;
	for (; (hit = strstr(s, secret)); s = hit + strlen(secret)) {
		buf_add(&out, s, (size_t)(hit - s));
		buf_adds(&out, "(masked #1)");
	}
	buf_adds(&out, s);
	return arena_strdup(a, buf_str(&out));
}

/* Walks a tree beside its masked copy (NULL: all of it is masked): where they differ stands a secret. */
static const char *without_masked(struct arena *a, const struct node *n, const struct node *copy,
                                  const char *text)
{
	const char *value = node_scalar_text(a, n);

	if (value)
		return copy && node_equal(n, copy) ? text : without(a, text, value);
	if (copy && copy->kind != n->kind)
		copy = NULL;
	for (size_t i = 0; i < n->count; i++)
		text = without_masked(a, n->entries[i].value, copy ? copy->entries[i].value : NULL, text);
	return text;
}

const char *mask_values(struct arena *a, const struct node *body, const char *text)
{
	return without_masked(a, body, mask(a, &workflow_field, body, 1), text);
}
