#include "reconcile/tree/json.h"

#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "reconcile/base/printable.h"
#include "reconcile/base/utf8.h"
#include "reconcile/tree/json_plain.h"

/* json-c silently accepts what JSON forbids (NaN, control characters, form feeds as white space,
 * overlong UTF-8), clips integers past 64 bits and cuts keys at a NUL.
 * So every word of the source is checked here first; json-c then checks how the words go together. */
struct scan {
	const char *start, *at, *end;
	const char *wrong;	/* where what is refused begins; NULL: not known */
	int depth;
	struct arena *arena;	/* NULL: a value that no tree can hold is refused; else it becomes a NODE_RAW */
	bool is_raw;		/* the last word was such a value */
	struct raw_part *raw;	/* in the order of the source */
	size_t raw_count, raw_room;
};

/* A value that no tree can hold, or a key. */
struct raw_part {
	const char *from, *to;
	bool is_key;
};

static bool PRINTF(3, 4) refuse_json(struct scan *s, struct err *err, const char *fmt, ...)
{
	CLEANUP(buf_done) struct buf text = BUF(sizeof err->msg);
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	s->wrong = s->at;
	return err_set(err, "%s", buf_str(&text));
}

static bool refuse_json_end(struct scan *s, struct err *err, const char *text)
{
	s->wrong = s->end;
	return err_set(err, "%s", text);
}

/* For what no tree can hold. */
static bool refuse_or_keep_raw(struct scan *s, struct err *err, const char *text)
{
	s->is_raw = true;
	return s->arena || refuse_json(s, err, "%s", text);
}

bool json_can_hold(const char *bytes, size_t len)
{
	const char *end = bytes + len;

	for (size_t n; bytes < end && *bytes; bytes += n) {
		n = utf8_length(bytes, (size_t)(end - bytes));
		if (n == 0)
			return false;
	}
	return bytes == end;
}

static bool scan_json_text(struct scan *s, struct err *err)
{
	for (s->at++; s->at < s->end && *s->at != '"'; ) {
		size_t len = utf8_length(s->at, (size_t)(s->end - s->at));
		if (len == 0 && !refuse_or_keep_raw(s, err, "not JSON: a string that is not UTF-8"))
			return false;
		if ((unsigned char)*s->at < ' ' &&
		    !refuse_or_keep_raw(s, err, "not JSON: a control character that is not escaped"))
			return false;
		if (s->end - s->at >= 6 && memcmp(s->at, "\\u0000", 6) == 0 &&
		    !refuse_or_keep_raw(s, err, "a text with a NUL character"))
			return false;
		if (*s->at == '\\' && s->end - s->at > 1) {
			s->at++;	/* the escaped character, which is ASCII, so it is as long as the backslash */
			if (!isascii((unsigned char)*s->at))
				return refuse_json(s, err, "not JSON: invalid string sequence");
		}
		s->at += len ? len : 1;
	}
	if (s->at == s->end)
		return refuse_json_end(s, err, "not JSON: it ends inside a string");
	s->at++;
	return true;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && isdigit((unsigned char)*p))
		p++;
	return p;
}

/* The end of the number at p; NULL if it is not a number of JSON. */
static const char *scan_number(const char *p, const char *end, bool *is_real)
{
	p += p < end && *p == '-';
	const char *whole = p;
	p = skip_digits(p, end);
	if (p == whole || (*whole == '0' && p - whole > 1))
		return NULL;
	const char *integer = p;
	if (p < end && *p == '.') {
		const char *fraction = ++p;
		if ((p = skip_digits(p, end)) == fraction)
			return NULL;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		p += p < end && (*p == '+' || *p == '-');
		const char *exponent = p;
		if ((p = skip_digits(p, end)) == exponent)
			return NULL;
	}
	*is_real = p != integer;
	return p;
}

static bool fits_int64(const char *p, size_t len)
{
	bool minus = *p == '-';
	const char *limit = minus ? "9223372036854775808" : "9223372036854775807";
	size_t room = strlen(limit);

	p += minus;
	len -= minus;
	return len < room || (len == room && memcmp(p, limit, room) <= 0);
}

/* A word extends to the next white space or punctuation mark, so that messages show all of it. */
static size_t json_word_length(const struct scan *s)
{
	size_t len = 0;
	while (s->at + len < s->end && s->at[len] && !strchr(" \t\r\n[]{},:\"", s->at[len]))
		len++;
	return len;
}

/* Python writes these, although JSON does not have them. */
static bool is_not_finite(const char *p, size_t len)
{
	static const char *const words[] = { "NaN", "Infinity", "-Infinity" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (len == strlen(words[i]) && memcmp(p, words[i], len) == 0)
			return true;
	return false;
}

static bool is_past_double(const char *p, size_t len)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	buf_add(&text, p, len);
	return isinf(strtod(buf_str(&text), NULL));
}

static bool scan_json_word(struct scan *s, struct err *err)
{
	static const char *const literals[] = { "true", "false", "null" };
	size_t len = json_word_length(s);
	bool is_real;

	for (size_t i = 0; i < ARRAY_LEN(literals); i++)
		if (len == strlen(literals[i]) && memcmp(s->at, literals[i], len) == 0) {
			s->at += len;
			return true;
		}
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)s->at[i]))
			return refuse_json(s, err, "not JSON: binary data");
	if (len == 0)
		return refuse_json(s, err, "not JSON: a control character");
	int shown = len < 40 ? len : 40;
	if (s->arena && is_not_finite(s->at, len))
		s->is_raw = true;
	else if (scan_number(s->at, s->at + len, &is_real) != s->at + len)
		return refuse_json(s, err, "not JSON: found \"%.*s\"", shown, s->at);
	else if (!is_real && !fits_int64(s->at, len) && !refuse_or_keep_raw(s, err, "an integer past 64 bits"))
		return false;
	else if (is_real && is_past_double(s->at, len) && !refuse_or_keep_raw(s, err, "a number that is too large"))
		return false;
	s->at += len;
	return true;
}

static bool scan_json_token(struct scan *s, struct err *err)
{
	switch (*s->at) {
	case '[': case '{':
		s->at++;
		return ++s->depth <= JSON_MAX_DEPTH || s->arena ||
		       (s->at--, refuse_json(s, err, "nested more than %d deep", JSON_MAX_DEPTH));
	case ']': case '}':
		s->depth--;
		s->at++;
		return true;
	case '"':
		return scan_json_text(s, err);
	default:
		return scan_json_word(s, err);
	}
}

static void skip_json_space(struct scan *s)
{
	while (s->at < s->end && strchr(" \t\r\n,:", *s->at) && *s->at)
		s->at++;
}

static void keep_raw(struct scan *s, const char *from, bool is_key)
{
	arena_grow(s->arena, s->raw, s->raw_count, s->raw_room);
	s->raw[s->raw_count++] = (struct raw_part){ from, s->at, is_key };
}

/* Scans on until lists and objects are nested no more than this deep. */
static bool scan_json_to_depth(struct scan *s, int depth, struct err *err)
{
	while (s->depth > depth) {
		skip_json_space(s);
		if (s->at == s->end)
			break;		/* json-c finds that it ends too early */
		if (!scan_json_token(s, err))
			return false;
	}
	return true;
}

/* After a key that no tree can hold: its value is not read either. */
static bool scan_raw_value(struct scan *s, struct err *err)
{
	skip_json_space(s);
	const char *from = s->at;
	int depth = s->depth;
	if (s->at < s->end && (!scan_json_token(s, err) || !scan_json_to_depth(s, depth, err)))
		return false;
	keep_raw(s, from, false);
	return true;
}

static bool is_json_key(const struct scan *s)
{
	const char *p = s->at;

	while (p < s->end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	return p < s->end && *p == ':';
}

static bool scan_json(struct scan *s, struct err *err)
{
	for (skip_json_space(s); s->at < s->end; skip_json_space(s)) {
		const char *from = s->at;
		s->is_raw = false;
		if (!scan_json_token(s, err))
			return false;
		bool too_deep = s->depth > JSON_MAX_DEPTH, is_key = s->is_raw && is_json_key(s);
		if (too_deep && !scan_json_to_depth(s, JSON_MAX_DEPTH, err))
			return false;
		if (too_deep || s->is_raw)
			keep_raw(s, from, is_key);
		if (is_key && !scan_raw_value(s, err))
			return false;
	}
	return true;
}

static bool is_json_blank(const char *bytes, size_t len)
{
	while (len > 0 && isspace((unsigned char)bytes[len - 1]))
		len--;
	return len == 0;
}

/* What stands for a NODE_RAW where json-c reads: no number of the source that json-c gets is past a double. */
#define RAW_NUMBER	"1e9999"

/* A raw part as text that can be written as UTF-8 again. */
static const char *raw_text(struct arena *a, const struct raw_part *part)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	assert(part);		/* each RAW_NUMBER was written for one */
	if (is_not_finite(part->from, (size_t)(part->to - part->from)))
		return "null";
	for (const char *p = part->from; p < part->to; ) {
		size_t len = utf8_length(p, (size_t)(part->to - p));
		if (len == 0)
			buf_adds(&out, "\\ufffd");
		else if ((unsigned char)*p < ' ')
			buf_addc(&out, ' ');
		else
			buf_add(&out, p, len);
		p += len ? len : 1;
	}
	return arena_strdup(a, buf_str(&out));
}

struct converter {
	struct arena *arena;
	const struct scan *scan;
};

static void convert_real(const struct converter *c, json_object *from, struct node *n)
{
	const char *text = json_object_to_json_string(from);

	n->kind = NODE_REAL;
	n->real = json_object_get_double(from);
	if (isfinite(n->real)) {
		n->text = arena_strdup(c->arena, text);		/* as it was written */
		return;
	}
	n->kind = NODE_RAW;
	n->text = raw_text(c->arena, &c->scan->raw[strtoul(text + strlen(RAW_NUMBER), NULL, 10)]);
}

static struct node *convert_value(const struct converter *c, json_object *from);

static void convert_array(const struct converter *c, json_object *from, struct node *n)
{
	n->kind = NODE_LIST;
	n->count = json_object_array_length(from);
	n->room = (uint32_t)n->count;
	n->entries = n->count ? arena_new(c->arena, struct entry, n->count) : NULL;
	for (size_t i = 0; i < n->count; i++)
		n->entries[i].value = convert_value(c, json_object_array_get_idx(from, i));
}

/* json-c has kept only the last of two equal keys, so equal keys need not be looked for. */
static void convert_object(const struct converter *c, json_object *from, struct node *n)
{
	n->kind = NODE_MAP;
	n->room = (uint32_t)json_object_object_length(from);
	n->entries = n->room ? arena_new(c->arena, struct entry, n->room) : NULL;
	json_object_object_foreach(from, key, child) {
		assert(n->entries);
		n->entries[n->count++] = (struct entry){
			.key = arena_strdup(c->arena, key), .value = convert_value(c, child),
		};
	}
	node_index(c->arena, n);
}

/* Depth is bounded by scan_json(). */
static struct node *convert_value(const struct converter *c, json_object *from)
{
	struct node *n = node_null(c->arena);

	switch (json_object_get_type(from)) {
	case json_type_null:
		break;
	case json_type_boolean:
		n->kind = NODE_BOOL;
		n->boolean = json_object_get_boolean(from);
		break;
	case json_type_int:
		n->kind = NODE_INT;
		n->integer = json_object_get_int64(from);
		break;
	case json_type_string:
		n->kind = NODE_TEXT;
		n->text = arena_strdup(c->arena, json_object_get_string(from));
		break;
	case json_type_double:
		convert_real(c, from, n);
		break;
	case json_type_array:
		convert_array(c, from, n);
		break;
	case json_type_object:
		convert_object(c, from, n);
		break;
	}
	return n;
}

/* ---- text that is not ASCII ---- */

/* json-c 0.18, where char is signed, takes each byte from 0x80 up for a control character, and refuses
 * the text if it is strict (json-c #875).  So json-c gets an ASCII copy, which means the same: "\u00e9".
 * All bytes here are UTF-8, as scan_json() has checked. */

static size_t ascii_len(const char *bytes, const char *end)
{
	const char *p = bytes;

	while (p < end && (unsigned char)*p < 0x80)
		p++;
	return (size_t)(p - bytes);
}

static void write_json_code(struct buf *out, uint32_t code)
{
	if (code < 0x10000)
		buf_addf(out, "\\u%04x", code);
	else	/* a surrogate pair */
		buf_addf(out, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
}

static void write_in_ascii(const char *bytes, size_t len, struct buf *out)
{
	const char *end = bytes + len;

	while (bytes < end) {
		size_t n = ascii_len(bytes, end);
		buf_add(out, bytes, n);
		bytes += n;
		if (bytes == end)
			return;
		uint32_t code = 0;
		n = utf8_read(bytes, (size_t)(end - bytes), &code);
		write_json_code(out, code);
		bytes += n;
	}
}

/* The offset in the source of the character that is at `at` in its ASCII copy. */
static size_t position_in_source(const char *bytes, size_t len, size_t at)
{
	static const size_t copied[] = { 0, 1, 6, 6, 12 };
	const char *p = bytes, *end = bytes + len;

	while (p < end) {
		size_t n = utf8_length(p, (size_t)(end - p));
		if (copied[n] > at)
			break;
		at -= copied[n];
		p += n;
	}
	return (size_t)(p - bytes);
}

struct json_writer {
	struct buf *out;
	bool pretty, canonical;
};

static void write_json_text(const struct json_writer *w, const char *text);

/* The source for json-c: ASCII, and without the raw parts. */
static void write_for_json_c(const struct scan *s, struct buf *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *from = s->start;

	for (size_t i = 0; i < s->raw_count; i++) {
		const struct raw_part *part = &s->raw[i];
		write_in_ascii(from, (size_t)(part->from - from), out);
		if (part->is_key) {
			CLEANUP(buf_done) struct buf key = BUF_TEXT;
			write_json_text(&(struct json_writer){ .out = &key }, raw_text(&a, part));
			write_in_ascii(buf_str(&key), key.len, out);
		} else {
			buf_addf(out, " " RAW_NUMBER "%zu ", i);	/* apart from a number beside it, which is no JSON */
		}
		from = part->to;
	}
	write_in_ascii(from, (size_t)(s->end - from), out);
}

static void json_object_putp(json_object **object)
{
	json_object_put(*object);
}

static void free_tokener(json_tokener **tokener)
{
	json_tokener_free(*tokener);
}

static bool read_scanned(struct arena *a, struct scan *s, struct node **out, struct err *err)
{
	size_t len = (size_t)(s->end - s->start);

	if (len > INT_MAX)
		return err_set(err, "JSON of more than 2 GiB");
	struct node *plain = json_plain_read(a, s->start, len);
	if (plain) {
		*out = plain;
		return true;
	}
	if (!scan_json(s, err))
		return false;
	if (is_json_blank(s->start, len))
		return refuse_json_end(s, err, "nothing, where JSON was expected");

	CLEANUP(buf_done) struct buf ascii = BUF(INT_MAX);
	write_for_json_c(s, &ascii);
	if (ascii.full)
		return err_set(err, "JSON of more than 2 GiB");

	CLEANUP(free_tokener) json_tokener *tokener = json_tokener_new_ex(JSON_MAX_DEPTH + 2);
	if (!tokener)
		abort();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	CLEANUP(json_object_putp) json_object *root = json_tokener_parse_ex(tokener, buf_str(&ascii), (int)ascii.len);
	enum json_tokener_error e = json_tokener_get_error(tokener);
	if (e == json_tokener_continue) {
		/* A bare number ends where something else begins. */
		root = json_tokener_parse_ex(tokener, "\n", 1);
		e = json_tokener_get_error(tokener);
	}
	if (e == json_tokener_continue)
		return refuse_json_end(s, err, "not JSON: it ends too early");
	if (e != json_tokener_success) {
		/* What stands for a raw value has another length, and may be no UTF-8. */
		if (!s->raw_count)
			s->wrong = s->start + position_in_source(s->start, len, json_tokener_get_parse_end(tokener));
		return err_set(err, "not JSON: %s", json_tokener_error_desc(e));
	}
	*out = convert_value(&(struct converter){ a, s }, root);
	return true;
}

/* That something is missing is clear without the byte at which the text ends. */
static bool read_or_name_byte(struct arena *a, struct scan *s, struct node **out, struct err *err)
{
	if (read_scanned(a, s, out, err))
		return true;
	if (s->wrong && s->wrong < s->end)
		err_append(err, " at byte %zu", (size_t)(s->wrong - s->start) + 1);
	return false;
}

bool json_read(struct arena *a, const char *bytes, size_t len, struct node **out, struct err *err)
{
	return read_or_name_byte(a, &(struct scan){ .start = bytes, .at = bytes, .end = bytes + len }, out, err);
}

bool json_read_answer(struct arena *a, const char *bytes, size_t len, struct node **out, struct err *err)
{
	return read_or_name_byte(a, &(struct scan){ .start = bytes, .at = bytes, .end = bytes + len, .arena = a }, out, err);
}

static struct pos place_in_source(const struct scan *s, const char *file)
{
	struct pos at = { .file = file };

	if (!s->wrong)
		return at;
	at.line = at.col = 1;
	for (const char *p = s->start; p < s->wrong; p++) {
		bool inside = ((unsigned char)*p & 0xc0) == 0x80;	/* of a character */
		at.line += *p == '\n';
		at.col = *p == '\n' ? 1 : at.col + !inside;
	}
	return at;
}

bool json_read_file(struct arena *a, const char *file, const char *bytes, size_t len, struct node **out, struct err *err)
{
	struct scan s = { .start = bytes, .at = bytes, .end = bytes + len, .arena = a };

	if (read_scanned(a, &s, out, err))
		return true;
	const struct err inner = *err;
	return err_at(err, place_in_source(&s, file), "%s", inner.msg);
}

static void write_json_escape(struct buf *out, uint32_t code)
{
	static const char shorts[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *found = code < 0x80 ? strchr(shorts, (int)code) : NULL;

	if (!found || !code) {
		write_json_code(out, code);
		return;
	}
	buf_addc(out, '\\');
	buf_addc(out, letters[found - shorts]);
}

/* What people read hides nothing; what machines compare has one form. */
static bool needs_json_escape(const struct json_writer *w, uint32_t code)
{
	return code < ' ' || code == '"' || code == '\\' || code == 0x7f || (w->pretty && printable_is_hidden(code));
}

/* Most characters are of this kind. */
static bool is_plain_ascii(char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

/* Names of files and messages of servers may hold any bytes: one byte that is not UTF-8 would make the whole document
 * unreadable. */
static void write_json_text(const struct json_writer *w, const char *text)
{
	const char *from = text, *end = text + strlen(text);

	buf_addc(w->out, '"');
	while (text < end) {
		if (is_plain_ascii(*text)) {
			text++;
			continue;
		}
		uint32_t code = 0;
		size_t len = utf8_read(text, (size_t)(end - text), &code);
		if (len && !needs_json_escape(w, code)) {
			text += len;
			continue;
		}
		buf_add(w->out, from, text - from);
		if (len)
			write_json_escape(w->out, code);
		else
			buf_adds(w->out, "\\ufffd");
		from = text += len ? len : 1;
	}
	buf_add(w->out, from, text - from);
	buf_addc(w->out, '"');
}

static void write_json_real(const struct json_writer *w, const struct node *n)
{
	bool is_real;
	size_t len = n->text ? strlen(n->text) : 0;

	if (!isfinite(n->real))
		buf_adds(w->out, "null");
	else if (w->canonical)
		buf_add_real(w->out, n->real == 0 ? 0 : n->real);	/* -0.0 equals 0.0 */
	else if (len && scan_number(n->text, n->text + len, &is_real) == n->text + len && is_real)
		buf_adds(w->out, n->text);
	else
		buf_add_real(w->out, n->real);
}

static void write_new_line(const struct json_writer *w, int depth)
{
	if (!w->pretty)
		return;
	buf_addc(w->out, '\n');
	for (int i = 0; i < depth; i++)
		buf_add(w->out, "  ", 2);
}

static void write_json_int(const struct json_writer *w, int64_t number)
{
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char digits[20], *end = digits + sizeof digits, *first = end;

	do
		*--first = (char)('0' + rest % 10);
	while (rest /= 10);
	if (number < 0)
		buf_addc(w->out, '-');
	buf_add(w->out, first, (size_t)(end - first));
}

static void write_json_node(const struct json_writer *w, const struct node *n, int depth);

static void write_json_entries(const struct json_writer *w, const struct node *n, int depth)
{
	bool is_map = n->kind == NODE_MAP;

	buf_addc(w->out, is_map ? '{' : '[');
	for (size_t i = 0; i < n->count; i++) {
		if (i)
			buf_addc(w->out, ',');
		write_new_line(w, depth + 1);
		if (is_map) {
			write_json_text(w, n->entries[i].key);
			buf_adds(w->out, w->pretty ? ": " : ":");
		}
		write_json_node(w, n->entries[i].value, depth + 1);
	}
	if (n->count)
		write_new_line(w, depth);
	buf_addc(w->out, is_map ? '}' : ']');
}

static void write_json_node(const struct json_writer *w, const struct node *n, int depth)
{
	switch (n->kind) {
	case NODE_NULL: buf_adds(w->out, "null"); break;
	case NODE_BOOL: buf_adds(w->out, n->boolean ? "true" : "false"); break;
	case NODE_INT:  write_json_int(w, n->integer); break;
	case NODE_REAL: write_json_real(w, n); break;
	case NODE_TEXT: write_json_text(w, n->text); break;
	case NODE_RAW:  buf_adds(w->out, n->text); break;
	case NODE_LIST:
	case NODE_MAP:  write_json_entries(w, n, depth); break;
	}
}

void json_write(const struct node *n, enum json_style style, struct buf *out)
{
	const struct json_writer w = { .out = out, .pretty = style == JSON_PRETTY };
	write_json_node(&w, n, 0);
}

void json_write_inside(const struct node *n, int depth, struct buf *out)
{
	const struct json_writer w = { .out = out, .pretty = true };
	write_json_node(&w, n, depth);
}

const char *json_text(struct arena *a, const struct node *n)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	json_write(n, JSON_COMPACT, &out);
	return arena_strdup(a, buf_str(&out));
}

void json_write_canonical(const struct node *n, struct buf *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct json_writer w = { .out = out, .canonical = true };
	struct node *copy;

	if (node_keys_are_sorted(n)) {
		write_json_node(&w, n, 0);
		return;
	}
	copy = node_copy(&a, n);
	node_sort_keys(copy);
	write_json_node(&w, copy, 0);
}
