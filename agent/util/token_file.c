#include "agent/util/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fd.h"
#include "agent/util/secret_file.h"

const char *token_file_random(struct arena *a)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[32];
	char *text = arena_new(a, char, 2 * sizeof bytes + 1);

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		abort();
	for (size_t i = 0; i < sizeof bytes; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	return text;
}

bool token_file_read(struct arena *a, const char *path, const char **out, struct err *err)
{
	if (secret_file_read_some(a, path, SECRET_TOKEN, out, err))
		return true;
	err_wrap(err, "token file \"%s\"", path);
	err->kind = ERR_USAGE;
	return false;
}

/* The file gets its name only when it is whole; link() leaves alone what another process made
 * meanwhile. */
static bool token_file_create(struct arena *a, const char *path, struct err *err)
{
	const char *text = arena_printf(a, "%s\n", token_file_random(a));
	char *part = arena_printf(a, "%s.XXXXXX", path);
	int fd = mkostemp(part, O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "make token file \"%s\"", path);
	bool ok = fd_write_all(fd, text, strlen(text)) && fsync(fd) == 0 &&
	          (link(part, path) == 0 || errno == EEXIST);
	int saved = errno;
	close(fd);
	unlink(part);
	return ok || err_sys(err, saved, "make token file \"%s\"", path);
}

bool token_file_ensure(struct arena *a, const char *path, const char **out, struct err *err)
{
	if (access(path, F_OK) != 0 && errno == ENOENT && !token_file_create(a, path, err))
		return false;
	return token_file_read(a, path, out, err);
}
