#include "agent/util/boot_id.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/fd.h"

const char *boot_id(struct arena *a)
{
	CLEANUP(fd_close) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[64];
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);

	return len <= 0 ? "" : arena_strndup(a, text, strcspn(arena_strndup(a, text, (size_t)len), "\n"));
}
