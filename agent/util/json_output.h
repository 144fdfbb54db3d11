/* json_output.h: JSON on stdout in a form in which a CI system finds no command: the bracket of "##[" and "##vso[", which
 * can only be in a text, is written as \u005b.  A reader of JSON gets the same text. */
#ifndef AGENT_UTIL_JSON_OUTPUT_H
#define AGENT_UTIL_JSON_OUTPUT_H

#include <stdio.h>

#include "reconcile/base/base.h"

struct json_output {
	FILE *to;	/* set by the caller */
	unsigned hashes;	/* of printable_is_command_bracket() */
};

/* Writes the next bytes of a document; false: the file takes no more. */
bool json_output_add(struct json_output *out, const char *bytes, size_t len);

#endif
