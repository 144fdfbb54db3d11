#include "reconcile/schema/mask.h"

#include <ctype.h>
#include <string.h>

#include "reconcile/base/buf.h"
#include "reconcile/tree/json.h"

#define STANDS_FOR	"(masked #"

bool mask_key(const char *key)
{
	static const char *const words[] = { "pass", "secret", "token", "key", "cred" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasestr(key, words[i]))
			return true;
	return false;
}

static struct node *text_node(struct arena *a, struct buf *text, struct pos at)
{
	struct node *out = node_text(a, buf_str(text));

	out->at = at;
	buf_done(text);
	return out;
}

/* A value that is secret as a whole. */
static struct node *cover_value(struct arena *a, const struct cover *cover, const struct path *at,
                            const struct node *n)
{
	CLEANUP(buf_done) struct buf json = BUF_TEXT;
	struct buf out = BUF_TEXT;
	const char *secret = node_scalar_text(a, n);

	if (!secret) {
		json_write_canonical(n, &json);
		secret = buf_str(&json);
	}
	cover->add(cover, at, secret, strlen(secret), &out);
	return text_node(a, &out, n->at);
}

/* ---- URLs ---- */

/* A URL ends at white space, quotes and the characters that surround links in
 * prose.  Not at braces: the service fills in {{ name }} in a query, and more of the query may
 * follow. */
static size_t url_length(const char *s)
{
	return strcspn(s, " \t\r\n\"`<>");
}

/* Appends the part of a URL after "://", with user and query replaced. */
static void cover_url(const struct cover *cover, const struct path *at, const char *s, size_t len,
                    struct buf *out)
{
	size_t authority = strcspn(s, "/?#");
	if (authority > len)
		authority = len;
	const char *user_end = memrchr(s, '@', authority);
	if (user_end) {
		cover->add(cover, at, s, (size_t)(user_end - s), out);
		len -= (size_t)(user_end - s);
		s = user_end;
	}
	const char *query = memchr(s, '?', len);
	if (!query || query + 1 == s + len) {
		buf_add(out, s, len);
		return;
	}
	const char *fragment = memchr(query, '#', (size_t)(s + len - query));
	const char *end = fragment ? fragment : s + len;
	buf_add(out, s, (size_t)(query - s) + 1);
	cover->add(cover, at, query + 1, (size_t)(end - query) - 1, out);
	buf_add(out, end, (size_t)(s + len - end));
}

static void cover_text(const struct cover *cover, const struct path *at, const char *s, struct buf *out)
{
	const char *sep;

	while ((sep = strstr(s, "://"))) {
		buf_add(out, s, (size_t)(sep - s) + 3);
		s = sep + 3;
		size_t len = url_length(s);
		cover_url(cover, at, s, len, out);
		s += len;
	}
	buf_adds(out, s);
}

/* The whole text is one URL, whatever characters it has; it may have no scheme (contract, 3.6). */
static void cover_whole_url(const struct cover *cover, const struct path *at, const char *s,
                          struct buf *out)
{
	const char *sep = strstr(s, "://");
	size_t scheme = sep && sep < s + strcspn(s, "/?#@") ? (size_t)(sep - s) + 3 : 0;

	buf_add(out, s, scheme);
	cover_url(cover, at, s + scheme, strlen(s + scheme), out);
}

/* ---- trees ---- */

struct node *mask_cover_entry(struct arena *a, const struct cover *cover, const struct path *at,
                              const struct field *outer, const struct field *f, const struct node *n)
{
	bool by_key = !f || (outer && (outer->flags & FIELD_MASK_BY_KEY));

	if (by_key && at->key && n->kind != NODE_NULL && mask_key(at->key))
		return cover_value(a, cover, at, n);
	return mask_cover(a, cover, at, f, n);
}

/* A list or map with the keys of n, and for now with its values. */
static struct node *copy_of_entries(struct arena *a, const struct cover *cover, const struct node *n)
{
	struct node *out = n->kind == NODE_MAP ? node_map(a) : node_list(a);

	out->at = n->at;
	if (!n->count)
		return out;
	out->count = n->count;
	out->room = (uint32_t)n->count;
	out->entries = arena_new(a, struct entry, n->count);
	memcpy(out->entries, n->entries, n->count * sizeof *out->entries);
	for (size_t i = 0; i < n->count; i++) {
		struct entry *e = &out->entries[i];
		e->at = e->value->at;
		if (!cover->share)
			e->key = arena_strdup_or_null(a, e->key);
	}
	if (n->kind == NODE_MAP)
		node_index(a, out);
	return out;
}

/* The covered copy of a list or a map.  With share it is n itself as long as nothing in it is covered. */
static struct node *cover_entries(struct arena *a, const struct cover *cover, const struct path *at,
                                  const struct field *f, const struct node *n)
{
	struct node *out = cover->share ? NULL : copy_of_entries(a, cover, n);
	bool env_list = f && (f->flags & FIELD_ENV_LIST) && n->kind == NODE_LIST;

	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		/* A key may have different rows in different kinds of steps, but if it is secret, it is so in all
		 * of them. */
		const struct field *child = env_list ? f : field_child(f, e->key, ALL_KINDS);
		struct path here = { at, e->key };
		struct node *value = mask_cover_entry(a, cover, &here, f, child, e->value);
		if (!out && value != e->value)
			out = copy_of_entries(a, cover, n);
		if (out)
			out->entries[i].value = value;
	}
	return out ? out : (struct node *)n;
}

struct node *mask_cover(struct arena *a, const struct cover *cover, const struct path *at,
                        const struct field *f, const struct node *n)
{
	unsigned flags = f ? f->flags : 0;
	bool empty_text = n->kind == NODE_TEXT && !*n->text;

	if (n->secret && n->kind != NODE_NULL)
		return cover_value(a, cover, at, n);
	struct buf out = BUF_TEXT;

	if ((flags & FIELD_SECRET) && n->kind != NODE_NULL && !empty_text)
		return cover_value(a, cover, at, n);
	if ((flags & FIELD_WEBHOOK_ID) && n->kind == NODE_TEXT)
		return cover_value(a, cover, at, n);
	/* Whatever a text, list or object that could not be read holds; a number is none of our secrets. */
	if (n->kind == NODE_RAW && strchr("\"[{", *n->text))
		return cover_value(a, cover, at, n);
	if (n->kind == NODE_LIST || n->kind == NODE_MAP)
		return cover_entries(a, cover, at, f, n);
	bool is_url = flags & FIELD_URL;
	bool plain = n->kind != NODE_TEXT || (!is_url && !strstr(n->text, "://"));
	if (plain && cover->share)
		return (struct node *)n;
	if (n->kind != NODE_TEXT)
		return node_copy(a, n);
	(is_url ? cover_whole_url : cover_text)(cover, at, n->text, &out);
	return text_node(a, &out, n->at);
}

/* ---- marks ---- */

struct marking {
	struct arena *arena;
	const struct node *patterns;
};

static void mark_secrets(const struct marking *m, const struct path *at, const struct field *f, struct node *n,
                 bool secret)
{
	/* The values of an env that is described as a list of maps have the same places as in a map. */
	bool env_list = f && (f->flags & FIELD_ENV_LIST) && n->kind == NODE_LIST;

	secret = secret || path_matches(m->arena, at, m->patterns);
	if (n->kind < NODE_LIST)
		n->secret |= secret;
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		struct path here = { at, e->key, i };
		mark_secrets(m, env_list ? at : &here, env_list ? f : field_child(f, e->key, ALL_KINDS), e->value,
		     secret);
	}
}

void mask_mark(struct arena *a, struct node *body, const struct node *patterns)
{
	if (patterns && patterns->count)
		mark_secrets(&(struct marking){ a, patterns }, &(struct path){ 0 }, &workflow_field, body, false);
}

/* ---- for people ---- */

struct numbered {
	struct cover cover;
	unsigned number;
};

static void add_masked_number(const struct cover *cover, const struct path *at, const char *secret,
                       size_t len, struct buf *out)
{
	buf_addf(out, STANDS_FOR "%u)", ((const struct numbered *)cover)->number);
}

struct node *mask(struct arena *a, const struct field *f, const struct node *n, unsigned number)
{
	struct numbered numbered = { { add_masked_number }, number };

	return mask_cover(a, &numbered.cover, &(struct path){ 0 }, f, n);
}

struct node *mask_entry(struct arena *a, const struct field *outer, const char *key,
                        const struct field *f, const struct node *n, unsigned number)
{
	struct numbered numbered = { { add_masked_number }, number };

	return mask_cover_entry(a, &numbered.cover, &(struct path){ .key = key }, outer, f, n);
}

const char *mask_urls(struct arena *a, const char *text, unsigned number)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	struct numbered numbered = { { add_masked_number }, number };

	cover_text(&numbered.cover, &(struct path){ 0 }, text, &out);
	return arena_strdup(a, buf_str(&out));
}

const char *mask_text(struct arena *a, const char *secret, const char *text)
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

/* Walks a tree beside its masked copy (NULL: all of it is masked), and masks in text each value that differs. */
static const char *mask_differing_values(struct arena *a, const struct node *n, const struct node *copy,
                                  const char *text)
{
	const char *value = node_scalar_text(a, n);

	if (value)
		return copy && node_equal(n, copy) ? text : mask_text(a, value, text);
	if (copy && copy->kind != n->kind)
		copy = NULL;
	for (size_t i = 0; i < n->count; i++)
		text = mask_differing_values(a, n->entries[i].value, copy ? copy->entries[i].value : NULL, text);
	return text;
}

const char *mask_values(struct arena *a, const struct node *body, const char *text)
{
	return mask_differing_values(a, body, mask(a, &workflow_field, body, 1), text);
}

/* ---- replacements that were copied from an output ---- */

static bool stands_for_secret(const char *text)
{
	const char *s = strchr(text, *STANDS_FOR);	/* most texts have none, and this is faster than strstr() */

	while (s && (s = strstr(s, STANDS_FOR))) {
		s += strlen(STANDS_FOR);
		size_t digits = strspn(s, "0123456789");
		if (digits && s[digits] == ')')
			return true;
	}
	return false;
}

struct hunt {
	struct arena *arena;
	const struct node *ignore;
	void (*found)(void *context, const struct path *at, const struct node *value);
	void *context;
};

static void visit_masked_values(const struct hunt *h, const struct path *at, const struct node *n)
{
	if (path_matches(h->arena, at, h->ignore))
		return;
	if (n->kind == NODE_TEXT && stands_for_secret(n->text))
		h->found(h->context, at, n);
	for (size_t i = 0; i < n->count; i++)
		visit_masked_values(h, &(struct path){ at, n->entries[i].key, i }, n->entries[i].value);
}

void mask_each(struct arena *a, const struct node *body, const struct node *ignore,
               void (*found)(void *context, const struct path *at, const struct node *value),
               void *context)
{
	visit_masked_values(&(struct hunt){ a, ignore, found, context }, &(struct path){ 0 }, body);
}
