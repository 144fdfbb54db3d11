#include "agent/source/ignore_rules.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/base/text_check.h"

/* A pattern is a row of parts, and matching walks all ways through them side by side: a pattern
 * of many stars costs its length times the path's, where trying one way after the other could
 * take for ever. */
enum ignore_part_kind {
	PART_BYTE,
	PART_ANY,	/* ? */
	PART_SET,	/* [...] */
	PART_STAR,	/* *: any bytes but a slash */
	PART_ALL,	/* ** at the end: any bytes */
	PART_FOLDERS,	/* ** and its slash: nothing, or what PART_INSIDE takes; always followed by that */
	PART_INSIDE,	/* any bytes up to a slash */
};

struct ignore_part {
	enum ignore_part_kind kind;
	unsigned char byte;
	const bool *set;	/* 256 of them */
};

struct ignore_rule {
	bool keep;		/* written with !: what it matches is not left out */
	bool folders_only;	/* a slash at its end */
	bool by_name;		/* no other slash: it is held against the last name of a path */
	struct ignore_part *parts;
	size_t count;
	bool *now, *next;	/* places in parts, count + 1 of them, for matching */
};

struct ignore_rules {
	const struct ignore_rules *outer;
	size_t cut;		/* what to leave off a path to have it from this folder on */
	struct ignore_rule *rules;
	size_t count, room;
};

static bool in_class(const char *name, size_t len, int c, bool *known)
{
	static const struct { const char *name; int (*is)(int); } classes[] = {
		{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank }, { "cntrl", iscntrl },
		{ "digit", isdigit }, { "graph", isgraph }, { "lower", islower }, { "print", isprint },
		{ "punct", ispunct }, { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
	};
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (strlen(classes[i].name) == len && memcmp(classes[i].name, name, len) == 0) {
			*known = true;
			return classes[i].is(c);
		}
	}
	*known = false;
	return false;
}

/* p stands behind "[:".  Adds the class to set and returns its "]"; NULL for an unknown class; p itself if this is no
 * class after all. */
static const char *read_class(const char *p, bool *set)
{
	const char *end = strchr(p, ']');
	bool known = true;

	if (!end)
		return NULL;
	if (end == p || end[-1] != ':')
		return p;
	for (int c = 0; c < 256 && known; c++)
		if (in_class(p, end - 1 - p, c, &known))
			set[c] = true;
	return known ? end : NULL;
}

static void add_range(bool *set, unsigned char from, unsigned char to)
{
	for (int c = from; c <= to; c++)
		set[c] = true;
}

/* p stands behind "[".  Fills set and returns the place behind "]"; NULL if the set is invalid. */
static const char *read_set(const char *p, bool *set)
{
	bool negated = *p == '!' || *p == '^';
	unsigned char before = 0;	/* what a range may begin with */

	p += negated;
	for (bool first = true; first || *p != ']'; first = false, p++) {
		const char *end = p;
		if (*p == '-' && before && p[1] && p[1] != ']') {
			p += p[1] == '\\' ? 2 : 1;
			add_range(set, before, *p);
			before = 0;
		} else if (*p == '[' && p[1] == ':' && (end = read_class(p + 2, set)) != p + 2) {
			if (!end)
				return NULL;
			p = end;
			before = 0;
		} else {
			p += *p == '\\';
			before = *p;
			set[before] = true;
		}
		if (!*p)
			return NULL;
	}
	for (int c = 0; negated && c < 256; c++)
		set[c] = !set[c];
	set['/'] = false;
	return p + 1;
}

/* Two stars or more stand for folders only where a slash or an end is on both sides; elsewhere
 * they are one star. */
static const char *read_stars(const char *pattern, const char *p, struct ignore_rule *r)
{
	const char *end = p + strspn(p, "*");
	bool left = p == pattern || p[-1] == '/';

	if (end - p > 1 && left && *end == '/') {
		r->parts[r->count++].kind = PART_FOLDERS;
		r->parts[r->count++].kind = PART_INSIDE;
		return end + 1;
	}
	r->parts[r->count++].kind = end - p > 1 && left && !*end ? PART_ALL : PART_STAR;
	return end;
}

/* False for a pattern that cannot match anything: a set without end, a backslash at its end. */
static bool read_parts(struct arena *a, const char *pattern, struct ignore_rule *r)
{
	for (const char *p = pattern; *p; ) {
		struct ignore_part *part = &r->parts[r->count];
		if (*p == '*') {
			p = read_stars(pattern, p, r);
			continue;
		}
		if (*p == '[') {
			bool *set = arena_new(a, bool, 256);
			*part = (struct ignore_part){ PART_SET, 0, set };
			p = read_set(p + 1, set);
			if (!p)
				return false;
		} else if (*p == '?') {
			part->kind = PART_ANY;
			p++;
		} else {
			p += *p == '\\';
			if (!*p)
				return false;
			*part = (struct ignore_part){ PART_BYTE, (unsigned char)*p++, NULL };
		}
		r->count++;
	}
	return true;
}

/* Spaces at the end do not count unless a backslash stands before them. */
static void cut_spaces(char *line)
{
	char *end = line;

	for (char *p = line; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == ' ')
			continue;
		end = p + 1;
	}
	*end = '\0';
}

static void add_rule(struct arena *a, struct ignore_rules *ig, char *line)
{
	struct ignore_rule r = { 0 };

	cut_spaces(line);
	if (*line == '!') {
		r.keep = true;
		line++;
	}
	size_t len = strlen(line);
	if (len && line[len - 1] == '/') {
		r.folders_only = true;
		line[--len] = '\0';
	}
	r.by_name = !strchr(line, '/');
	line += *line == '/';
	/* "**" and its slash, three bytes, are two parts: never more parts than bytes. */
	r.parts = arena_new(a, struct ignore_part, len + 1);
	if (len == 0 || !read_parts(a, line, &r))
		return;
	r.now = arena_new(a, bool, r.count + 1);
	r.next = arena_new(a, bool, r.count + 1);
	arena_grow(a, ig->rules, ig->count, ig->room);
	ig->rules[ig->count++] = r;
}

const struct ignore_rules *ignore_rules_read(struct arena *a, const struct ignore_rules *outer, const char *folder,
                                             const char *text, size_t len, const char **why)
{
	size_t cut = strlen(folder);

	*why = text_check(text, len);
	if (!*why && memchr(text, '\0', len))
		*why = "this is not text: found a NUL character";
	if (*why)
		return NULL;
	struct ignore_rules *ig = arena_new(a, struct ignore_rules, 1);
	*ig = (struct ignore_rules){ .outer = outer, .cut = cut ? cut + 1 : 0 };
	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	for (char *rest = arena_strdup(a, text), *line; (line = strsep(&rest, "\n")); ) {
		size_t end = strlen(line);
		if (end && line[end - 1] == '\r')
			line[end - 1] = '\0';
		if (*line && *line != '#')
			add_rule(a, ig, line);
	}
	return ig;
}

/* Enters a place, and those behind it that take nothing to get to. */
static void enter_part(const struct ignore_rule *r, bool *places, size_t i)
{
	for (;;) {
		places[i] = true;
		if (i == r->count)
			return;
		if (r->parts[i].kind == PART_FOLDERS) {
			places[i + 1] = true;
			i += 2;
		} else if (r->parts[i].kind == PART_STAR || r->parts[i].kind == PART_ALL) {
			i++;
		} else {
			return;
		}
	}
}

/* Where the part at i leads with byte c. */
static void step_parts(const struct ignore_rule *r, size_t i, unsigned char c)
{
	const struct ignore_part *p = &r->parts[i];

	switch (p->kind) {
	case PART_BYTE:
		if (p->byte == c)
			enter_part(r, r->next, i + 1);
		break;
	case PART_ANY:
		if (c != '/')
			enter_part(r, r->next, i + 1);
		break;
	case PART_SET:
		if (p->set[c])
			enter_part(r, r->next, i + 1);
		break;
	case PART_STAR:
		if (c != '/')
			enter_part(r, r->next, i);
		break;
	case PART_ALL:
		enter_part(r, r->next, i);
		break;
	case PART_FOLDERS:
		break;
	case PART_INSIDE:
		r->next[i] = true;
		if (c == '/')
			enter_part(r, r->next, i + 1);
		break;
	}
}

static bool rule_matches(struct ignore_rule *r, const char *path, bool is_folder)
{
	const char *slash = strrchr(path, '/');

	if (r->folders_only && !is_folder)
		return false;
	if (r->by_name && slash)
		path = slash + 1;
	memset(r->now, 0, r->count + 1);
	enter_part(r, r->now, 0);
	for (; *path; path++) {
		memset(r->next, 0, r->count + 1);
		for (size_t i = 0; i < r->count; i++)
			if (r->now[i])
				step_parts(r, i, (unsigned char)*path);
		bool *swap = r->now;
		r->now = r->next;
		r->next = swap;
	}
	return r->now[r->count];
}

bool ignore_rules_match(const struct ignore_rules *ignore, const char *path, bool is_folder)
{
	for (; ignore; ignore = ignore->outer)
		for (size_t i = ignore->count; i-- > 0; )
			if (rule_matches(&ignore->rules[i], path + ignore->cut, is_folder))
				return !ignore->rules[i].keep;
	return false;
}
