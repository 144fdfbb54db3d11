#include "agent/util/spill_file.h"

#include <string.h>
#include <unistd.h>

#include "agent/util/fd.h"

enum { WORTH_A_WRITE = 128 * 1024 };

void spill_file_open(const char *dir, struct spill_file *out)
{
	*out = SPILL_FILE_NONE;
	fd_open_temporary(dir, &out->fd);
}

static void spill_file_write(struct spill_file *f)
{
	if (!fd_write_all(f->fd, buf_str(&f->waiting), f->waiting.len)) {
		f->failed = true;
		return;
	}
	f->written += f->waiting.len;
	buf_reset(&f->waiting);
}

bool spill_file_put(struct spill_file *f, const char *bytes, size_t len, uint64_t *place)
{
	if (len > f->waiting.limit - f->waiting.len)
		return false;
	*place = f->written + f->waiting.len;
	buf_add(&f->waiting, bytes, len);
	if (f->waiting.len >= WORTH_A_WRITE && f->fd >= 0 && !f->failed)
		spill_file_write(f);
	return true;
}

bool spill_file_get(const struct spill_file *f, uint64_t place, size_t len, char *bytes)
{
	if (place < f->written)
		return fd_read_at(f->fd, place, bytes, len);
	memcpy(bytes, buf_str(&f->waiting) + (place - f->written), len);
	return true;
}

void spill_file_close(struct spill_file *f)
{
	fd_close(&f->fd);
	buf_done(&f->waiting);
	*f = SPILL_FILE_NONE;
}
