/* utf8.h: characters of a text. */
#ifndef RECONCILE_BASE_UTF8_H
#define RECONCILE_BASE_UTF8_H

#include <stdint.h>

#include "reconcile/base/base.h"

/* The length of a character that begins with this byte; 0: no character does. */
size_t utf8_lead_length(char lead);

/* The length in bytes of the character at text, of which `room` bytes can be read (of a text that ends with NUL,
 * SIZE_MAX will do); 0 if there is no whole UTF-8 character. */
size_t utf8_length(const char *text, size_t room);

/* The same; sets *code to the character if there is one. */
size_t utf8_read(const char *text, size_t room, uint32_t *code);

#endif
