#include "agent/util/token_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/util/file.h"
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

bool token_file_ensure(struct arena *a, const char *path, const char **out, struct err *err)
{
	const char *text = arena_printf(a, "%s\n", token_file_random(a));

	if (!file_ensure(a, path, text, strlen(text), 0600, err))
		return err_wrap(err, "token file \"%s\"", path);
	return token_file_read(a, path, out, err);
}
