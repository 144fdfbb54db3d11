#include "reconcile/tree/template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile/base/suggest.h"

/* Errors after this many get no suggestion: finding one takes time. */
enum { MAX_SUGGESTIONS = 100 };

/* A mark in the filled text is its index between two of these: a character for private use, which YAML takes anywhere. */
#define MARK		"\xf3\xb0\xbd\x90"
enum { MARK_LEN = sizeof MARK - 1 };

struct filler {
	const struct vars *vars;
	const char *at, *end;	/* the rest of the text */
	struct pos pos;		/* of at */
	struct template_text *out;
	struct diagnostics *faults;
	size_t literal;		/* where the last piece of literal text begins in out: blanks can be trimmed up to there */
	const char *line_end;	/* of the line of the last braces; NULL: none yet */
	bool unclosed[2];	/* no "%}", no "#}" follows: they are searched once */
	size_t blocks;		/* of a Go template that are open: {{range ...}} without its {{end}} */
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
	buf_add(&f->out->text, f->at, to - f->at);
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

/* The last variable of that name; NULL: not found. */
static const struct var *find_variable(struct template_word name, const struct var *vars, size_t count)
{
	while (count-- > 0)
		if (word_is(name, vars[count].name))
			return &vars[count];
	return NULL;
}

static bool passes_through(const struct filler *f, struct template_word word)
{
	for (size_t i = 0; i < f->vars->passthrough_count; i++)
		if (word_is(word, f->vars->passthrough[i]))
			return true;
	return false;
}

/* ---- what is not filled in ---- */

/* Marks the text up to end.  Text that YAML could misread or has to refuse (NUL) stays behind its mark; other text goes
 * with the mark, so that the mark is one plain word for YAML. */
static void add_mark(struct filler *f, const char *end, struct template_mark mark)
{
	struct template_text *t = f->out;
	size_t len = (size_t)(end - f->at);
	const char *word = arena_strndup(t->arena, f->at, len);
	bool stays = strcspn(word, "\"'\\\n") < len;

	mark.at = f->pos;
	mark.text = stays ? "" : word;
	buf_addf(&t->text, MARK "%zu" MARK, t->count);
	buf_add(&t->text, f->at, stays ? len : 0);
	arena_grow(t->arena, t->marks, t->count, t->room);
	t->marks[t->count++] = mark;
	skip_text(f, end);
}

/* How a person gets the text to the service as it is. */
static const char *passthrough_words(struct filler *f, struct template_word word)
{
	const char *quote = is_variable_name(word) ? "" : "'";

	return arena_printf(f->out->arena, "--passthrough %s%.*s%s (vars_passthrough:) if the service should get it as it is",
	                    quote, (int)word.len, word.start, quote);
}

/* Offers the names of vars, unless there have been many faults. */
static void suggest_variables(struct filler *f, struct suggestion *near, const struct var *vars, size_t count)
{
	for (size_t i = 0; f->out->count < MAX_SUGGESTIONS && i < count; i++)
		suggest_offer(near, vars[i].name);
}

static const char *unknown_name_words(struct filler *f, struct template_word name)
{
	struct arena *a = f->out->arena;
	struct suggestion near = { .word = arena_strndup(a, name.start, name.len) };

	suggest_variables(f, &near, f->vars->items, f->vars->count);
	if (near.best)
		return arena_printf(a, "unknown variable \"%s\", did you mean \"%s\"? Give it with --set or --vars, or %s",
		                    near.word, near.best, passthrough_words(f, name));
	return arena_printf(a, "unknown variable \"%s\": give it with --set or --vars, or %s", near.word,
	                    passthrough_words(f, name));
}

static const char *unknown_env_words(struct filler *f, struct template_word expression, struct template_word name)
{
	struct arena *a = f->out->arena;
	struct suggestion near = { .word = arena_strndup(a, name.start, name.len) };

	suggest_variables(f, &near, f->vars->env, f->vars->env_count);
	if (near.best)
		return arena_printf(a, "the environment has no variable \"%s\", did you mean \"%s\"? Set it, or %s",
		                    near.word, near.best, passthrough_words(f, expression));
	return arena_printf(a, "the environment has no variable \"%s\": set it, or %s", near.word,
	                    passthrough_words(f, expression));
}

/* Why the braces from f->at to end are not filled in. */
static const char *unfilled_words(struct filler *f, struct template_word expression, struct template_word in_env,
                                  const struct var *var, const char *end)
{
	struct arena *a = f->out->arena;

	if (var)
		return arena_printf(a, "the variable \"%s\" is %s, which cannot be filled in", var->name, var->instead);
	if (is_variable_name(expression))
		return unknown_name_words(f, expression);
	if (in_env.len)
		return unknown_env_words(f, expression, in_env);
	return arena_printf(a, "found \"%.*s\": expected the name of a variable between the braces, or %s",
	                    (int)(end - f->at), f->at, passthrough_words(f, expression));
}

/* ---- braces ---- */

/* A word of a Go template can begin with "." or "$", which no name of ours does. */
static bool is_go_action(struct template_word word)
{
	char quote = '\0', before = ' ';

	if (word.len > 1 && memcmp(word.start, "/*", 2) == 0)
		return true;
	for (size_t i = 0; i < word.len; before = word.start[i++]) {
		char c = word.start[i], next = i + 1 < word.len ? word.start[i + 1] : '\0';
		if (quote) {
			quote = c == quote ? '\0' : quote;
		} else if (strchr("\"'`", c)) {
			quote = c;
		} else if (strchr(" \t(", before) && (c == '$' || (c == '.' && !isdigit((unsigned char)next)))) {
			return true;
		}
	}
	return false;
}

static bool begins_go_block(struct template_word word)
{
	static const char *const words[] = { "range ", "if ", "with ", "block ", "define " };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (word.len > strlen(words[i]) && strncmp(word.start, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

/* True if the braces belong to a Go template, such as {{.Names}} of `docker ps --format`. */
static bool is_go_template(struct filler *f, struct template_word expression)
{
	struct template_word word = expression;

	if (word.len > 1 && *word.start == '-' && word.start[1] == ' ')
		word = trim_word(word.start + 1, word.start + word.len);
	if (word.len > 1 && word.start[word.len - 1] == '-' && word.start[word.len - 2] == ' ')
		word = trim_word(word.start, word.start + word.len - 1);
	if (f->blocks && (word_is(word, "end") || word_is(word, "else"))) {
		f->blocks -= word_is(word, "end");
		return true;
	}
	if (!is_go_action(word))
		return false;
	f->blocks += begins_go_block(word);
	return true;
}

static const struct var *look_up(const struct vars *vars, struct template_word expression)
{
	struct template_word in_env = env_name(expression);

	return is_variable_name(expression) ? find_variable(expression, vars->items, vars->count)
	                                    : find_variable(in_env, vars->env, in_env.len ? vars->env_count : 0);
}

static void note_use(struct template_text *t, struct template_word expression)
{
	for (size_t i = 0; i < t->use_count; i++)
		if (word_is(expression, t->uses[i]))
			return;
	arena_grow(t->arena, t->uses, t->use_count, t->use_room);
	t->uses[t->use_count++] = arena_strndup(t->arena, expression.start, expression.len);
}

void template_add_value(const struct vars *vars, const char *use, struct buf *out)
{
	const struct var *var = look_up(vars, (struct template_word){ use, strlen(use) });
	const char *value = !var ? "" : var->value ? var->value : var->instead;

	buf_add(out, use, strlen(use) + 1);
	buf_addc(out, !var ? 'n' : var->value ? 'v' : 'i');
	buf_add(out, value, strlen(value) + 1);
}

static void keep_fill(struct filler *f, struct template_word expression, const struct var *var)
{
	struct template_text *t = f->out;

	if (!t->keep_fills)
		return;
	arena_grow(t->arena, t->fills, t->fill_count, t->fill_room);
	t->fills[t->fill_count++] = (struct filled_value){
		.name = arena_strndup(t->arena, expression.start, expression.len), .var = var,
		.at = t->text.len, .len = strlen(var->value), .from = f->pos,
	};
}

/* The braces from f->at to end, with expression between them. */
static void fill_expression(struct filler *f, struct template_word expression, const char *end)
{
	struct template_word in_env = env_name(expression);
	const struct var *var = look_up(f->vars, expression);

	if (in_env.len || is_variable_name(expression))
		note_use(f->out, expression);
	if (passes_through(f, expression) || (!var && is_go_template(f, expression))) {
		copy_text(f, end);
	} else if (var && var->value) {
		keep_fill(f, expression, var);
		buf_adds(&f->out->text, var->value);
		skip_text(f, end);
		f->literal = f->out->text.len;
	} else {
		add_mark(f, end, (struct template_mark){
			.message = unfilled_words(f, expression, in_env, var, end), .placeholder = !in_env.len,
		});
	}
}

/* Copies the text of {{ 'text' }}, in which the text may be "{{"; false if the braces hold something else. */
static bool fill_quoted_text(struct filler *f)
{
	const char *open = f->at + 2;

	while (open < f->end && (*open == ' ' || *open == '\t'))
		open++;
	const char *close = open < f->end && (*open == '"' || *open == '\'')
	                    ? memchr(open + 1, *open, (size_t)(f->end - open - 1)) : NULL;
	if (!close || memchr(open, '\\', (size_t)(close - open)))
		return false;
	const char *end = close + 1;
	while (end < f->end && (*end == ' ' || *end == '\t'))
		end++;
	if (f->end - end < 2 || memcmp(end, "}}", 2) != 0)
		return false;
	skip_text(f, open + 1);
	copy_text(f, close);
	skip_text(f, end + 2);
	f->literal = f->out->text.len;
	return true;
}

static void fill_next_braces(struct filler *f)
{
	const char *inside = f->at + 2, *line_end;

	if (fill_quoted_text(f))
		return;
	if (!f->line_end || f->line_end < f->at) {
		const char *newline = memchr(f->at, '\n', f->end - f->at);
		f->line_end = newline ? newline : f->end;
	}
	line_end = f->line_end;
	const char *close = memmem(inside, line_end - inside, "}}", 2);
	if (close)
		fill_expression(f, trim_word(inside, close), close + 2);
	else	/* one error for each line */
		add_mark(f, line_end, (struct template_mark){
			.message = "found \"{{\" without \"}}\" in the same line; {{ '{{' }} is the text \"{{\"",
			.placeholder = true,
		});
}

/* ---- {% and {# ---- */

/* The word of the statement at text, such as raw of "{%- raw -%}", and its end; an empty word if it does not end.
 * *before and *after: blanks on that side are trimmed. */
static struct template_word read_statement(const char *text, const char *limit, const char **end, bool *before, bool *after)
{
	const char *from = text + 2, *close = memmem(from, (size_t)(limit - from), "%}", 2);

	*end = NULL;
	if (!close)
		return (struct template_word){ text, 0 };
	*before = from < close && *from == '-';
	from += from < close && (*from == '-' || *from == '+');
	*end = close + 2;
	*after = close > from && close[-1] == '-';
	close -= close > from && (close[-1] == '-' || close[-1] == '+');
	return trim_word(from, close);
}

static bool is_blank(char c)
{
	return c != '\0' && strchr(" \t\r\n", c);
}

static void trim_blanks_before(struct filler *f)
{
	struct buf *out = &f->out->text;

	while (out->len > f->literal && is_blank(out->text[out->len - 1]))
		out->text[--out->len] = '\0';
}

static void skip_template_blanks(struct filler *f)
{
	const char *to = f->at;

	while (to < f->end && is_blank(*to))
		to++;
	skip_text(f, to);
}

/* Copies what stands between {% raw %} and {% endraw %} as it is; f->at is at the first one, which ends at inside. */
static void copy_raw(struct filler *f, const char *inside, bool trim_before, bool trim_inside)
{
	bool before = false, after = false;
	const char *end = inside, *stop = inside;

	while ((stop = memmem(stop, (size_t)(f->end - stop), "{%", 2)) && end &&
	       !word_is(read_statement(stop, f->end, &end, &before, &after), "endraw"))
		stop += 2;
	if (!stop || !end) {
		diagnostics_add(f->faults, f->pos, "found \"{%% raw %%}\" without \"{%% endraw %%}\"");
		skip_text(f, f->end);
		return;
	}
	if (trim_before)
		trim_blanks_before(f);
	skip_text(f, inside);
	f->literal = f->out->text.len;
	if (trim_inside)
		skip_template_blanks(f);
	if (f->at < stop)
		copy_text(f, stop);
	if (before)
		trim_blanks_before(f);
	skip_text(f, end);
	f->literal = f->out->text.len;
	if (after)
		skip_template_blanks(f);
}

/* True if nothing but blanks is beside the text from f->at to end in its lines. */
static bool fills_its_lines(const struct filler *f, const char *end)
{
	const struct buf *out = &f->out->text;
	size_t from = out->len;

	while (from > 0 && (out->text[from - 1] == ' ' || out->text[from - 1] == '\t'))
		from--;
	while (end < f->end && (*end == ' ' || *end == '\t' || *end == '\r'))
		end++;
	return (from == 0 || out->text[from - 1] == '\n') && (end == f->end || *end == '\n');
}

/* At "{%" or "{#".  Without its end it is no statement, and "${#" is the shell's. */
static void fill_next_statement(struct filler *f)
{
	const char close[] = { f->at[1], '}', '\0' };
	bool *unclosed = &f->unclosed[f->at[1] == '#'];
	const char *end = *unclosed ? NULL : memmem(f->at + 2, (size_t)(f->end - f->at - 2), close, 2);
	bool shell = f->at[1] == '#' && f->out->text.len > 0 && f->out->text.text[f->out->text.len - 1] == '$';
	bool before = false, after = false;
	const char *inside = NULL;

	*unclosed = !end;
	if (!end || shell) {
		copy_text(f, f->at + 2);
	} else if (f->at[1] == '%' && word_is(read_statement(f->at, f->end, &inside, &before, &after), "raw")) {
		copy_raw(f, inside, before, after);
	} else {
		add_mark(f, end + 2, (struct template_mark){
			.message = arena_printf(f->out->arena, "found \"{%c\": only \"{{ name }}\" is supported, no other "
			                        "template syntax; {{ '{%c' }} is the text itself", f->at[1], f->at[1]),
			.statement = true, .alone = fills_its_lines(f, end + 2),
		});
	}
}

/* At a "{" that is not the last byte. */
static void fill_next_mark(struct filler *f)
{
	if (f->at[1] == '{')
		fill_next_braces(f);
	else if (f->at[1] == '%' || f->at[1] == '#')
		fill_next_statement(f);
	else
		copy_text(f, f->at + 1);
}

/* The length of text without one newline at its end. */
static size_t length_without_last_newline(const char *text, size_t len)
{
	char last = len > 0 ? text[len - 1] : 0;

	if (last == '\n')
		return len - (len > 1 && text[len - 2] == '\r' ? 2 : 1);
	return len - (last == '\r');
}

bool template_is_plain(const char *text, size_t len, size_t *plain_len)
{
	const char *end = text + len;

	for (const char *p = text; p < end && (p = memchr(p, '{', (size_t)(end - p))); p++)
		if (p + 1 < end && (p[1] == '{' || p[1] == '%' || p[1] == '#'))
			return false;
	*plain_len = length_without_last_newline(text, len);
	return true;
}

bool template_fill(const struct vars *vars, const char *file, const char *text, size_t len,
                   struct template_text *out, struct diagnostics *faults)
{
	struct filler f = {
		.vars = vars, .at = text, .end = text + length_without_last_newline(text, len), .pos = { file, 1, 1 },
		.out = out, .faults = faults,
	};
	size_t errors = faults->errors;

	for (const char *brace; (brace = memchr(f.at, '{', f.end - f.at)) && brace + 1 < f.end; ) {
		copy_text(&f, brace);
		fill_next_mark(&f);
	}
	copy_text(&f, f.end);
	return faults->errors == errors;
}

/* ---- marks ---- */

const char *template_find_mark(const struct template_text *t, const char *text, size_t *index, size_t *len)
{
	for (; (text = strstr(text, MARK)); text += MARK_LEN) {
		char *end;
		*index = strtoul(text + MARK_LEN, &end, 10);
		if (end > text + MARK_LEN && *index < t->count && strncmp(end, MARK, MARK_LEN) == 0) {
			*len = (size_t)(end + MARK_LEN - text);
			return text;
		}
	}
	return NULL;
}

const char *template_without_marks(const struct template_text *t, const char *text)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	size_t index, len;

	for (const char *mark; (mark = template_find_mark(t, text, &index, &len)); text = mark + len) {
		buf_add(&out, text, (size_t)(mark - text));
		buf_adds(&out, t->marks[index].text);
	}
	buf_adds(&out, text);
	return arena_strdup(t->arena, buf_str(&out));
}

void template_escape(const char *text, struct buf *out)
{
	for (; *text; text++) {
		bool special = *text == '{' && text[1] && strchr("{%#", text[1]);
		if (special)
			buf_addf(out, "{{ '{%c' }}", *++text);
		else
			buf_addc(out, *text);
	}
}
