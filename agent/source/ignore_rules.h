/* ignore_rules.h: which paths a .flowsyncignore leaves out, by the rules of gitignore(5).
 *
 * Each folder may have its own file; its rules hold below that folder and win over those of the folders
 * around it.  Within a file the last rule that matches decides.  A folder that is left out is not entered, so no
 * rule can bring back what is in it. */
#ifndef AGENT_SOURCE_IGNORE_RULES_H
#define AGENT_SOURCE_IGNORE_RULES_H

#include "reconcile/base/arena.h"

struct ignore_rules;

enum { IGNORE_RULES_MAX_BYTES = 64 << 10 };	/* of one file; refused by the reader of the file */

/* The rules in the len bytes of text, which stood in folder ("" is the source itself, "a/b" without slash at the end),
 * laid over those of outer (NULL: none).  NULL: the bytes are no text, and *why says what they are. */
const struct ignore_rules *ignore_rules_read(struct arena *a, const struct ignore_rules *outer, const char *folder,
                                             const char *text, size_t len, const char **why);

/* True if path, relative to the source, is left out; ignore may be NULL. */
bool ignore_rules_match(const struct ignore_rules *ignore, const char *path, bool is_folder);

#endif
