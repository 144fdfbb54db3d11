#include "reconcile/base/utf8.h"

size_t utf8_lead_length(char lead)
{
	unsigned char c = lead;

	return c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
}

size_t utf8_read(const char *text, size_t room, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = room ? utf8_lead_length(*text) : 0;

	if (len == 0 || len > room)
		return 0;
	uint32_t c = (unsigned char)*text & (len == 1 ? 0x7f : 0x7f >> len);
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((unsigned char)text[i] & 0x3f);
	}
	if (c < least[len] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*code = c;
	return len;
}

size_t utf8_length(const char *text, size_t room)
{
	uint32_t code;

	return utf8_read(text, room, &code);
}
