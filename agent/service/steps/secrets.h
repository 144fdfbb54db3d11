/* secrets.h: the secrets that steps name.  A secret is a file in a folder of the operator's: its
 * name is the file's, its value what the file holds, without the newlines at the end.
 *
 * A value is in no message; nor is the name where it stands in a field in which people put the
 * secret itself. */
#ifndef AGENT_SERVICE_STEPS_SECRETS_H
#define AGENT_SERVICE_STEPS_SECRETS_H

#include "reconcile/base/arena.h"
#include "reconcile/base/buf.h"
#include "reconcile/base/err.h"

enum { SECRET_NAME_MAX = 255 };	/* bytes */

/* dir is the folder; NULL: the service has none.  *value lives in a.  Refused, with a sentence: a
 * name that is none of a file, what is not there, what is no regular file (a link to one is one),
 * what is larger than SECRET_FILE_MAX (secret_file.h), and what is no text (a NUL in it, no UTF-8): it goes through JSON. */
bool secret_read(struct arena *a, const char *dir, const char *name, const char **value,
                 struct err *err);

/* The same for a name that stands in the field called so ("auth.password"): messages name the field
 * instead of what stands in it. */
bool secret_read_for_field(struct arena *a, const char *dir, const char *field, const char *name,
                           const char **value, struct err *err);

/* The name of the variable in which a step finds a secret: "db-password" is DB_PASSWORD_CUSTOM
 * (contract, 3.7: secrets that somebody named himself are of the type "custom"), and the same
 * without the type, DB_PASSWORD. */
const char *secret_variable(struct arena *a, const char *name);
const char *secret_variable_short(struct arena *a, const char *name);

/* Texts that no log may show.  `struct masks m = { 0 };` is ready to use; what it points to lives
 * in an arena. */
struct masks {
	const char **items;	/* ends with NULL; NULL as long as there is none */
	size_t count, room;
};

/* Adds text, which is kept, unless it is "" or NULL. */
void masks_add(struct arena *a, struct masks *masks, const char *text);
/* As attempt.h wants them: ends with NULL, and is never NULL. */
const char *const *masks_list(const struct masks *masks);

/* Appends len bytes of text, with "(masked #1)" wherever one of masks (ends with NULL) stands; it
 * stops before what would be longer than most bytes and returns false then.  Texts under four
 * letters stay: they would match anything. */
bool masks_cover(const char *const *masks, const char *text, size_t len, size_t most, struct buf *out);

#endif
