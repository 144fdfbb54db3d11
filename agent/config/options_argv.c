#include "agent/config/options.h"

#include <string.h>

#include "reconcile/base/suggest.h"

static const struct option *argv_find_option(const char *name, size_t len)
{
	for (const struct option *o = option_table; o->name; o++)
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

static const struct option *argv_find_letter(char letter)
{
	for (const struct option *o = option_table; o->name; o++)
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

/* What users of other tools type, and what it is here. */
static const struct { const char *name, *hint; } foreign_options[] = {
	{ "dry-run", "flowsync plan shows what a sync would do" },
	{ "check", "flowsync plan shows what a sync would do" },
	{ "yes", "a sync asks nothing; guards are passed with --allow-empty, --allow-rollback and --allow-recreate" },
	{ "auto-approve", "a sync asks nothing; guards are passed with --allow-empty, --allow-rollback and "
	                  "--allow-recreate" },
	{ "port", "did you mean \"--listen\"?" },
	{ "host", "did you mean \"--listen\"?" },
	{ "url", "did you mean \"--endpoint\"?" },
	{ "var", "did you mean \"--set\"?" },
	{ "var-file", "did you mean \"--vars\"?" },
	{ "target", "did you mean \"--only\"?" },
	{ "json", "did you mean \"--output json\"?" },
	{ "watch", "flowsync agent keeps a service as declared" },
	/* letters */
	{ "f", "did you mean \"--follow\"?" },
	{ "n", "did you mean \"--name\"?" },
	{ "p", "did you mean \"--listen\"?" },
	{ "w", "did you mean \"--wait\"?" },
};

/* NULL: it is not known from another tool. */
static const char *argv_find_hint(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(foreign_options); i++)
		if (strcmp(foreign_options[i].name, name) == 0)
			return foreign_options[i].hint;
	return NULL;
}

static void argv_unknown_option(const char *name, struct diagnostics *f)
{
	struct suggestion near = { .word = name };
	const char *hint = strlen(name) > 1 ? argv_find_hint(name) : NULL;

	if (strcmp(name, "token") == 0) {
		diagnostics_add(f, (struct pos){ 0 },
		          "--token: a token never stands on a command line, where others can "
		          "read it; put it in a file and give --token-file, or set FLOWSYNC_TOKEN");
		return;
	}
	if (hint) {
		diagnostics_add(f, (struct pos){ 0 }, "unknown option \"--%s\"; %s", name, hint);
		return;
	}
	suggest_offer(&near, "help");
	suggest_offer(&near, "version");
	for (const struct option *o = option_table; o->name; o++)
		suggest_offer(&near, o->name);
	if (near.best)
		diagnostics_add(f, (struct pos){ 0 }, "unknown option \"--%s\"; did you mean \"--%s\"?",
		          name, near.best);
	else
		diagnostics_add(f, (struct pos){ 0 }, "unknown option \"--%s\"", name);
}

static void argv_add_option(struct arena *a, struct command_line *line, const struct option *o,
                            const char *value, struct diagnostics *f)
{
	if (!value && o->type != OPTION_FLAG) {
		diagnostics_add(f, (struct pos){ 0 }, "--%s: expected %s, found nothing", o->name,
		          option_argument(a, o));
		return;
	}
	arena_grow(a, line->given, line->given_count, line->given_room);
	line->given[line->given_count++] = (struct given){ o->name, value };
}

/* arg is what follows the two dashes, next the argument after it.  True if next was its value.
 * What follows an unknown name is not repeated: it may be a token. */
static bool argv_scan_long(struct arena *a, const char *arg, const char *next,
                           struct command_line *line, struct diagnostics *f)
{
	size_t len = strcspn(arg, "=");
	const char *value = arg[len] ? arg + len + 1 : NULL;
	const struct option *o = argv_find_option(arg, len);
	const char *name = arena_strndup(a, arg, len);

	if (strcmp(name, "help") == 0 || strcmp(name, "version") == 0) {
		*(*name == 'h' ? &line->help : &line->version) = true;
		return false;
	}
	if (!o) {
		argv_unknown_option(name, f);
		return strcmp(name, "token") == 0 && !value;
	}
	if (o->type == OPTION_FLAG && value) {
		diagnostics_add(f, (struct pos){ 0 }, "--%s takes no value", o->name);
		return false;
	}
	bool takes_next = o->type != OPTION_FLAG && !value && next;
	argv_add_option(a, line, o, takes_next ? next : value, f);
	return takes_next;
}

/* True if arg, which follows one dash, is the long name of an option, as other tools have them. */
static bool argv_is_long_name(const char *arg)
{
	size_t len = strcspn(arg, "=");

	return len > 1 && (argv_find_option(arg, len) || strcmp(arg, "help") == 0 || strcmp(arg, "version") == 0);
}

/* The same for letters behind one dash: flags, then perhaps one that takes the rest or next as
 * its value. */
static bool argv_scan_letters(struct arena *a, const char *arg, const char *next,
                              struct command_line *line, struct diagnostics *f)
{
	if (argv_is_long_name(arg)) {
		int len = (int)strcspn(arg, "=");
		diagnostics_add(f, (struct pos){ 0 }, "unknown option \"-%.*s\"; did you mean \"--%.*s\"?", len, arg,
		                len, arg);
		return false;
	}
	for (; *arg; arg++) {
		const struct option *o = argv_find_letter(*arg);
		if (*arg == 'h') {
			line->help = true;
		} else if (!o) {
			const char *hint = argv_find_hint((const char[]){ *arg, '\0' });
			diagnostics_add(f, (struct pos){ 0 }, "unknown option \"-%c\"%s%s", *arg, hint ? "; " : "",
			                hint ? hint : "");
			return false;
		} else if (o->type == OPTION_FLAG) {
			argv_add_option(a, line, o, NULL, f);
		} else {
			argv_add_option(a, line, o, arg[1] ? arg + 1 : next, f);
			return !arg[1] && next;
		}
	}
	return false;
}

void options_scan(struct arena *a, int argc, char **argv, struct command_line *out,
                  struct diagnostics *f)
{
	bool only_words = false;

	*out = (struct command_line){ 0 };
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		if (only_words || *arg != '-' || !arg[1]) {
			arena_grow(a, out->words, out->word_count, out->word_room);
			out->words[out->word_count++] = arg;
		} else if (strcmp(arg, "--") == 0) {
			only_words = true;
		} else if (arg[1] == '-') {
			i += argv_scan_long(a, arg + 2, next, out, f);
		} else {
			i += argv_scan_letters(a, arg + 1, next, out, f);
		}
	}
}

static const struct option *argv_find_option_of_groups(const char *name, unsigned groups)
{
	for (const struct option *o = option_table; o->name; o++)
		if ((o->groups & groups) && strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

void options_from_argv(struct arena *a, unsigned groups, const char *command,
                       const struct command_line *line, struct settings *s, struct diagnostics *f)
{
	for (const struct given *g = line->given; g < line->given + line->given_count; g++) {
		const struct option *o = argv_find_option_of_groups(g->name, groups | FOR_ALL);
		struct origin from = { ORIGIN_OPTION, arena_printf(a, "--%s", g->name), { 0 } };
		if (o)
			option_set(a, o, g->value ? g->value : "yes", &from, s, f);
		else
			diagnostics_add(f, (struct pos){ 0 }, "\"%s\" takes no option --%s", command, g->name);
	}
}
