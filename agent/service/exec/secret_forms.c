#include "agent/service/exec/secret_forms.h"

#include <string.h>

#include "agent/util/base64.h"
#include "reconcile/base/buf.h"
#include "reconcile/base/utf8.h"
#include "reconcile/tree/json.h"

#define LETTERS	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char *const hex[] = { "0123456789abcdef", "0123456789ABCDEF" };

struct secret_forms {
	struct arena *arena;
	const char *text;
	void (*add)(void *context, const char *form);
	void *context;
};

static void secret_forms_add(const struct secret_forms *f, const char *form)
{
	if (strcmp(form, f->text) != 0)
		f->add(f->context, form);
}

/* text with `replacement` for each character `c`. */
static const char *secret_forms_replace(struct arena *a, const char *text, char c, const char *replacement)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	for (; *text; text++)
		*text == c ? buf_adds(&out, replacement) : buf_addc(&out, *text);
	return arena_strdup(a, buf_str(&out));
}

/* ---- JSON ---- */

/* "\u00e9" for each character of JSON text that is not ASCII, as Python writes it. */
static const char *secret_forms_in_ascii(struct arena *a, const char *json, const char *digits)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	uint32_t code = 0;

	for (size_t len; (len = utf8_read(json, SIZE_MAX, &code)) && code; json += len) {
		if (code < 0x80) {
			buf_addc(&out, (char)code);
			continue;
		}
		uint32_t units[] = { code < 0x10000 ? code : 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff) };
		for (int i = 0; i < (code < 0x10000 ? 1 : 2); i++) {
			buf_adds(&out, "\\u");
			for (int shift = 12; shift >= 0; shift -= 4)
				buf_addc(&out, digits[units[i] >> shift & 15]);
		}
	}
	return arena_strdup(a, buf_str(&out));
}

static void secret_forms_of_json(const struct secret_forms *f)
{
	const char *quoted = json_text(f->arena, node_text(f->arena, f->text));
	const char *json = arena_strndup(f->arena, quoted + 1, strlen(quoted) - 2);

	secret_forms_add(f, json);
	secret_forms_add(f, secret_forms_replace(f->arena, json, '/', "\\/"));
	secret_forms_add(f, secret_forms_in_ascii(f->arena, json, hex[0]));
	secret_forms_add(f, secret_forms_in_ascii(f->arena, json, hex[1]));
}

/* ---- URLs ---- */

static const char *secret_forms_percent(struct arena *a, const char *text, const char *plain, const char *space,
                                        const char *digits)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p == ' ')
			buf_adds(&out, space);
		else if (strchr(plain, *p))
			buf_addc(&out, (char)*p);
		else
			buf_addf(&out, "%%%c%c", digits[*p >> 4], digits[*p & 15]);
	return arena_strdup(a, buf_str(&out));
}

/* Programs differ in what they leave as it is. */
static void secret_forms_of_url(const struct secret_forms *f)
{
	static const char *const plain[] = { LETTERS "-._~", LETTERS "-._~/", LETTERS "-._~!'()*", LETTERS "-._*" };
	static const char *const spaces[] = { "%20", "+" };

	for (size_t p = 0; p < ARRAY_LEN(plain); p++)
		for (size_t s = 0; s < ARRAY_LEN(spaces); s++)
			for (size_t d = 0; d < ARRAY_LEN(hex); d++)
				secret_forms_add(f, secret_forms_percent(f->arena, f->text, plain[p], spaces[s], hex[d]));
}

/* ---- base64 ---- */

/* In the alphabet of RFC 4648, section 4, and in that of section 5. */
static void secret_forms_add_base64(const struct secret_forms *f, const char *form)
{
	const char *url = secret_forms_replace(f->arena, secret_forms_replace(f->arena, form, '+', "-"), '/', "_");

	secret_forms_add(f, form);
	if (strcmp(url, form) != 0)
		secret_forms_add(f, url);
}

static void secret_forms_add_lines(const struct secret_forms *f, const char *form, size_t width)
{
	CLEANUP(buf_done) struct buf lines = BUF_TEXT;

	for (size_t len = strlen(form); len > width; form += width, len -= width) {
		buf_add(&lines, form, width);
		buf_addc(&lines, '\n');
	}
	if (lines.len == 0)
		return;
	buf_adds(&lines, form);
	secret_forms_add(f, arena_strdup(f->arena, buf_str(&lines)));
}

static void secret_forms_of_base64(const struct secret_forms *f)
{
	size_t len = strlen(f->text);
	const char *whole = base64_encode(f->arena, f->text, len);

	secret_forms_add_base64(f, whole);
	secret_forms_add_base64(f, base64_encode(f->arena, arena_printf(f->arena, "%s\n", f->text), len + 1));
	secret_forms_add_lines(f, whole, 64);
	secret_forms_add_lines(f, whole, 76);
	for (size_t before = 0; before < 3; before++) {
		const char *shifted = base64_encode(f->arena, arena_printf(f->arena, "%.*s%s", (int)before, "..", f->text),
		                                    before + len);
		size_t from = (8 * before + 5) / 6, to = 8 * (before + len) / 6;
		secret_forms_add_base64(f, arena_strndup(f->arena, shifted + from, to - from));
	}
}

/* ---- shell ---- */

/* A backslash before each character that is in `escaped`, or, if that is NULL, before each one that a shell reads. */
static const char *secret_forms_backslashes(struct arena *a, const char *text, const char *escaped)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	for (; *text; text++) {
		bool is = escaped ? strchr(escaped, *text) != NULL
		                  : (unsigned char)*text < 0x80 && !strchr(LETTERS "_./@%+=:,-", *text);
		buf_addf(&out, "%s%c", is ? "\\" : "", *text);
	}
	return arena_strdup(a, buf_str(&out));
}

static void secret_forms_of_shell(const struct secret_forms *f)
{
	struct arena *a = f->arena;
	const char *ansi_c = secret_forms_backslashes(a, f->text, "\\'");

	secret_forms_add(f, secret_forms_replace(a, f->text, '\'', "'\\''"));
	secret_forms_add(f, secret_forms_replace(a, f->text, '\'', "'\"'\"'"));
	secret_forms_add(f, secret_forms_backslashes(a, f->text, "\\\"$`"));
	secret_forms_add(f, secret_forms_backslashes(a, f->text, NULL));
	secret_forms_add(f, secret_forms_replace(a, secret_forms_replace(a, ansi_c, '\n', "\\n"), '\t', "\\t"));
}

void secret_forms_each(struct arena *a, const char *text, void (*add)(void *context, const char *form), void *context)
{
	const struct secret_forms f = { a, text, add, context };

	secret_forms_of_json(&f);
	secret_forms_of_url(&f);
	secret_forms_of_base64(&f);
	secret_forms_of_shell(&f);
}
