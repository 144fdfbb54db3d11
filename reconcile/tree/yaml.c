#include "reconcile/tree/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "reconcile/base/text_check.h"
#include "reconcile/tree/scalar.h"

enum {
	MAX_ANCHORS = 1000,	/* in one document; they are searched one by one */
	MAX_TAG_LINES = 16,	/* libyaml needs time that grows with their square */
	MAX_TEXT = 16 << 20,	/* bytes of all texts of one file, with aliases expanded */
	MAX_INDICATED = 64,	/* block scalars of one file that begin with a tab: each takes one more reading */
	MAX_BRACES = 200,	/* bytes of the longest "{{ name }}" that messages show */
	STRIDE = 256,		/* characters between two known byte offsets */
	OPEN_ENTRIES = 128,	/* of the lists and maps that are open, in one file; more are kept in the arena */
};

struct anchor {
	const char *name;
	struct node *node;
	bool open;		/* its list or map has not ended yet */
};

struct yaml_reader {
	yaml_parser_t parser;
	struct arena *arena;
	const char *name;
	const char *bytes;	/* without byte order mark */
	size_t len;
	struct diagnostics *faults;
	bool variables;		/* numbers that are too large are text */
	struct anchor *anchors;	/* of the document; of one name the newest counts */
	size_t anchor_count, anchor_room;
	size_t nodes, text;	/* of the file, to bound both */
	yaml_mark_t last;	/* where the last event began */
	size_t braces;		/* 1 + the offset of the braces that were reported last, not to report them twice */
	bool ascii;		/* an offset is the index of its character */
	size_t *strides;	/* the offset of every STRIDEth character; NULL: not computed yet */
	/* What the lists and maps hold that have not ended yet, those of the innermost last. */
	struct entry *open;
	size_t open_count, open_room;
};

static struct pos pos_of_mark(const struct yaml_reader *r, yaml_mark_t mark)
{
	/* libyaml counts from 0. */
	return (struct pos){ r->name, (int)mark.line + 1, (int)mark.column + 1 };
}

static size_t next_character(const struct yaml_reader *r, size_t offset)
{
	do
		offset++;
	while (offset < r->len && ((unsigned char)r->bytes[offset] & 0xc0) == 0x80);
	return offset;
}

/* The byte offset of mark: libyaml counts characters. */
static size_t offset_of_mark(struct yaml_reader *r, yaml_mark_t mark)
{
	if (r->ascii)
		return mark.index < r->len ? mark.index : r->len;
	/* All offsets in one pass: one pass for each error would take minutes for a file full of errors. */
	if (!r->strides) {
		r->strides = arena_new(r->arena, size_t, r->len / STRIDE + 1);
		for (size_t i = 0, offset = 0; offset < r->len; i++, offset = next_character(r, offset))
			if (i % STRIDE == 0)
				r->strides[i / STRIDE] = offset;
	}
	/* libyaml's last mark may lie one behind the end. */
	size_t index = mark.index < r->len ? mark.index : r->len;
	size_t offset = r->strides[index / STRIDE];
	for (size_t i = index % STRIDE; i > 0 && offset < r->len; i--)
		offset = next_character(r, offset);
	return offset;
}

/* Line and column of a byte, for errors that come without a mark. */
static struct pos pos_of_offset(const struct yaml_reader *r, size_t offset)
{
	struct pos at = { r->name, 1, 1 };

	for (size_t i = 0; i < offset && i < r->len; i = next_character(r, i)) {
		at.col++;
		bool lone = r->bytes[i] == '\r' && (i + 1 == r->len || r->bytes[i + 1] != '\n');
		if (r->bytes[i] == '\n' || lone) {
			at.line++;
			at.col = 1;
		}
	}
	return at;
}

/* The length in bytes of the "{{ name }}" at offset; 0 if there are no such braces. */
static size_t braces_len(const struct yaml_reader *r, size_t offset)
{
	size_t left = r->len - offset, len = 2;

	if (left < 4 || memcmp(r->bytes + offset, "{{", 2) != 0)
		return 0;
	for (; len + 1 < left && len < MAX_BRACES; len++) {
		if (strchr("\r\n", r->bytes[offset + len]))
			return 0;
		if (memcmp(r->bytes + offset + len, "}}", 2) == 0)
			return len + 2;
	}
	return 0;
}

static bool report_unfilled_braces(struct yaml_reader *r, struct pos at, size_t offset)
{
	int len = (int)braces_len(r, offset);

	if (len == 0)
		return false;
	if (r->braces == offset + 1)
		return true;
	r->braces = offset + 1;
	diagnostics_add(r->faults, at,
	          "found \"%.*s\", a variable without a value: give it with --set or --vars, "
	          "or quote it if the service should get it as it is", len, r->bytes + offset);
	return true;
}

/* The same for the first place in the line of mark where a value begins with braces. */
static bool report_unfilled_in_line(struct yaml_reader *r, yaml_mark_t mark)
{
	size_t from = offset_of_mark(r, mark);
	char before = ':';	/* the last character that is no space */

	while (from > 0 && !strchr("\r\n", r->bytes[from - 1]))
		from--;
	for (; from < r->len && !strchr("\r\n", r->bytes[from]); from++) {
		if (strchr(":-[,", before) && braces_len(r, from))
			return report_unfilled_braces(r, pos_of_offset(r, from), from);
		if (r->bytes[from] != ' ')
			before = r->bytes[from];
	}
	return false;
}

static bool report_reader_error(struct yaml_reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct pos at = pos_of_offset(r, p->problem_offset);

	if (strcmp(p->problem, "control characters are not allowed") == 0)
		return diagnostics_add(r->faults, at, "found the control character U+%04X, "
		                 "which YAML takes only escaped in double quotes", p->problem_value);
	return diagnostics_add(r->faults, at, "this is not UTF-8");
}

/* The messages of libyaml, and those that are shown instead.  The place is that of the problem, or of the context,
 * where the construct began. */
static const struct { const char *problem, *words; bool at_context; } wordings[] = {
	{ "mapping values are not allowed in this context",
	  "found \": \" where it cannot stand: quote the text that it is part of, "
	  "or check the indentation" },
	{ "could not find expected ':'", "found no \": \" after this key", true },
	{ "did not find expected key",
	  "found something else where a key was expected: check the indentation" },
	{ "did not find expected '-' indicator",
	  "found something else where \"- \" was expected: check the indentation" },
	{ "did not find expected ',' or ']'", "found something else where \",\" or \"]\" was expected" },
	{ "did not find expected ',' or '}'", "found something else where \",\" or \"}\" was expected" },
	{ "did not find expected node content", "found something else where a value was expected" },
	{ "did not find expected <document start>",
	  "found more after the end of the document: the next one begins with \"---\"" },
	{ "found unexpected end of stream", "this quoted text does not end", true },
	{ "found unexpected document indicator", "this quoted text does not end", true },
	{ "found unknown escape character", "found an unknown escape: "
	  "write \"\\\\\" for a backslash, or use single quotes" },
	{ "block sequence entries are not allowed in this context",
	  "found \"- \" where no list can begin" },
	{ "mapping keys are not allowed in this context", "found \"? \" where no key can begin" },
	{ "found a tab character where an indentation space is expected",
	  "found a tab where indentation was expected" },
	{ "found a tab character that violates indentation",
	  "found a tab where indentation was expected" },
	{ "found unexpected ':'", "found \":\" without a space after it: put a space after the colon, "
	  "or quote the text that it is part of" },
	{ "found undefined tag handle", "found a tag whose handle is not defined", true },
};

static bool report_parser_error(struct yaml_reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct pos at = pos_of_mark(r, p->problem_mark);
	size_t offset = offset_of_mark(r, p->problem_mark);
	char found = offset < r->len ? r->bytes[offset] : '\0';

	for (size_t i = 0; i < ARRAY_LEN(wordings); i++)
		if (strcmp(p->problem, wordings[i].problem) == 0)
			return diagnostics_add(r->faults, wordings[i].at_context ? pos_of_mark(r, p->context_mark) : at,
			                 "%s", wordings[i].words);
	if (strcmp(p->problem, "found character that cannot start any token") == 0) {
		if (found == '\t')
			return diagnostics_add(r->faults, at, "found a tab where indentation was expected");
		return diagnostics_add(r->faults, at, "found \"%c\", which cannot begin a value: quote it", found);
	}
	if (p->context && strcmp(p->context, "while scanning an alias") == 0)
		return diagnostics_add(r->faults, pos_of_mark(r, p->context_mark), "found \"*\", which begins an "
		                 "alias: quote the text if none is meant");
	return diagnostics_add(r->faults, at, "%s%s%s", p->problem, p->context ? " " : "",
	                 p->context ? p->context : "");
}

/* Braces without a value are the likely cause of any error in their line. */
static bool report_syntax_error(struct yaml_reader *r)
{
	const yaml_parser_t *p = &r->parser;

	if (p->error == YAML_MEMORY_ERROR)
		abort();
	if (p->error == YAML_READER_ERROR)
		return report_reader_error(r);
	if (report_unfilled_in_line(r, p->problem_mark) ||
	    (p->context && report_unfilled_in_line(r, p->context_mark)) || report_unfilled_in_line(r, r->last))
		return false;
	return report_parser_error(r);
}

static bool next_event(struct yaml_reader *r, yaml_event_t *event)
{
	if (!yaml_parser_parse(&r->parser, event))
		return report_syntax_error(r);
	r->last = event->start_mark;
	return true;
}

/* Counts one more node; false, with an error, if the file has too many. */
static bool count_node(struct yaml_reader *r, struct pos at)
{
	if (++r->nodes > YAML_MAX_NODES)
		return diagnostics_add(r->faults, at, "more than %d values in one file, with aliases expanded"
		                 , YAML_MAX_NODES);
	return true;
}

static bool is_too_deep(struct yaml_reader *r, struct pos at, int depth)
{
	return depth <= YAML_MAX_DEPTH ||
	       diagnostics_add(r->faults, at, "nested more than %d deep", YAML_MAX_DEPTH);
}

static struct node *new_yaml_node(struct yaml_reader *r, enum node_kind kind, yaml_mark_t mark)
{
	struct node *n = node_null(r->arena);

	n->kind = kind;
	n->at = pos_of_mark(r, mark);
	return n;
}

static void push_open_entry(struct yaml_reader *r, const char *key, struct pos at, struct node *value)
{
	arena_grow(r->arena, r->open, r->open_count, r->open_room);
	r->open[r->open_count++] = (struct entry){ key, at, value };
}

/* Gives n the open entries from the index `from` on: no list or map has room for more than it holds. */
static void close_entries(struct yaml_reader *r, struct node *n, size_t from)
{
	n->count = r->open_count - from;
	n->room = (uint32_t)n->count;
	n->entries = arena_new(r->arena, struct entry, n->count);
	if (n->count)
		memcpy(n->entries, r->open + from, n->count * sizeof *n->entries);
	r->open_count = from;
}

/* YAML allows two anchors of one name; it is not shown, as it may be a password that should have been quoted. */
static void warn_of_anchor_again(struct yaml_reader *r, const yaml_char_t *name, struct pos at)
{
	for (size_t i = r->anchor_count; i-- > 0; )
		if (strcmp(r->anchors[i].name, (const char *)name) == 0) {
			diagnostics_warn(r->faults, at, "an anchor of this name is in line %d already: later aliases mean "
			                 "this one, and some tools refuse the file", r->anchors[i].node->at.line);
			return;
		}
}

/* An anchor is added when its value begins, so that an alias inside of that value is noticed. */
static bool add_anchor(struct yaml_reader *r, const yaml_char_t *name, struct node *n, bool open)
{
	if (!name)
		return true;
	if (r->anchor_count == MAX_ANCHORS)
		return diagnostics_add(r->faults, n->at, "more than %d anchors in one document", MAX_ANCHORS);
	warn_of_anchor_again(r, name, n->at);
	arena_grow(r->arena, r->anchors, r->anchor_count, r->anchor_room);
	r->anchors[r->anchor_count++] = (struct anchor){
		.name = arena_strdup(r->arena, (const char *)name), .node = n, .open = open
	};
	return true;
}

static void close_anchor(struct yaml_reader *r, const struct node *n)
{
	for (size_t i = r->anchor_count; i-- > 0; )
		if (r->anchors[i].node == n)
			r->anchors[i].open = false;
}

/* Counts the nodes and the text of a copy of n: these limits, and the one of depth, stop an alias bomb. */
static bool count_copy(struct yaml_reader *r, struct pos at, const struct node *n, int depth)
{
	r->text += n->kind < NODE_LIST && n->text ? strlen(n->text) : 0;
	if (r->text > MAX_TEXT)
		return diagnostics_add(r->faults, at, "more than %d MiB of text in one file, with aliases expanded",
		                 MAX_TEXT >> 20);
	if (n->count && !is_too_deep(r, at, depth))
		return false;
	for (size_t i = 0; i < n->count; i++) {
		r->text += n->entries[i].key ? strlen(n->entries[i].key) : 0;
		if (!count_node(r, at) || !count_copy(r, at, n->entries[i].value, depth + 1))
			return false;
	}
	return true;
}

static struct node *read_alias(struct yaml_reader *r, const yaml_event_t *event, int depth)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct pos at = pos_of_mark(r, event->start_mark);
	size_t i = r->anchor_count;

	while (i > 0 && strcmp(r->anchors[i - 1].name, name) != 0)
		i--;
	if (i == 0)
		/* The name is not shown: it may be a password that should have been quoted. */
		diagnostics_add(r->faults, at, "an alias that has no anchor before it: quote what begins with \"*\" "
		          "if it is text");
	else if (r->anchors[i - 1].open)
		diagnostics_add(r->faults, at, "the alias \"*%s\" is inside the value that it refers to", name);
	else
		return count_copy(r, at, r->anchors[i - 1].node, depth) ?
		       node_copy(r->arena, r->anchors[i - 1].node) : NULL;
	return new_yaml_node(r, NODE_NULL, event->start_mark);
}

#define TAG_PREFIX	"tag:yaml.org,2002:"

static const char *tag_name(const char *tag)
{
	size_t len = strlen(TAG_PREFIX);
	return strncmp(tag, TAG_PREFIX, len) == 0 ? tag + len : NULL;
}

static bool report_tag(struct yaml_reader *r, struct pos at, const char *tag)
{
	static const char *const known[] = { "str", "int", "float", "bool", "null", "map", "seq" };
	const char *name = tag_name(tag);

	for (size_t i = 0; name && i < ARRAY_LEN(known); i++)
		if (strcmp(name, known[i]) == 0)
			return diagnostics_add(r->faults, at, "the tag \"!!%s\" does not fit this value", name);
	return diagnostics_add(r->faults, at, "unknown tag: quote what begins with \"!\" if it is text");
}

/* For lists and maps, whose tag can only name their own kind. */
static void check_tag(struct yaml_reader *r, struct pos at, const yaml_char_t *tag, const char *wanted)
{
	const char *name = tag ? tag_name((const char *)tag) : wanted;

	if (tag && strcmp((const char *)tag, "!") == 0)
		return;
	if (!name || strcmp(name, wanted) != 0)
		report_tag(r, at, (const char *)tag);
}

/* Gives n, resolved from its text, the kind that its tag asks for; false if the text does not fit. */
static bool apply_tag(struct node *n, const char *tag)
{
	const char *name = tag_name(tag);

	if (!name)
		return false;
	switch (n->kind) {
	case NODE_INT:  return strcmp(name, "int") == 0;
	case NODE_BOOL: return strcmp(name, "bool") == 0;
	case NODE_NULL: return strcmp(name, "null") == 0;
	default:        return false;
	}
}

static const char *meaning_in_yaml11(const struct node *n, const char *in_yaml12)
{
	switch (n->kind) {
	case NODE_BOOL: return n->boolean ? "true" : "false";
	case NODE_INT:
	case NODE_REAL: return strcmp(in_yaml12, "text") == 0 ? "a number" : "an octal number";
	default:        return "text";
	}
}

/* The warning names the kinds, not the value, which may be a secret. */
static void warn_yaml12(struct yaml_reader *r, const struct node *n)
{
	const char *other = scalar_in_yaml12(n);

	if (other)
		diagnostics_warn(r->faults, n->at, "this is %s here, as in YAML 1.1, but %s in YAML 1.2: "
		           "quote it if text is meant", meaning_in_yaml11(n, other), other);
}

static void read_tagged(struct yaml_reader *r, struct node *n, const char *tag)
{
	struct err err;
	const char *name = tag_name(tag), *text = n->text;

	if (name && strcmp(name, "str") == 0)
		return;
	if (name && strcmp(name, "float") == 0 ? !scalar_resolve_real(n, text) :
	    !scalar_resolve(n, text, &err) || !apply_tag(n, tag))
		report_tag(r, n->at, tag);
}

static bool is_block(const yaml_event_t *event)
{
	yaml_scalar_style_t style = event->data.scalar.style;

	return style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
}

static bool ends_file(struct yaml_reader *r, yaml_mark_t mark)
{
	size_t offset = offset_of_mark(r, mark);

	while (offset < r->len && strchr(" \t\r\n", r->bytes[offset]))
		offset++;
	return offset >= r->len;
}

static struct node *read_scalar(struct yaml_reader *r, const yaml_event_t *event)
{
	struct node *n = new_yaml_node(r, NODE_TEXT, event->start_mark);
	const char *value = (const char *)event->data.scalar.value;
	const char *tag = (const char *)event->data.scalar.tag;
	struct err err;

	size_t len = strlen(value);
	if (len != event->data.scalar.length)
		diagnostics_add(r->faults, n->at, "found a NUL character in a text");
	n->text = arena_strndup(r->arena, value, len);
	/* "!" asks for the kind that the plain text has; libyaml handles that, except for empty text. */
	if (event->data.scalar.plain_implicit || (tag && strcmp(tag, "!") == 0)) {
		if (scalar_resolve(n, n->text, &err))
			warn_yaml12(r, n);
		else if (r->variables)
			n->kind = NODE_TEXT;
		else
			diagnostics_add(r->faults, n->at, "found %s", err.msg);
	} else if (tag) {
		read_tagged(r, n, tag);
	}
	n->ends_file = is_block(event) && ends_file(r, event->end_mark);
	return add_anchor(r, event->data.scalar.anchor, n, false) ? n : NULL;
}

static struct node *read_yaml_value(struct yaml_reader *r, const yaml_event_t *event, int depth);

static struct node *read_sequence(struct yaml_reader *r, const yaml_event_t *start, int depth)
{
	struct node *list = new_yaml_node(r, NODE_LIST, start->start_mark);
	size_t from = r->open_count;

	check_tag(r, list->at, start->data.sequence_start.tag, "seq");
	if (!is_too_deep(r, list->at, depth) || !add_anchor(r, start->data.sequence_start.anchor, list, true))
		return NULL;
	for (;;) {
		CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
		if (!next_event(r, &event))
			return NULL;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			break;
		struct pos at = pos_of_mark(r, event.start_mark);
		struct node *item = count_node(r, at) ? read_yaml_value(r, &event, depth + 1) : NULL;
		if (!item)
			return NULL;
		push_open_entry(r, NULL, at, item);
	}
	close_entries(r, list, from);
	close_anchor(r, list);
	return list;
}

/* The key of n as text: that of a number or a boolean is its text in JSON, as the service's own tool sends it. */
static const char *text_of_key(struct yaml_reader *r, const struct node *n)
{
	CLEANUP(buf_done) struct buf real = BUF_TEXT;

	if (n->kind == NODE_NULL)
		return "null";
	if (n->kind != NODE_REAL)
		return node_scalar_text(r->arena, n);
	if (!isfinite(n->real))
		return isnan(n->real) ? "NaN" : n->real > 0 ? "Infinity" : "-Infinity";
	buf_add_real(&real, n->real);
	return arena_strdup(r->arena, buf_str(&real));
}

/* The key in event if it is a text that needs no other look, as most keys are; else NULL. */
static const char *read_simple_key(struct yaml_reader *r, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;

	if (event->type != YAML_SCALAR_EVENT || event->data.scalar.anchor || event->data.scalar.tag ||
	    (event->data.scalar.plain_implicit && !scalar_is_only_text(text)))
		return NULL;
	size_t len = strlen(text);
	return len == event->data.scalar.length ? arena_strndup(r->arena, text, len) : NULL;
}

/* *key stays NULL, after an error, if the key is a list or a map. */
static bool read_key(struct yaml_reader *r, const yaml_event_t *event, yaml_mark_t map_mark, int depth,
                     const char **key)
{
	if ((*key = read_simple_key(r, event)))
		return true;
	size_t errors = r->faults->errors;
	yaml_mark_t mark = event->start_mark;
	struct pos at = pos_of_mark(r, mark);
	struct node *n = read_yaml_value(r, event, depth);

	if (!n)
		return false;
	if (n->kind != NODE_LIST && n->kind != NODE_MAP) {
		*key = text_of_key(r, n);
		return true;
	}
	/* YAML reads unquoted {{ name }} as a map whose key is a map. */
	if (errors == r->faults->errors && !report_unfilled_braces(r, pos_of_mark(r, map_mark), offset_of_mark(r, map_mark)) &&
	    !report_unfilled_braces(r, at, offset_of_mark(r, mark)))
		diagnostics_add(r->faults, at, "found %s where a key was expected",
		          node_kind_words(n->kind));
	return true;
}

static bool is_merge_key(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT && event->data.scalar.plain_implicit &&
	       event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       strcmp((const char *)event->data.scalar.value, "<<") == 0;
}

/* A key of a map, or of a map that is merged into it. */
struct candidate {
	const struct entry *entry;
	size_t order;		/* of two equal keys the lower one wins: first the map's own keys, then those of each merged map */
};

static int by_key_then_order(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int order = strcmp(x->entry->key, y->entry->key);
	return order ? order : (x->order > y->order) - (x->order < y->order);
}

static size_t merged_count(const struct node *merge)
{
	size_t sum = 0;

	if (!merge || merge->kind == NODE_MAP)
		return merge ? merge->count : 0;
	for (size_t i = 0; i < merge->count; i++)
		sum += merge->entries[i].value->count;
	return sum;
}

static size_t add_candidates(struct candidate *all, size_t n, const struct node *map)
{
	for (size_t i = 0; i < map->count; i++, n++)
		all[n] = (struct candidate){ &map->entries[i], n };
	return n;
}

/* Puts the keys that won into map, the merged ones in the place of the "<<". */
static void merge_entries(struct yaml_reader *r, struct node *map, const struct candidate *all,
                          size_t total, size_t merge_at)
{
	const struct node own = *map;

	map->entries = arena_new(r->arena, struct entry, total);
	map->count = 0;
	map->room = (uint32_t)total;
	for (size_t i = 0; i < merge_at; i++)
		map->entries[map->count++] = own.entries[i];
	for (size_t i = own.count; i < total; i++)
		if (all[i].entry)
			map->entries[map->count++] = *all[i].entry;
	for (size_t i = merge_at; i < own.count; i++)
		map->entries[map->count++] = own.entries[i];
}

/* True if a small map has no key twice, which is so for most; false if it is not known. */
static bool has_distinct_keys(const struct node *map)
{
	enum { FEW = 16 };

	if (map->count > FEW)
		return false;
	for (size_t i = 1; i < map->count; i++)
		for (size_t j = 0; j < i; j++) {
			const char *x = map->entries[i].key, *y = map->entries[j].key;
			if (*x == *y && strcmp(x, y) == 0)
				return false;
		}
	return true;
}

/* Reports keys that occur twice, and merges: the map's own keys win, then those of the first merged map.  All keys are
 * sorted at once, because looking up each one among those before it takes minutes for a file full of keys. */
static void finish_mapping(struct yaml_reader *r, struct node *map, const struct node *merge, size_t merge_at)
{
	if (!merge && has_distinct_keys(map))
		return;
	size_t total = map->count + merged_count(merge);
	struct candidate *all = arena_new(r->arena, struct candidate, total);
	struct candidate *sorted = arena_new(r->arena, struct candidate, total);
	size_t n = add_candidates(all, 0, map), first = 0;

	if (merge && merge->kind == NODE_MAP)
		add_candidates(all, n, merge);
	for (size_t i = 0; merge && merge->kind == NODE_LIST && i < merge->count; i++)
		n = add_candidates(all, n, merge->entries[i].value);
	memcpy(sorted, all, total * sizeof *all);
	qsort(sorted, total, sizeof *sorted, by_key_then_order);
	for (size_t i = 1; i < total; i++) {
		const struct entry *entry = sorted[i].entry, *before = sorted[first].entry;
		if (strcmp(entry->key, before->key) != 0) {
			first = i;
			continue;
		}
		if (sorted[i].order < map->count)
			diagnostics_add(r->faults, entry->at, "duplicate key \"%s\", given first in line %d, column %d",
			          entry->key, before->at.line, before->at.col);
		all[sorted[i].order].entry = NULL;
	}
	if (merge)
		merge_entries(r, map, all, total, merge_at);
	node_index(r->arena, map);
}

/* True if "<<" can merge n; false after an error. */
static bool can_merge(struct yaml_reader *r, struct pos at, const struct node *n)
{
	if (n->kind == NODE_MAP)
		return true;
	for (size_t i = 0; n->kind == NODE_LIST && i < n->count; i++)
		if (n->entries[i].value->kind != NODE_MAP)
			return diagnostics_add(r->faults, n->entries[i].at, "\"<<\" merges mappings, found %s",
			                 node_kind_words(n->entries[i].value->kind));
	return n->kind == NODE_LIST ||
	       diagnostics_add(r->faults, at, "\"<<\" merges mappings, found %s", node_kind_words(n->kind));
}

struct yaml_merge {
	size_t first;			/* index of the map's first entry among the open ones */
	const struct node *from;	/* NULL: nothing is merged */
	size_t at;			/* index of the map's own entry that follows the merged ones */
	struct pos key;
};

static void set_merge_value(struct yaml_reader *r, struct yaml_merge *merge, struct pos key, struct pos at,
                      const struct node *from)
{
	if (merge->from)
		diagnostics_add(r->faults, key, "duplicate key \"<<\", given first in line %d, column %d",
		          merge->key.line, merge->key.col);
	else if (can_merge(r, at, from))
		*merge = (struct yaml_merge){ merge->first, from, r->open_count - merge->first, key };
}

/* {A:1} has a key "A:1" without a value.  What is behind the colon is not shown, as it may be a secret. */
static void warn_of_missing_space(struct yaml_reader *r, const yaml_event_t *key, const yaml_event_t *value)
{
	if (key->type != YAML_SCALAR_EVENT || key->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
	    value->type != YAML_SCALAR_EVENT || value->start_mark.index != value->end_mark.index)
		return;
	const char *text = (const char *)key->data.scalar.value, *colon = strchr(text, ':');
	size_t from = offset_of_mark(r, key->end_mark), to = offset_of_mark(r, value->start_mark);
	if (colon && to >= from && !memchr(r->bytes + from, ':', to - from))
		diagnostics_warn(r->faults, pos_of_mark(r, key->start_mark), "found \"%.*s\" without a space after the colon: "
		                 "this is a key without a value", (int)(colon - text) + 1, text);
}

/* Reads the key in event and its value; false, after an error, if the rest of the file cannot be read. */
static bool read_mapping_entry(struct yaml_reader *r, const yaml_event_t *event, yaml_mark_t map_mark,
                               int depth, struct yaml_merge *merge)
{
	CLEANUP(yaml_event_delete) yaml_event_t of_value = { 0 };
	struct pos key_at = pos_of_mark(r, event->start_mark);
	bool merges = is_merge_key(event);
	const char *key = NULL;

	if (!merges && !read_key(r, event, map_mark, depth, &key))
		return false;
	if (!next_event(r, &of_value))
		return false;
	warn_of_missing_space(r, event, &of_value);
	size_t errors = r->faults->errors;
	struct pos at = pos_of_mark(r, of_value.start_mark);
	struct node *value = count_node(r, at) ? read_yaml_value(r, &of_value, depth) : NULL;
	if (!value)
		return false;
	if (key)
		push_open_entry(r, key, key_at, value);
	else if (merges && errors == r->faults->errors)
		set_merge_value(r, merge, key_at, at, value);
	return true;
}

static struct node *read_mapping(struct yaml_reader *r, const yaml_event_t *start, int depth)
{
	struct node *map = new_yaml_node(r, NODE_MAP, start->start_mark);
	struct yaml_merge merge = { .first = r->open_count };

	check_tag(r, map->at, start->data.mapping_start.tag, "map");
	if (!is_too_deep(r, map->at, depth) || !add_anchor(r, start->data.mapping_start.anchor, map, true))
		return NULL;
	for (;;) {
		CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
		if (!next_event(r, &event))
			return NULL;
		if (event.type == YAML_MAPPING_END_EVENT)
			break;
		if (!read_mapping_entry(r, &event, start->start_mark, depth + 1, &merge))
			return NULL;
	}
	close_entries(r, map, merge.first);
	finish_mapping(r, map, merge.from, merge.at);
	close_anchor(r, map);
	return map;
}

/* The value that event begins; NULL, after an error, if the rest of the file cannot be read. */
static struct node *read_yaml_value(struct yaml_reader *r, const yaml_event_t *event, int depth)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:          return read_alias(r, event, depth);
	case YAML_SEQUENCE_START_EVENT: return read_sequence(r, event, depth);
	case YAML_MAPPING_START_EVENT:  return read_mapping(r, event, depth);
	default:                        return read_scalar(r, event);
	}
}

static struct node *read_root(struct yaml_reader *r)
{
	CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };

	r->anchor_count = 0;
	r->open_count = 0;
	if (!next_event(r, &event) || !count_node(r, pos_of_mark(r, event.start_mark)))
		return NULL;
	return read_yaml_value(r, &event, 1);
}

static void read_documents(struct yaml_reader *r, struct yaml_docs *docs)
{
	size_t room = 0;

	for (;;) {
		CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
		if (!next_event(r, &event) || event.type == YAML_STREAM_END_EVENT)
			return;
		if (event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		size_t errors = r->faults->errors;
		struct node *root = read_root(r);
		if (!root)
			return;
		if (errors != r->faults->errors)
			continue;
		arena_grow(r->arena, docs->root, docs->count, room);
		docs->root[docs->count++] = root;
	}
}

/* A byte order mark where files were joined is part of a key for libyaml. */
static bool check_byte_order_marks(const struct yaml_reader *r)
{
	const char *end = r->bytes + r->len;
	bool good = true;

	for (const char *p = r->bytes; !r->ascii && (p = memmem(p, end - p, "\xef\xbb\xbf", 3)); p += 3) {
		struct pos at = pos_of_offset(r, p - r->bytes);
		if (at.col == 1)
			good = diagnostics_add(r->faults, at, "found a byte order mark (U+FEFF) inside the file, as files have that "
			                       "were joined: remove it");
		else
			diagnostics_warn(r->faults, at, "found a byte order mark (U+FEFF), which is invisible, inside a line");
	}
	return good;
}

static bool is_ascii(const char *bytes, size_t len)
{
	uint64_t all = 0, eight;
	size_t i = 0;

	for (; i + sizeof eight <= len; i += sizeof eight) {
		memcpy(&eight, bytes + i, sizeof eight);
		all |= eight;
	}
	for (; i < len; i++)
		all |= (unsigned char)bytes[i];
	return !(all & 0x8080808080808080);
}

/* Finds what libyaml would not notice, would report badly, or would notice too late. */
static bool check_bytes(const struct yaml_reader *r)
{
	const struct pos whole = { r->name, 0, 0 };
	size_t tag_lines = 0;

	if (r->len > YAML_MAX_BYTES)
		return diagnostics_add(r->faults, whole, "larger than %d MiB", YAML_MAX_BYTES >> 20);
	const char *why = text_check(r->bytes, r->len);
	if (why)
		return diagnostics_add(r->faults, whole, "%s", why);
	const char *nul = memchr(r->bytes, '\0', r->len);
	if (nul)
		return diagnostics_add(r->faults, pos_of_offset(r, nul - r->bytes),
		                 "this is not text: found a NUL character");
	for (const char *p = r->bytes, *end = p + r->len; (p = memchr(p, '%', end - p)); p++)
		tag_lines += end - p >= 4 && memcmp(p, "%TAG", 4) == 0 &&
		             (p == r->bytes || p[-1] == '\n' || p[-1] == '\r');
	if (tag_lines > MAX_TAG_LINES)
		return diagnostics_add(r->faults, whole, "more than %d \"%%TAG\" lines", MAX_TAG_LINES);
	return check_byte_order_marks(r);
}

static void start_parser(struct yaml_reader *r)
{
	if (!yaml_parser_initialize(&r->parser))
		abort();
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->bytes, r->len);
}

/* ---- block scalars that begin with a tab ---- */

static bool has_tab_after_spaces(const struct yaml_reader *r)
{
	const char *end = r->bytes + r->len;

	if (!memchr(r->bytes, '\t', r->len))
		return false;
	for (const char *p = r->bytes; (p = memchr(p, '\n', end - p)); ) {
		const char *line = ++p;
		while (p < end && *p == ' ')
			p++;
		if (p > line && p < end && *p == '\t')
			return true;
	}
	return false;
}

/* Reads all events up to the first error; false if there is one that an indentation indicator mends.  The block
 * scalar begins at *header then, and is indented by *indent. */
static bool find_tab_error(struct yaml_reader *r, size_t *header, int *indent)
{
	const yaml_parser_t *p = &r->parser;
	bool more = true;

	while (more) {
		CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
		more = yaml_parser_parse(&r->parser, &event) && event.type != YAML_STREAM_END_EVENT;
	}
	if (!p->problem || strcmp(p->problem, "found a tab character where an indentation space is expected") != 0)
		return true;
	*header = offset_of_mark(r, p->context_mark);
	*indent = (int)p->problem_mark.column - (p->indent > 0 ? p->indent : 0);
	size_t modes = *header + 1 + strspn(r->bytes + *header + 1, "+-");
	size_t lines = modes + strcspn(r->bytes + modes, "\r\n");
	bool is_first = lines + strspn(r->bytes + lines, " \r\n") == offset_of_mark(r, p->problem_mark);
	return *indent < 1 || *indent > 9 || strchr("123456789", r->bytes[modes]) || !is_first;
}

/* Writes "|2" for "|" where a block scalar's first line begins with a tab behind its indentation: YAML allows that, and
 * libyaml refuses it. */
static void indicate_block_indents(struct yaml_reader *r)
{
	for (int i = 0; i < MAX_INDICATED; i++) {
		size_t header = 0;
		int indent = 0;
		start_parser(r);
		bool good = find_tab_error(r, &header, &indent);
		yaml_parser_delete(&r->parser);
		if (good)
			return;
		r->bytes = arena_printf(r->arena, "%.*s%d%s", (int)header + 1, r->bytes, indent, r->bytes + header + 1);
		r->len++;
		r->strides = NULL;
	}
}

static bool read_yaml_file(struct arena *a, const char *name, const char *bytes, size_t len, bool variables,
                           struct yaml_docs *out, struct diagnostics *faults)
{
	size_t errors = faults->errors;
	size_t mark = len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	struct entry open[OPEN_ENTRIES];
	struct yaml_reader r = {
		.arena = a, .name = name, .bytes = bytes + mark, .len = len - mark, .faults = faults,
		.variables = variables, .ascii = is_ascii(bytes, len), .open = open, .open_room = ARRAY_LEN(open),
	};
	struct yaml_docs docs = { 0 };

	if (!check_bytes(&r))
		return false;
	if (has_tab_after_spaces(&r)) {
		r.bytes = arena_strndup(a, r.bytes, r.len);
		indicate_block_indents(&r);
	}
	start_parser(&r);
	read_documents(&r, &docs);
	yaml_parser_delete(&r.parser);
	*out = docs;
	return faults->errors == errors;
}

bool yaml_read(struct arena *a, const char *name, const char *bytes, size_t len,
               struct yaml_docs *out, struct diagnostics *faults)
{
	return read_yaml_file(a, name, bytes, len, false, out, faults);
}

bool yaml_read_variables(struct arena *a, const char *name, const char *bytes, size_t len,
                         struct yaml_docs *out, struct diagnostics *faults)
{
	return read_yaml_file(a, name, bytes, len, true, out, faults);
}
