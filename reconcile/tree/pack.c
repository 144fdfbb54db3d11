#include "reconcile/tree/pack.h"

#include <string.h>

/*
 * A node is a byte with its kind and the bits below, its line and column, and then
 *
 *	NODE_INT	the number, its sign in the lowest bit
 *	NODE_REAL	the double as it is in memory
 *	text		with HAS_TEXT, ends with a NUL
 *	NODE_LIST	the number of items, and the items
 *	NODE_MAP	the number of keys, and for each its line, column and text, and the value
 *
 * Numbers have seven bits in a byte, the lowest first, and the high bit if more follow.  Line 0: no place.
 */
enum { KIND = 0x07, HAS_TEXT = 0x08, IS_TRUE = 0x10, ENDS_FILE = 0x20, IS_SECRET = 0x40 };

_Static_assert((int)NODE_MAP <= KIND, "a kind has three bits");

/* ---- writing ---- */

static void add_number(struct buf *out, uint64_t number)
{
	for (; number > 0x7f; number >>= 7)
		buf_addc(out, (char)(number | 0x80));
	buf_addc(out, (char)number);
}

static void add_place(struct buf *out, struct pos at)
{
	add_number(out, at.file && at.line > 0 ? (uint64_t)at.line : 0);
	if (at.file && at.line > 0)
		add_number(out, (uint64_t)at.col);
}

static void add_text(struct buf *out, const char *text)
{
	buf_add(out, text, strlen(text) + 1);
}

static uint64_t fold_sign(int64_t n)
{
	return n < 0 ? ~(uint64_t)n << 1 | 1 : (uint64_t)n << 1;
}

void pack_tree(const struct node *n, struct buf *out)
{
	bool scalar = n->kind < NODE_LIST, text = scalar && n->text, is_text = n->kind == NODE_TEXT;
	bool truth = n->kind == NODE_BOOL && n->boolean;

	buf_addc(out, (char)((unsigned)n->kind | (text ? HAS_TEXT : 0U) | (truth ? IS_TRUE : 0U) |
	                     (is_text && n->ends_file ? ENDS_FILE : 0U) | (n->secret ? IS_SECRET : 0U)));
	add_place(out, n->at);
	if (n->kind == NODE_INT)
		add_number(out, fold_sign(n->integer));
	if (n->kind == NODE_REAL)
		buf_add(out, &n->real, sizeof n->real);
	if (text)
		add_text(out, n->text);
	if (scalar)
		return;
	add_number(out, n->count);
	for (size_t i = 0; i < n->count; i++) {
		const struct entry *e = &n->entries[i];
		if (n->kind == NODE_MAP) {
			add_place(out, e->at);
			add_text(out, e->key);
		}
		pack_tree(e->value, out);
	}
}

/* ---- reading ---- */

struct unpacking {
	struct arena *arena;
	const char *next, *file;
};

static uint64_t take_number(struct unpacking *u)
{
	uint64_t number = 0;
	unsigned shift = 0;
	unsigned char c;

	do {
		c = (unsigned char)*u->next++;
		number |= (uint64_t)(c & 0x7f) << shift;
		shift += 7;
	} while (c & 0x80);
	return number;
}

static struct pos take_place(struct unpacking *u)
{
	int line = (int)take_number(u);

	return line ? (struct pos){ u->file, line, (int)take_number(u) } : (struct pos){ 0 };
}

static const char *take_text(struct unpacking *u)
{
	const char *text = u->next;

	u->next += strlen(text) + 1;
	return text;
}

static int64_t unfold_sign(uint64_t n)
{
	return n & 1 ? (int64_t)~(n >> 1) : (int64_t)(n >> 1);
}

static struct node *take_node(struct unpacking *u);

static void take_entries(struct unpacking *u, struct node *n)
{
	n->count = n->room = (size_t)take_number(u);
	n->entries = n->count ? arena_new(u->arena, struct entry, n->count) : NULL;
	for (size_t i = 0; i < n->count; i++) {
		struct entry *e = &n->entries[i];
		if (n->kind == NODE_MAP) {
			e->at = take_place(u);
			e->key = take_text(u);
		}
		e->value = take_node(u);
		if (n->kind == NODE_LIST)
			e->at = e->value->at;
	}
	if (n->kind == NODE_MAP)
		node_index(u->arena, n);
}

static struct node *take_node(struct unpacking *u)
{
	struct node *n = arena_new(u->arena, struct node, 1);
	unsigned head = (unsigned char)*u->next++;

	n->kind = head & KIND;
	n->secret = head & IS_SECRET;
	n->at = take_place(u);
	if (n->kind == NODE_BOOL)
		n->boolean = head & IS_TRUE;
	if (n->kind == NODE_INT)
		n->integer = unfold_sign(take_number(u));
	if (n->kind == NODE_REAL) {
		memcpy(&n->real, u->next, sizeof n->real);
		u->next += sizeof n->real;
	}
	if (head & HAS_TEXT)
		n->text = take_text(u);
	if (n->kind == NODE_TEXT)
		n->ends_file = head & ENDS_FILE;
	if (n->kind >= NODE_LIST)
		take_entries(u, n);
	return n;
}

struct node *pack_read(struct arena *a, const char *bytes, const char *file)
{
	return take_node(&(struct unpacking){ a, bytes, file });
}

/* ---- without places ---- */

static void copy_until(struct unpacking *u, const char *from, struct buf *out)
{
	buf_add(out, from, (size_t)(u->next - from));
}

static void copy_entries(struct unpacking *u, bool map, struct buf *out);

static void copy_value(struct unpacking *u, struct buf *out)
{
	unsigned head = (unsigned char)*u->next++;
	bool scalar = (head & KIND) < NODE_LIST;

	buf_addc(out, (char)head);
	take_place(u);
	const char *from = u->next;
	if ((head & KIND) == NODE_INT)
		take_number(u);
	if ((head & KIND) == NODE_REAL)
		u->next += sizeof(double);
	if (head & HAS_TEXT)
		take_text(u);
	copy_until(u, from, out);
	if (!scalar)
		copy_entries(u, (head & KIND) == NODE_MAP, out);
}

static void copy_entries(struct unpacking *u, bool map, struct buf *out)
{
	const char *from = u->next;
	uint64_t count = take_number(u);

	copy_until(u, from, out);
	for (; count > 0; count--) {
		if (map) {
			take_place(u);
			from = u->next;
			take_text(u);
			copy_until(u, from, out);
		}
		copy_value(u, out);
	}
}

void pack_add_values(const char *bytes, struct buf *out)
{
	copy_value(&(struct unpacking){ .next = bytes }, out);
}
