#include "agent/util/base64.h"

#include <nettle/base64.h>

const char *base64_encode(struct arena *a, const void *bytes, size_t len)
{
	size_t room = BASE64_ENCODE_RAW_LENGTH(len);
	char *text = arena_new(a, char, room + 1);

	base64_encode_raw(text, len, bytes);
	text[room] = '\0';
	return text;
}

bool base64_decode(struct arena *a, const char *text, size_t len, const uint8_t **bytes, size_t *count)
{
	uint8_t *out = arena_new(a, uint8_t, BASE64_DECODE_LENGTH(len) + 1);
	struct base64_decode_ctx ctx;
	size_t done = 0;

	base64_decode_init(&ctx);
	if (!base64_decode_update(&ctx, &done, out, len, text) || !base64_decode_final(&ctx))
		return false;
	*bytes = out;
	*count = done;
	return true;
}
