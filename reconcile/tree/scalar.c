#include "reconcile/tree/scalar.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/base/printable.h"
#include "reconcile/base/utf8.h"

#define DIGITS	"0123456789"

static bool is_one_of_words(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* True if text is not empty and has only these characters. */
static bool has_only(const char *text, const char *characters)
{
	return *text && !text[strspn(text, characters)];
}

static const char *skip_sign(const char *text)
{
	return text + (*text == '-' || *text == '+');
}

static bool is_yaml_null(const char *text)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };
	return is_one_of_words(text, words);
}

static bool is_yaml_true(const char *text)
{
	static const char *const words[] = {
		"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL
	};
	return is_one_of_words(text, words);
}

static bool is_yaml_false(const char *text)
{
	static const char *const words[] = {
		"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL
	};
	return is_one_of_words(text, words);
}

static bool is_yaml_infinite(const char *text)
{
	static const char *const words[] = { ".inf", ".Inf", ".INF", NULL };
	return is_one_of_words(skip_sign(text), words);
}

static bool is_yaml_nan(const char *text)
{
	static const char *const words[] = { ".nan", ".NaN", ".NAN", NULL };
	return is_one_of_words(text, words);
}

/* Skips ":30" as in "1:30", as often as it occurs at p. */
static const char *skip_sixtieths(const char *p)
{
	while (*p == ':') {
		size_t len = strspn(p + 1, DIGITS);
		if (len == 0 || len > 2 || (len == 2 && p[1] > '5'))
			break;
		p += 1 + len;
	}
	return p;
}

/* True if the rest of the text is empty or an exponent with its sign, such as "e+3". */
static bool ends_in_exponent(const char *p)
{
	if (*p != 'e' && *p != 'E')
		return !*p;
	return (p[1] == '-' || p[1] == '+') && has_only(p + 2, DIGITS);
}

/* PyYAML's pattern for a float, branch by branch.  ".5" takes no sign there. */
static bool is_yaml_real(const char *text)
{
	const char *p = skip_sign(text);

	if (is_yaml_infinite(text) || is_yaml_nan(text))
		return true;
	if (text[0] == '.' && isdigit((unsigned char)text[1]))
		return ends_in_exponent(text + 1 + strspn(text + 1, DIGITS "_"));
	if (!isdigit((unsigned char)*p))
		return false;
	p += strspn(p, DIGITS "_");
	const char *rest = skip_sixtieths(p);
	if (*rest != '.')
		return false;
	const char *after = rest + 1 + strspn(rest + 1, DIGITS "_");
	return rest == p ? ends_in_exponent(after) : !*after;
}

/* PyYAML's pattern for an integer: its base, 60 for "1:30"; 0 if text is not an integer. */
static int integer_base(const char *text)
{
	const char *p = skip_sign(text);

	if (p[0] == '0' && p[1] == 'b')
		return has_only(p + 2, "01_") ? 2 : 0;
	if (p[0] == '0' && p[1] == 'x')
		return has_only(p + 2, DIGITS "abcdefABCDEF_") ? 16 : 0;
	if (p[0] == '0' && p[1])
		return has_only(p + 1, "01234567_") ? 8 : 0;
	if (!isdigit((unsigned char)*p))
		return 0;
	p += strspn(p, DIGITS "_");
	if (!*p)
		return 10;
	const char *rest = skip_sixtieths(p);
	return rest != p && !*rest ? 60 : 0;
}

/* Reads the digits at p; false if the value passes 64 bits. */
static bool add_digits(const char **p, unsigned base, uint64_t *value)
{
	for (; isxdigit((unsigned char)**p) || **p == '_'; ++*p) {
		unsigned c = tolower((unsigned char)**p);
		unsigned digit = c <= '9' ? c - '0' : c - 'a' + 10;
		if (**p != '_' && (__builtin_mul_overflow(*value, base, value) ||
		                   __builtin_add_overflow(*value, digit, value)))
			return false;
	}
	return true;
}

static bool add_sixtieths(const char **p, uint64_t *value)
{
	while (**p == ':') {
		uint64_t part = 0;
		++*p;
		if (!add_digits(p, 10, &part) || __builtin_mul_overflow(*value, 60, value) ||
		    __builtin_add_overflow(*value, part, value))
			return false;
	}
	return true;
}

static bool integer_value(const char *text, int base, int64_t *out)
{
	const char *p = skip_sign(text);
	uint64_t value = 0;

	if (base == 2 || base == 16)
		p += 2;
	if (!add_digits(&p, base == 60 ? 10 : base, &value) || !add_sixtieths(&p, &value))
		return false;
	if (value > (uint64_t)INT64_MAX + (*text == '-'))
		return false;
	*out = *text == '-' ? (int64_t)-value : (int64_t)value;
	return true;
}

static double real_value(const char *text)
{
	CLEANUP(buf_done) struct buf plain = BUF_TEXT;
	double value = 0;

	if (is_yaml_infinite(text))
		return *text == '-' ? -INFINITY : INFINITY;
	if (is_yaml_nan(text))
		return NAN;
	for (const char *p = skip_sign(text); *p; p++)
		if (*p != '_')
			buf_addc(&plain, *p);
	const char *part = buf_str(&plain);
	for (const char *colon; (colon = strchr(part, ':')); part = colon + 1)
		value = (value + strtod(part, NULL)) * 60;
	value += strtod(part, NULL);
	return *text == '-' ? -value : value;
}

static bool resolve_real(struct node *n, const char *text, struct err *err)
{
	double value = real_value(text);

	if (isinf(value) && !is_yaml_infinite(text))
		return err_set(err, "a number that is too large");
	n->kind = NODE_REAL;
	n->real = value;
	return true;
}

static bool resolve_integer(struct node *n, const char *text, int base, struct err *err)
{
	int64_t value;

	/* "0x_" fits the pattern and has no digit; PyYAML crashes on it. */
	if ((base == 2 || base == 16) && has_only(skip_sign(text) + 2, "_"))
		return err_set(err, "a number without digits");
	if (!integer_value(text, base, &value))
		return err_set(err, "an integer past 64 bits");
	n->kind = NODE_INT;
	n->integer = value;
	return true;
}

bool scalar_is_only_text(const char *text)
{
	enum { LONGEST_WORD = 5 };	/* "false" */

	switch (*text) {
	case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
	case '+': case '-': case '.':
		return false;
	case '\0': case '~': case 'f': case 'F': case 'n': case 'N': case 'o': case 'O': case 't': case 'T': case 'y': case 'Y':
		return strnlen(text, LONGEST_WORD + 1) > LONGEST_WORD;
	default:
		return true;
	}
}

bool scalar_resolve(struct node *n, const char *text, struct err *err)
{
	if (scalar_is_only_text(text)) {
		n->kind = NODE_TEXT;
		n->text = text;
		return true;
	}
	int base = integer_base(text);
	if (is_yaml_real(text)) {
		if (!resolve_real(n, text, err))
			return false;
	} else if (base) {
		if (!resolve_integer(n, text, base, err))
			return false;
	} else if (is_yaml_null(text)) {
		n->kind = NODE_NULL;
	} else if (is_yaml_true(text) || is_yaml_false(text)) {
		n->kind = NODE_BOOL;
		n->boolean = is_yaml_true(text);
	} else {
		n->kind = NODE_TEXT;
	}
	n->text = text;
	return true;
}

/* A decimal number of YAML 1.2's core schema, whole or not. */
static bool is_number12(const char *text)
{
	const char *p = skip_sign(text);
	size_t whole = strspn(p, DIGITS), fraction = 0;

	if (is_yaml_infinite(text) || is_yaml_nan(text))
		return true;
	p += whole;
	if (*p == '.') {
		fraction = strspn(p + 1, DIGITS);
		p += 1 + fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (*p != 'e' && *p != 'E')
		return !*p;
	return has_only(skip_sign(p + 1), DIGITS);
}

bool scalar_resolve_real(struct node *n, const char *text)
{
	int base = integer_base(text);
	struct err ignored;

	n->text = text;
	return (is_yaml_real(text) || is_number12(text) || base == 8 || base == 10 || base == 60) &&
	       resolve_real(n, text, &ignored);
}

/* "0o17" and "0x1F" take no sign in YAML 1.2. */
static bool has_prefix12(const char *text)
{
	return (strncmp(text, "0o", 2) == 0 && has_only(text + 2, "01234567")) ||
	       (strncmp(text, "0x", 2) == 0 && has_only(text + 2, DIGITS "abcdefABCDEF"));
}

static bool is_bool12(const char *text)
{
	static const char *const words[] = {
		"true", "True", "TRUE", "false", "False", "FALSE", NULL
	};
	return is_one_of_words(text, words);
}

static bool same_number12(const struct node *n, const char *text)
{
	if (n->kind == NODE_REAL)
		return true;	/* what is a real in 1.1 without "_" and ":" is the same one in 1.2 */
	/* Decimal in both, unless a zero in front made it octal. */
	const char *p = skip_sign(text);
	return n->kind == NODE_INT && (p[0] != '0' || has_only(p, "0") || (!p[2] && p[1] < '8'));
}

const char *scalar_in_yaml12(const struct node *n)
{
	const char *text = n->text;

	if (scalar_is_only_text(text))
		return NULL;
	if (has_prefix12(text))
		return n->kind == NODE_INT ? NULL : "a number";
	if (is_number12(text))
		return same_number12(n, text) ? NULL : "a decimal number";
	if (n->kind == NODE_NULL || n->kind == NODE_TEXT || (n->kind == NODE_BOOL && is_bool12(text)))
		return NULL;
	return "text";
}

/* A date is text to us, but the service's own tool fails on a plain one. */
static bool looks_like_date(const char *text)
{
	return strspn(text, DIGITS) == 4 && text[4] == '-' && isdigit((unsigned char)text[5]);
}

/* True if YAML would read text as something else than a plain scalar. */
static bool has_marks(const char *text)
{
	size_t len = strlen(text);

	if (strchr(",[]{}#&*!|>'\"%@`?: ", text[0]))
		return true;
	if (text[0] == '-' && (!text[1] || text[1] == ' ' || text[1] == '-'))
		return true;
	return strstr(text, ": ") || strstr(text, " #") || strncmp(text, "...", 3) == 0 ||
	       text[len - 1] == ' ' || text[len - 1] == ':';
}

/* Joiners and variation selectors are parts of everyday text: of words in some scripts, and of emoji. */
static bool is_part_of_text(uint32_t code)
{
	return code == 0x200c || code == 0x200d || (code >= 0xfe00 && code <= 0xfe0f);
}

size_t scalar_odd_character(const char *text)
{
	uint32_t code = 0;

	/* Nearly all characters are of this kind. */
	if (*text >= ' ' && *text <= '~')
		return 0;
	size_t len = *text ? utf8_read(text, SIZE_MAX, &code) : 0;
	bool is_none = code == 0xfffe || code == 0xffff;

	return is_none || (printable_is_hidden(code) && !is_part_of_text(code)) ? len : 0;
}

static bool has_odd_characters(const char *text)
{
	for (; *text; text++)
		if (scalar_odd_character(text))
			return true;
	return false;
}

bool scalar_needs_quotes(const char *text)
{
	struct node n = { 0 };
	struct err err;

	if (!scalar_resolve(&n, text, &err) || n.kind != NODE_TEXT)
		return true;
	return is_number12(text) || has_prefix12(text) || strcmp(text, "=") == 0 ||
	       strcmp(text, "<<") == 0 || looks_like_date(text) || has_marks(text) ||
	       has_odd_characters(text);
}
