#include "reconcile/tree/json_plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/base/utf8.h"
#include "reconcile/tree/json.h"

/* A description of a workflow is read up to three times in a cycle, and json-c takes some ten times as long for it: it
 * makes objects and tables of its own, which are then copied.  What it means stays defined by json.c, which is tried
 * whenever something is not plain. */

/* The entries of the lists and maps that are not closed yet; most texts need no more than are here. */
enum { STACK_ENTRIES = 64 };

struct plain {
	struct arena *arena;
	const char *at, *end;
	int depth;
	struct entry *stack, *few;	/* few: what the stack is at first, and what is not freed */
	size_t count, room;
};

/* What may stand in a text as it is: ASCII, but no quote, backslash or control character. */
static bool is_text_byte(char c)
{
	return (signed char)c >= ' ' && c != '"' && c != '\\';
}

static void skip_plain_space(struct plain *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
		p->at++;
}

/* True if the next character is c, which is then passed over. */
static bool pass_char(struct plain *p, char c)
{
	skip_plain_space(p);
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static bool pass_word(struct plain *p, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
		return false;
	p->at += len;
	return true;
}

/* ---- texts ---- */

/* The end of the text that begins at p->at, behind its first quote; NULL: it is not plain.  Whether it has escapes is
 * set. */
static const char *find_text_end(const struct plain *p, bool *has_escapes)
{
	const char *s = p->at;

	*has_escapes = false;
	for (;;) {
		while (s < p->end && is_text_byte(*s))
			s++;
		if (s == p->end)
			return NULL;
		if (*s == '"')
			return s;
		size_t len = *s == '\\' ? 2 : utf8_length(s, (size_t)(p->end - s));
		/* One byte is a control character. */
		if (len < 2 || len > (size_t)(p->end - s))
			return NULL;
		*has_escapes |= *s == '\\';
		s += len;
	}
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The character of the four digits at s; 0: they are no digits, or stand for NUL, or for half of a surrogate pair. */
static uint32_t escaped_code(const char *s, const char *end)
{
	uint32_t code = 0;

	if (end - s < 4)
		return 0;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(s[i]);
		if (digit < 0)
			return 0;
		code = code << 4 | (uint32_t)digit;
	}
	return code >= 0xd800 && code <= 0xdfff ? 0 : code;
}

static char *put_utf8(char *to, uint32_t code)
{
	if (code < 0x80) {
		*to++ = (char)code;
		return to;
	}
	if (code < 0x800) {
		*to++ = (char)(0xc0 | code >> 6);
	} else {
		*to++ = (char)(0xe0 | code >> 12);
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (code & 0x3f));
	return to;
}

/* Copies the text from s to end.  An escape is never shorter than what it stands for.  NULL: it is not plain. */
static char *copy_escaped(struct arena *a, const char *s, const char *end)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	char *text = arena_alloc(a, (size_t)(end - s) + 1, 1, 1), *to = text;

	while (s < end) {
		if (*s != '\\') {
			*to++ = *s++;
			continue;
		}
		const char *letter = memchr(letters, s[1], strlen(letters));
		if (letter) {
			*to++ = meant[letter - letters];
			s += 2;
			continue;
		}
		uint32_t code = s[1] == 'u' ? escaped_code(s + 2, end) : 0;
		if (!code)
			return NULL;
		to = put_utf8(to, code);
		s += 6;
	}
	return text;
}

/* p->at is behind the first quote. */
static const char *read_plain_text(struct plain *p)
{
	bool has_escapes;
	const char *from = p->at, *end = find_text_end(p, &has_escapes);

	if (!end)
		return NULL;
	p->at = end + 1;
	return has_escapes ? copy_escaped(p->arena, from, end) : arena_strndup(p->arena, from, (size_t)(end - from));
}

/* ---- values ---- */

/* A word that ends otherwise is found out by what has to follow it. */
static struct node *read_plain_int(struct plain *p)
{
	bool minus = pass_word(p, "-");
	const char *first = p->at;
	int64_t number = 0;

	while (p->at < p->end && *p->at >= '0' && *p->at <= '9' && p->at - first < 18)
		number = number * 10 + (*p->at++ - '0');
	if (p->at == first || (*first == '0' && (minus || p->at - first > 1)))
		return NULL;
	return node_int(p->arena, minus ? -number : number);
}

static void push_entry(struct plain *p, const char *key, struct node *value)
{
	if (p->count == p->room) {
		struct entry *more = reallocarray(p->stack == p->few ? NULL : p->stack, p->room, 2 * sizeof *more);
		if (!more) {
			fputs("out of memory\n", stderr);
			abort();
		}
		if (p->stack == p->few)
			memcpy(more, p->few, p->count * sizeof *more);
		p->stack = more;
		p->room *= 2;
	}
	p->stack[p->count++] = (struct entry){ .key = key, .value = value };
}

/* Takes the entries from `first` on off the stack. */
static struct node *pop_entries(struct plain *p, size_t first, struct node *n)
{
	n->count = p->count - first;
	n->room = (uint32_t)n->count;
	if (n->count) {
		n->entries = arena_new(p->arena, struct entry, n->count);
		memcpy(n->entries, p->stack + first, n->count * sizeof *n->entries);
	}
	p->count = first;
	return n;
}

static struct node *read_plain_value(struct plain *p);

static struct node *read_plain_list(struct plain *p)
{
	size_t first = p->count;

	if (pass_char(p, ']'))
		return node_list(p->arena);
	do {
		struct node *value = read_plain_value(p);
		if (!value)
			return NULL;
		push_entry(p, NULL, value);
	} while (pass_char(p, ','));
	return pass_char(p, ']') ? pop_entries(p, first, node_list(p->arena)) : NULL;
}

/* Up to this many keys are compared with each other to find equal ones. */
enum { FEW_KEYS = 32 };

/* The value of a key that stands before in the same map, or NULL. */
static struct entry *find_earlier(struct plain *p, size_t first, const char *key)
{
	for (size_t i = first; i < p->count; i++)
		if (*p->stack[i].key == *key && strcmp(p->stack[i].key, key) == 0)
			return &p->stack[i];
	return NULL;
}

/* The last of equal keys counts, in the place of the first. */
static void push_member(struct plain *p, size_t first, const char *key, struct node *value)
{
	struct entry *earlier = p->count - first < FEW_KEYS ? find_earlier(p, first, key) : NULL;

	if (earlier)
		earlier->value = value;
	else
		push_entry(p, key, value);
}

static struct node *pop_map(struct plain *p, size_t first)
{
	struct node *map = node_map(p->arena);

	if (p->count - first <= FEW_KEYS)
		return pop_entries(p, first, map);
	for (size_t i = first; i < p->count; i++)
		node_put(p->arena, map, p->stack[i].key, p->stack[i].value);
	p->count = first;
	return map;
}

static struct node *read_plain_map(struct plain *p)
{
	size_t first = p->count;

	if (pass_char(p, '}'))
		return node_map(p->arena);
	do {
		const char *key = pass_char(p, '"') ? read_plain_text(p) : NULL;
		struct node *value = key && pass_char(p, ':') ? read_plain_value(p) : NULL;
		if (!value)
			return NULL;
		push_member(p, first, key, value);
	} while (pass_char(p, ','));
	return pass_char(p, '}') ? pop_map(p, first) : NULL;
}

static struct node *read_plain_inside(struct plain *p, struct node *(*read)(struct plain *p))
{
	struct node *n = ++p->depth <= JSON_MAX_DEPTH ? read(p) : NULL;

	p->depth--;
	return n;
}

static struct node *read_plain_string(struct plain *p)
{
	struct node *n = node_null(p->arena);

	n->kind = NODE_TEXT;
	n->text = read_plain_text(p);
	return n->text ? n : NULL;
}

static struct node *read_plain_value(struct plain *p)
{
	if (pass_char(p, '"'))
		return read_plain_string(p);
	if (p->at == p->end)
		return NULL;
	switch (*p->at) {
	case '{':
		p->at++;
		return read_plain_inside(p, read_plain_map);
	case '[':
		p->at++;
		return read_plain_inside(p, read_plain_list);
	case 't':
		return pass_word(p, "true") ? node_bool(p->arena, true) : NULL;
	case 'f':
		return pass_word(p, "false") ? node_bool(p->arena, false) : NULL;
	case 'n':
		return pass_word(p, "null") ? node_null(p->arena) : NULL;
	default:
		return read_plain_int(p);
	}
}

struct node *json_plain_read(struct arena *a, const char *bytes, size_t len)
{
	struct entry few[STACK_ENTRIES];
	struct plain p = { .arena = a, .at = bytes, .end = bytes + len, .stack = few, .few = few, .room = STACK_ENTRIES };

	struct node *n = read_plain_value(&p);
	skip_plain_space(&p);
	if (p.at != p.end)
		n = NULL;
	if (p.stack != p.few)
		free(p.stack);
	return n;
}
