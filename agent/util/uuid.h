/* uuid.h: names that nobody else gives: of runs and of webhooks. */
#ifndef AGENT_UTIL_UUID_H
#define AGENT_UTIL_UUID_H

enum { UUID_LEN = 36 };

/* Version 4 (RFC 9562).  Whoever knows that of a webhook may pull it, so it is made of good
 * randomness. */
void uuid_make(char out[UUID_LEN + 1]);

#endif
