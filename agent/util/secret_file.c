#include "agent/util/secret_file.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/directory.h"
#include "agent/util/file.h"
#include "reconcile/tree/json.h"

static bool secret_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool secret_is_line_end(char c)
{
	return c == '\r' || c == '\n';
}

static bool secret_trim_token(const char **text, size_t *len, struct err *err)
{
	for (; *len && secret_is_space((*text)[*len - 1]); --*len)
		;
	for (; *len && secret_is_space(**text); ++*text, --*len)
		;
	for (size_t i = 0; i < *len; i++)
		if ((*text)[i] < ' ' || (*text)[i] > '~')
			return err_set(err, "a character that no HTTP header can carry; expected one line of "
			                    "printable ASCII");
	return true;
}

static bool secret_trim_text(enum secret_kind kind, const char *text, size_t *len, struct err *err)
{
	size_t end = 0;

	if (kind == SECRET_LINE) {
		while (end < *len && !secret_is_line_end(text[end]))
			end++;
		*len = end;
	} else {
		for (; *len && secret_is_line_end(text[*len - 1]); --*len)
			;
	}
	return json_can_hold(text, *len) || err_set(err, "a NUL byte, or not UTF-8; expected text");
}

bool secret_file_read(struct arena *a, const char *path, enum secret_kind kind, const char **out, struct err *err)
{
	const char *text;
	size_t len;

	if (!file_read(a, path, SECRET_FILE_MAX, &text, &len, err) ||
	    !(kind == SECRET_TOKEN ? secret_trim_token(&text, &len, err) : secret_trim_text(kind, text, &len, err)))
		return false;
	*out = arena_strndup(a, text, len);
	return true;
}

bool secret_file_read_some(struct arena *a, const char *path, enum secret_kind kind, const char **out,
                           struct err *err)
{
	const char *text;

	if (!secret_file_read(a, path, kind, &text, err))
		return false;
	if (!*text)
		return err_set(err, kind == SECRET_LINE ? "its first line is empty, expected a secret"
		                                        : "empty, expected a secret");
	*out = text;
	return true;
}

/* ---- files that other users can read ---- */

static bool secret_is_systemd_credential(const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	size_t len = dir ? strlen(dir) : 0;

	return len && strncmp(path, dir, len) == 0 && path[len] == '/';
}

static bool secret_is_readable_for_others(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRGRP | S_IROTH)) &&
	       !secret_is_systemd_credential(path);
}

/* True the first time that the process asks about path.  What is remembered lives as long as the process. */
static bool secret_is_first_warning(const char *path)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct arena arena;
	static const char **paths;
	static size_t count, room;
	bool first = true;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < count && first; i++)
		first = strcmp(paths[i], path) != 0;
	if (first) {
		arena_grow(&arena, paths, count, room);
		paths[count++] = arena_strdup(&arena, path);
	}
	pthread_mutex_unlock(&lock);
	return first;
}

void secret_file_warn(struct log *log, const char *what, const char *path)
{
	if (path && secret_is_readable_for_others(path) && secret_is_first_warning(path))
		log_warn(log, "%s \"%s\" can be read by others: chmod 600 it", what, path);
}

void secret_file_warn_all(struct log *log, const char *what, const char *dir)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(directory_close) DIR *stream = dir ? opendir(dir) : NULL;

	for (struct dirent *e; stream && (e = readdir(stream)); )
		secret_file_warn(log, what, arena_printf(&a, "%s/%s", dir, e->d_name));
}
