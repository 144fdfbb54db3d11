#include "agent/util/id128.h"

#include <stdlib.h>
#include <systemd/sd-id128.h>

_Static_assert(UUID_LEN + 1 == SD_ID128_UUID_STRING_MAX, "a UUID has another length");

void uuid_make(char out[UUID_LEN + 1])
{
	sd_id128_t id;

	if (sd_id128_randomize(&id) < 0)
		abort();
	sd_id128_to_uuid_string(id, out);
}

const char *boot_id(struct arena *a)
{
	char text[SD_ID128_UUID_STRING_MAX];
	sd_id128_t id;

	return sd_id128_get_boot(&id) < 0 ? "" : arena_strdup(a, sd_id128_to_uuid_string(id, text));
}
