#include "agent/secrets.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/file.h"

enum { SECRET_MAX = 64 << 10 };

static bool is_file_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

bool secret_read(struct arena *a, const char *dir, const char *name, const char **value, struct err *err)
{
	const char *path = arena_printf(a, "%s/%s", dir, name), *bytes;
	size_t len;

	if (!is_file_name(name))
		return err_set(err, "secret \"%s\": expected the name of a file in %s", name, dir);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return err_set(err, "secret \"%s\" is not there: expected a file of that name in %s", name, dir);
	if (!file_read(a, path, SECRET_MAX, &bytes, &len, err))
		return err_wrap(err, "secret \"%s\"", name);
	while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
		len--;
	if (memchr(bytes, '\0', len))
		return err_set(err, "secret \"%s\" has a NUL in it, expected text", name);
	*value = arena_strndup(a, bytes, len);
	return true;
}
