#include "agent/util/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/file.h"

enum { TOKEN_MAX = 8192 };

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

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool read_token(struct arena *a, const char *path, const char **out, bool *exposed,
                       struct err *err)
{
	const char *text;
	struct stat st;
	size_t len;

	if (!file_read(a, path, TOKEN_MAX, &text, &len, err))
		return err_wrap(err, "token file \"%s\"", path);
	if (stat(path, &st) != 0)
		return err_sys(err, errno, "token file \"%s\"", path);
	for (; len && is_space(text[len - 1]); len--)
		;
	for (; len && is_space(*text); text++, len--)
		;
	if (len == 0)
		return err_set(err, "token file \"%s\" is empty, expected a token", path);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~')
			return err_set(err, "token file \"%s\" has a character that no HTTP header can carry, "
			               "expected one line of printable ASCII", path);
	*out = arena_strndup(a, text, len);
	*exposed = st.st_mode & 077;
	return true;
}

bool token_file_read(struct arena *a, const char *path, const char **out, bool *exposed, struct err *err)
{
	if (read_token(a, path, out, exposed, err))
		return true;
	err->kind = ERR_USAGE;
	return false;
}

static bool write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* The file gets its name only when it is whole; link() leaves alone what somebody else made
 * meanwhile. */
static bool make(struct arena *a, const char *path, struct err *err)
{
	const char *text = arena_printf(a, "%s\n", token_file_random(a));
	char *part = arena_printf(a, "%s.XXXXXX", path);
	int fd = mkostemp(part, O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "make token file \"%s\"", path);
	bool ok = write_all(fd, text, strlen(text)) && fsync(fd) == 0 &&
	          (link(part, path) == 0 || errno == EEXIST);
	int saved = errno;
	close(fd);
	unlink(part);
	return ok || err_sys(err, saved, "make token file \"%s\"", path);
}

bool token_file_ensure(struct arena *a, const char *path, const char **out, bool *exposed, struct err *err)
{
	if (access(path, F_OK) != 0 && errno == ENOENT && !make(a, path, err))
		return false;
	return token_file_read(a, path, out, exposed, err);
}
