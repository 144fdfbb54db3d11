#include "agent/service/steps/secrets.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/service/exec/redactor.h"
#include "agent/util/secret_file.h"

/* ---- files ---- */

/* "secret "x"" or "the secret that auth.password names". */
static const char *secret_description(struct arena *a, const char *field, const char *name)
{
	return field ? arena_printf(a, "the secret that %s names", field)
	             : arena_printf(a, "secret \"%s\"", name);
}

static bool secret_is_file_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > SECRET_NAME_MAX || name[0] == '.')
		return false;
	for (; *name; name++)
		if (*name == '/' || iscntrl((unsigned char)*name))
			return false;
	return true;
}

static bool secret_not_found(struct arena *a, const char *dir, const char *field, const char *name,
                             struct err *err)
{
	const char *what = secret_description(a, field, name);

	if (dir)
		return err_set(err, "%s was not found: expected a file of that name in %s", what, dir);
	return err_set(err, "%s was not found: the service has no directory of secrets (--secrets-dir)", what);
}

/* The text of a field may be the secret itself, which is not a file name: then the message is only that it was not
 * found. */
static bool secret_bad_name(struct arena *a, const char *dir, const char *field, struct err *err)
{
	return field ? secret_not_found(a, dir, field, NULL, err)
	             : err_set(err, "the name of a secret is not a file name: it is empty, too long, begins with "
	                       "a dot, or has a slash or a control character in it");
}

bool secret_read_for_field(struct arena *a, const char *dir, const char *field, const char *name,
                           const char **value, struct err *err)
{
	struct stat st;

	if (!secret_is_file_name(name))
		return secret_bad_name(a, dir, field, err);
	if (!dir)
		return secret_not_found(a, dir, field, name, err);
	const char *path = arena_printf(a, "%s/%s", dir, name);
	if (stat(path, &st) < 0 && errno == ENOENT)
		return secret_not_found(a, dir, field, name, err);
	return secret_file_read(a, path, SECRET_TEXT, value, err) ||
	       err_wrap(err, "%s", secret_description(a, field, name));
}

bool secret_read(struct arena *a, const char *dir, const char *name, const char **value,
                 struct err *err)
{
	return secret_read_for_field(a, dir, NULL, name, value, err);
}

/* ---- variables ---- */

const char *secret_variable_short(struct arena *a, const char *name)
{
	char *out = arena_strdup(a, name);

	/* Not with toupper(): what a letter is must not depend on the locale. */
	for (char *c = out; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c -= 'a' - 'A';
		else if (!(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9'))
			*c = '_';
	return out;
}

const char *secret_variable(struct arena *a, const char *name)
{
	return arena_printf(a, "%s_CUSTOM", secret_variable_short(a, name));
}

/* ---- masks ---- */

void masks_add(struct arena *a, struct masks *m, const char *text)
{
	if (!text || !*text)
		return;
	arena_grow(a, m->items, m->count, m->room);
	m->items[m->count++] = text;
	arena_grow(a, m->items, m->count, m->room);
	m->items[m->count] = NULL;
}

const char *const *masks_list(const struct masks *m)
{
	static const char *const none[] = { NULL };

	return m->items ? (const char *const *)m->items : none;
}

/* Length of the longest mask that text begins with, as a whole: the redactor finds a mask of several lines line by line
 * only.  0: none. */
static size_t masks_whole_match(const char *const *masks, const char *text, size_t len)
{
	size_t most = 0;

	for (; *masks; masks++) {
		size_t n = strlen(*masks);
		if (n >= REDACTOR_MIN && n <= len && n > most && memcmp(*masks, text, n) == 0)
			most = n;
	}
	return most;
}

bool masks_cover(const char *const *masks, const char *text, size_t len, size_t most, struct buf *out)
{
	static const char cover[] = "(masked #1)";
	CLEANUP(arena_free) struct arena a = { 0 };
	size_t begun = out->len;
	struct redactor redactor;

	redactor_init(&a, masks, &redactor);
	while (len > 0) {
		size_t n = redactor_at(&redactor, text, len), whole = masks_whole_match(masks, text, len);
		n = whole > n ? whole : n;
		if (out->len - begun + (n ? sizeof cover - 1 : 1) > most)
			return false;
		if (n)
			buf_adds(out, cover);
		else
			buf_addc(out, *text);
		text += n ? n : 1;
		len -= n ? n : 1;
	}
	return true;
}
