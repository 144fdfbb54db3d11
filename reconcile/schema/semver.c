#include "reconcile/schema/semver.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 15 };	/* of one number */

/* Texts are parts of the parsed text, without a NUL at their end. */
struct version {
	uint64_t number[3];
	int given;		/* how many numbers were written; 3: a whole version */
	const char *pre;	/* what follows the dash */
	size_t pre_len;		/* 0: no pre-release */
};

enum relation { BELOW, AT_MOST, EQUAL, AT_LEAST, ABOVE };

struct limit {
	enum relation relation;
	struct version version;
};

/* All limits of a part hold; one part is enough. */
struct part {
	struct limit *limits;
	size_t count, room;
};

struct semver_range {
	struct part *parts;
	size_t count, room;
};

/* ---- versions ---- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '-';
}

static bool is_wildcard(char c)
{
	return c == 'x' || c == 'X' || c == '*';
}

static bool read_version_number(const char **p, uint64_t *out)
{
	size_t len = strspn(*p, "0123456789");

	if (len == 0 || len > DIGITS_MAX || (len > 1 && **p == '0'))
		return false;
	*out = strtoull(*p, NULL, 10);
	*p += len;
	return true;
}

/* Words with dots between them.  "Numeric identifiers MUST NOT include leading zeroes" holds for
 * pre-releases only. */
static bool read_identifiers(const char **p, bool numbers, const char **out, size_t *len)
{
	const char *start = *p;

	for (;;) {
		const char *word = *p;
		while (is_word(**p))
			++*p;
		size_t word_len = (size_t)(*p - word);
		if (word_len == 0 || (numbers && word_len > 1 && *word == '0' &&
		                      strspn(word, "0123456789") >= word_len))
			return false;
		if (**p != '.')
			break;
		++*p;
	}
	*out = start;
	*len = (size_t)(*p - start);
	return true;
}

/* Numbers up to the first wildcard or the end; after a wildcard only wildcards may follow. */
static bool read_version_numbers(const char **p, struct version *v)
{
	bool wild = false;

	for (int i = 0; i < 3; i++) {
		if (is_wildcard(**p)) {
			wild = true;
			++*p;
		} else if (wild || !read_version_number(p, &v->number[i])) {
			return false;
		} else {
			v->given++;
		}
		if (i == 2 || **p != '.')
			return true;
		++*p;
	}
	return true;
}

/* Reads a version at *p that may be incomplete, such as 1.2 or 1.x. */
static bool read_partial_version(const char **p, struct version *out)
{
	struct version v = { .pre = "" };
	const char *build;
	size_t build_len;

	*p += **p == 'v';
	if (!read_version_numbers(p, &v))
		return false;
	if (v.given == 3 && **p == '-') {
		++*p;
		if (!read_identifiers(p, true, &v.pre, &v.pre_len))
			return false;
	}
	if (v.given == 3 && **p == '+') {
		++*p;
		if (!read_identifiers(p, false, &build, &build_len))
			return false;
	}
	*out = v;
	return true;
}

static bool read_whole_version(const char *name, struct version *out)
{
	return read_partial_version(&name, out) && out->given == 3 && !*name;
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order ? order : a_len < b_len ? -1 : a_len > b_len;
}

/* "Identifiers consisting of only digits are compared numerically", and come before words. */
static int compare_identifiers(const char *a, size_t a_len, const char *b, size_t b_len)
{
	bool a_number = strspn(a, "0123456789") >= a_len, b_number = strspn(b, "0123456789") >= b_len;

	if (a_number != b_number)
		return a_number ? -1 : 1;
	/* Without leading zeros the longer number is the greater. */
	if (a_number && a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return compare_bytes(a, a_len, b, b_len);
}

static size_t identifier_length(const char *text, size_t len)
{
	const char *dot = memchr(text, '.', len);

	return dot ? (size_t)(dot - text) : len;
}

/* "A larger set of pre-release fields has a higher precedence", if all before are equal. */
static int compare_prerelease(const struct version *a, const struct version *b)
{
	const char *p = a->pre, *q = b->pre;
	size_t p_len = a->pre_len, q_len = b->pre_len;

	if (!p_len || !q_len)
		return p_len ? -1 : q_len ? 1 : 0;
	while (p_len && q_len) {
		size_t m = identifier_length(p, p_len), n = identifier_length(q, q_len);
		int order = compare_identifiers(p, m, q, n);
		if (order)
			return order;
		m += m < p_len;
		n += n < q_len;
		p += m;
		q += n;
		p_len -= m;
		q_len -= n;
	}
	return p_len ? 1 : q_len ? -1 : 0;
}

static bool have_equal_numbers(const struct version *a, const struct version *b)
{
	return memcmp(a->number, b->number, sizeof a->number) == 0;
}

static int compare_versions(const struct version *a, const struct version *b)
{
	for (int i = 0; i < 3; i++)
		if (a->number[i] != b->number[i])
			return a->number[i] < b->number[i] ? -1 : 1;
	return compare_prerelease(a, b);
}

/* ---- ranges ---- */

static void add_limit(struct arena *a, struct part *part, enum relation relation, struct version v)
{
	arena_grow(a, part->limits, part->count, part->room);
	part->limits[part->count++] = (struct limit){ relation, v };
}

/* The lowest version, pre-releases included, in which number `at` is higher than in v. */
static struct version first_version_after(const struct version *v, int at)
{
	struct version next = { .given = 3, .pre = "0", .pre_len = 1 };

	memcpy(next.number, v->number, (size_t)at * sizeof *next.number);
	next.number[at] = v->number[at] + 1;
	return next;
}

static void add_impossible(struct arena *a, struct part *part)
{
	add_limit(a, part, BELOW, (struct version){ .given = 3, .pre = "0", .pre_len = 1 });
}

/* Up to v and all that it covers. */
static void add_most(struct arena *a, struct part *part, const struct version *v)
{
	if (v->given == 3)
		add_limit(a, part, AT_MOST, *v);
	else if (v->given > 0)
		add_limit(a, part, BELOW, first_version_after(v, v->given - 1));
}

/* ^: what keeps the first number that is not 0. */
static void add_caret(struct arena *a, struct part *part, const struct version *v)
{
	int at = 0;

	add_limit(a, part, AT_LEAST, *v);
	if (v->given == 0)
		return;
	while (at < v->given - 1 && v->number[at] == 0)
		at++;
	add_limit(a, part, BELOW, first_version_after(v, at));
}

static void add_tilde(struct arena *a, struct part *part, const struct version *v)
{
	add_limit(a, part, AT_LEAST, *v);
	if (v->given > 0)
		add_limit(a, part, BELOW, first_version_after(v, v->given > 1));
}

static void add_above(struct arena *a, struct part *part, const struct version *v)
{
	if (v->given == 3) {
		add_limit(a, part, ABOVE, *v);
	} else if (v->given > 0) {
		struct version next = first_version_after(v, v->given - 1);
		next.pre_len = 0;
		add_limit(a, part, AT_LEAST, next);
	} else {
		add_impossible(a, part);
	}
}

static void add_below(struct arena *a, struct part *part, const struct version *v)
{
	struct version most = *v;

	if (v->given == 0) {
		add_impossible(a, part);
		return;
	}
	if (v->given < 3) {
		most.pre = "0";
		most.pre_len = 1;
	}
	add_limit(a, part, BELOW, most);
}

static void add_plain(struct arena *a, struct part *part, const struct version *v)
{
	if (v->given == 3) {
		add_limit(a, part, EQUAL, *v);
		return;
	}
	add_limit(a, part, AT_LEAST, *v);
	add_most(a, part, v);
}

static void add_least(struct arena *a, struct part *part, const struct version *v)
{
	add_limit(a, part, AT_LEAST, *v);
}

static const struct {
	const char *sign;
	void (*add)(struct arena *a, struct part *part, const struct version *v);
} signs[] = {	/* the longer ones first */
	{ "~>", add_tilde }, { ">=", add_least }, { "<=", add_most }, { "^", add_caret },
	{ "~", add_tilde }, { ">", add_above }, { "<", add_below }, { "=", add_plain }, { "", add_plain },
};

static void skip_space(const char **p)
{
	*p += strspn(*p, " \t");
}

static bool ends_limit(char c)
{
	return !c || c == ' ' || c == '\t' || c == '|';
}

static bool read_range_version(const char **p, const char *text, struct version *out, struct err *err)
{
	const char *start = *p;

	if (read_partial_version(p, out) && ends_limit(**p))
		return true;
	size_t len = strcspn(start, " \t|");
	return err_usage(err, "\"%s\" is not a range of versions, such as 1.x, ^1.2 or \">=1.2 <2\": expected a version, "
	                 "found %s%.*s%s", text, len ? "\"" : "", len ? (int)len : 7, len ? start : "nothing",
	                 len ? "\"" : "");
}

/* A hyphen between two spaces. */
static bool is_hyphen(const char *p)
{
	return (*p == ' ' || *p == '\t') && (skip_space(&p), *p == '-') && (p[1] == ' ' || p[1] == '\t');
}

static bool read_range_limit(struct arena *a, const char **p, const char *text, struct part *part,
                       struct err *err)
{
	struct version v, most;
	size_t i = 0;

	while (strncmp(*p, signs[i].sign, strlen(signs[i].sign)) != 0)
		i++;
	*p += strlen(signs[i].sign);
	skip_space(p);
	if (!read_range_version(p, text, &v, err))
		return false;
	if (*signs[i].sign || !is_hyphen(*p)) {
		signs[i].add(a, part, &v);
		return true;
	}
	*p = strchr(*p, '-') + 1;
	skip_space(p);
	if (!read_range_version(p, text, &most, err))
		return false;
	add_limit(a, part, AT_LEAST, v);
	add_most(a, part, &most);
	return true;
}

static bool read_range_part(struct arena *a, const char **p, const char *text, struct part *part,
                      struct err *err)
{
	for (skip_space(p); **p && strncmp(*p, "||", 2) != 0; skip_space(p))
		if (!read_range_limit(a, p, text, part, err))
			return false;
	return true;
}

bool semver_read(struct arena *a, const char *text, const struct semver_range **out, struct err *err)
{
	struct semver_range *range = arena_new(a, struct semver_range, 1);
	const char *p = arena_strdup(a, text);

	/* In npm an empty range allows every version; here it is more likely a variable that is not set. */
	if (!text[strspn(text, " \t")])
		return err_usage(err, "an empty range of versions; expected one such as 1.x, ^1.2 or \">=1.2 <2\"");
	for (;;) {
		arena_grow(a, range->parts, range->count, range->room);
		struct part *part = &range->parts[range->count++];
		*part = (struct part){ 0 };
		if (!read_range_part(a, &p, text, part, err))
			return false;
		if (!*p)
			break;
		p += 2;
	}
	*out = range;
	return true;
}

/* ---- choosing ---- */

static bool limit_holds(const struct limit *l, const struct version *v)
{
	int order = compare_versions(v, &l->version);

	switch (l->relation) {
	case BELOW:	return order < 0;
	case AT_MOST:	return order <= 0;
	case EQUAL:	return order == 0;
	case AT_LEAST:	return order >= 0;
	case ABOVE:	return order > 0;
	}
	return false;
}

static bool part_holds(const struct part *part, const struct version *v)
{
	bool named = v->pre_len == 0;

	for (size_t i = 0; i < part->count; i++) {
		const struct limit *l = &part->limits[i];
		if (!limit_holds(l, v))
			return false;
		named |= l->version.pre_len > 0 && have_equal_numbers(&l->version, v);
	}
	return named;
}

static bool range_holds(const struct semver_range *range, const struct version *v)
{
	for (size_t i = 0; i < range->count; i++)
		if (part_holds(&range->parts[i], v))
			return true;
	return false;
}

bool semver_fits(const struct semver_range *range, const char *name)
{
	struct version v;

	return read_whole_version(name, &v) && range_holds(range, &v);
}

const char *semver_highest(const struct semver_range *range, const char *const *names, size_t count)
{
	const char *best = NULL;
	struct version v, highest = { 0 };

	for (size_t i = 0; i < count; i++) {
		if (!read_whole_version(names[i], &v) || !range_holds(range, &v))
			continue;
		int order = best ? compare_versions(&v, &highest) : 1;
		if (order < 0 || (order == 0 && strcmp(names[i], best) < 0))
			continue;
		best = names[i];
		highest = v;
	}
	return best;
}
