#include "agent/util/json_output.h"

#include "reconcile/base/printable.h"

bool json_output_add(struct json_output *out, const char *bytes, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < len; i++) {
		if (!printable_is_command_bracket(&out->hashes, bytes[i]))
			continue;
		if (fwrite(bytes + done, 1, i - done, out->to) != i - done || fputs("\\u005b", out->to) < 0)
			return false;
		done = i + 1;
	}
	return fwrite(bytes + done, 1, len - done, out->to) == len - done;
}
