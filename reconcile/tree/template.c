#include "reconcile/tree/template.h"

#include <ctype.h>
#include <string.h>

#include "reconcile/base/suggest.h"

/* Errors after this many get no suggestion: finding one takes time. */
enum { MAX_SUGGESTIONS = 100 };

struct filler {
	const struct vars *vars;
	const char *at, *end;	/* the rest of the text */
	struct pos pos;		/* of at */
	struct buf *out;
	struct diagnostics *faults;
};

/* A word of the text. */
struct template_word { const char *start; size_t len; };

static bool word_is(struct template_word word, const char *text)
{
	return strlen(text) == word.len && memcmp(text, word.start, word.len) == 0;
}

static void skip_text(struct filler *f, const char *to)
{
	for (; f->at < to; f->at++) {
		if (*f->at == '\n') {
			f->pos.line++;
			f->pos.col = 1;
		} else if (((unsigned char)*f->at & 0xc0) != 0x80) {
			f->pos.col++;
		}
	}
}

static void copy_text(struct filler *f, const char *to)
{
	buf_add(f->out, f->at, to - f->at);
	skip_text(f, to);
}

static struct template_word trim_word(const char *start, const char *end)
{
	while (start < end && (*start == ' ' || *start == '\t'))
		start++;
	while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct template_word){ start, end - start };
}

static bool is_variable_name(struct template_word word)
{
	for (size_t i = 0; i < word.len; i++)
		if (word.start[i] != '_' && !isalpha((unsigned char)word.start[i]) &&
		    (i == 0 || !isdigit((unsigned char)word.start[i])))
			return false;
	return word.len > 0;
}

/* The NAME of os_env.NAME, os_env['NAME'] and os_env["NAME"]; empty for any other word. */
static struct template_word env_name(struct template_word word)
{
	const struct template_word none = { word.start, 0 };
	const char prefix[] = "os_env";
	size_t len = sizeof prefix - 1;

	if (word.len <= len || memcmp(word.start, prefix, len) != 0)
		return none;
	struct template_word rest = { word.start + len, word.len - len };
	const char *last = rest.start + rest.len - 1;
	if (*rest.start == '.')
		rest = (struct template_word){ rest.start + 1, rest.len - 1 };
	else if (rest.len > 4 && *rest.start == '[' && *last == ']' && last[-1] == rest.start[1] &&
	         (last[-1] == '\'' || last[-1] == '"'))
		rest = (struct template_word){ rest.start + 2, rest.len - 4 };
	else
		return none;
	return is_variable_name(rest) ? rest : none;
}

/* The value of the last variable of that name; NULL: not found. */
static const char *find_value(struct template_word name, const struct var *vars, size_t count)
{
	while (count-- > 0)
		if (word_is(name, vars[count].name))
			return vars[count].value;
	return NULL;
}

static bool passes_through(const struct filler *f, struct template_word word)
{
	for (size_t i = 0; i < f->vars->passthrough_count; i++)
		if (word_is(word, f->vars->passthrough[i]))
			return true;
	return false;
}

/* Offers the names of vars, unless there have been many faults. */
static void suggest_variables(struct filler *f, struct suggestion *near, const struct var *vars, size_t count)
{
	for (size_t i = 0; f->faults->errors < MAX_SUGGESTIONS && i < count; i++)
		suggest_offer(near, vars[i].name);
}

static void report_unknown_name(struct filler *f, struct template_word name)
{
	struct suggestion near = { .word = arena_strndup(f->faults->arena, name.start, name.len) };

	suggest_variables(f, &near, f->vars->items, f->vars->count);
	if (near.best)
		diagnostics_add(f->faults, f->pos, "unknown variable \"%s\", did you mean \"%s\"?",
		          near.word, near.best);
	else
		diagnostics_add(f->faults, f->pos, "unknown variable \"%s\": give it with --set or --vars, "
		          "or list it under vars_passthrough if the service should get it as it is", near.word);
}

static void report_unknown_env(struct filler *f, struct template_word name)
{
	struct suggestion near = { .word = arena_strndup(f->faults->arena, name.start, name.len) };

	suggest_variables(f, &near, f->vars->env, f->vars->env_count);
	diagnostics_add(f->faults, f->pos, "the environment has no variable \"%s\"%s%s%s", near.word,
	          near.best ? ", did you mean \"" : "", near.best ? near.best : "",
	          near.best ? "\"?" : "");
}

/* The braces from f->at to end, with expression between them. */
static void fill_expression(struct filler *f, struct template_word expression, const char *end)
{
	struct template_word in_env = env_name(expression);
	const char *value = NULL;

	if (passes_through(f, expression)) {
		copy_text(f, end);
		return;
	}
	if (is_variable_name(expression)) {
		value = find_value(expression, f->vars->items, f->vars->count);
		if (!value)
			report_unknown_name(f, expression);
	} else if (in_env.len) {
		value = find_value(in_env, f->vars->env, f->vars->env_count);
		if (!value)
			report_unknown_env(f, in_env);
	} else {
		diagnostics_add(f->faults, f->pos, "found \"%.*s\": expected the name of a variable between the braces",
		          (int)(end - f->at), f->at);
	}
	if (value)
		buf_adds(f->out, value);
	skip_text(f, end);
}

static void fill_next_braces(struct filler *f)
{
	const char *newline = memchr(f->at, '\n', f->end - f->at);
	const char *line_end = newline ? newline : f->end, *inside = f->at + 2;
	const char *close = memmem(inside, line_end - inside, "}}", 2);

	if (close) {
		fill_expression(f, trim_word(inside, close), close + 2);
		return;
	}
	diagnostics_add(f->faults, f->pos, "found \"{{\" without \"}}\" in the same line");
	skip_text(f, line_end);	/* one error for each line */
}

/* At a "{" that is not the last byte. */
static void fill_next_mark(struct filler *f)
{
	if (f->at[1] == '{') {
		fill_next_braces(f);
	} else if (f->at[1] == '%' || f->at[1] == '#') {
		diagnostics_add(f->faults, f->pos, "found \"{%c\": only \"{{ name }}\" is supported, "
		          "no other template syntax", f->at[1]);
		skip_text(f, f->at + 2);
	} else {
		copy_text(f, f->at + 1);
	}
}

bool template_fill(const struct vars *vars, const char *file, const char *text, size_t len,
                   struct buf *out, struct diagnostics *faults)
{
	struct filler f = {
		.vars = vars, .at = text, .end = text + len, .pos = { file, 1, 1 },
		.out = out, .faults = faults,
	};
	size_t errors = faults->errors;

	if (vars->count == 0 && vars->passthrough_count == 0) {
		copy_text(&f, f.end);
	} else {
		for (const char *brace; (brace = memchr(f.at, '{', f.end - f.at)) && brace + 1 < f.end; ) {
			copy_text(&f, brace);
			fill_next_mark(&f);
		}
		copy_text(&f, f.end);
	}
	return faults->errors == errors;
}
