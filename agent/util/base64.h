/* base64.h: bytes as text of 64 letters, and back (RFC 4648, section 4). */
#ifndef AGENT_UTIL_BASE64_H
#define AGENT_UTIL_BASE64_H

#include <stdint.h>

#include "reconcile/base/arena.h"

/* With its padding. */
const char *base64_encode(struct arena *a, const void *bytes, size_t len);

/* Ends of lines and spaces are passed over.  False if text is something else. */
bool base64_decode(struct arena *a, const char *text, size_t len, const uint8_t **bytes, size_t *count);

#endif
