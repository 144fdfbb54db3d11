/* secrets.h: the secrets that steps name, and the list of texts that no log may show.  A secret is a file in the
 * operator's folder of secrets: the name of the file is the name of the secret, its text without newlines at the end
 * is the value.
 *
 * No message contains a value.  Nor does a message contain the name if it comes from a field into which people put the
 * secret itself by mistake. */
#ifndef AGENT_SERVICE_STEPS_SECRETS_H
#define AGENT_SERVICE_STEPS_SECRETS_H

#include "reconcile/base/arena.h"
#include "reconcile/base/buf.h"
#include "reconcile/base/err.h"

enum { SECRET_NAME_MAX = 255 };	/* bytes */

/* Reads a secret; *value lives in a.  dir is the folder of secrets; NULL: the service has none.  Fails for a name that
 * cannot be a file's, a missing file, a file that is not regular (a link to a regular one is), one larger than
 * SECRET_FILE_MAX, and one that JSON cannot hold: with a NUL, or not UTF-8. */
bool secret_read(struct arena *a, const char *dir, const char *name, const char **value,
                 struct err *err);

/* The same for a name from the field `field` ("auth.password"): messages name the field instead of the secret. */
bool secret_read_for_field(struct arena *a, const char *dir, const char *field, const char *name,
                           const char **value, struct err *err);

/* The name of the variable in which a step finds a secret: for "db-password" it is DB_PASSWORD_CUSTOM
 * (contract, 3.7: secrets with a name of the user's choice have the type "custom"); the short name is
 * without the type, DB_PASSWORD. */
const char *secret_variable(struct arena *a, const char *name);
const char *secret_variable_short(struct arena *a, const char *name);

/* Texts that no log may show.  `struct masks m = { 0 };` is ready to use; what it points to lives
 * in an arena. */
struct masks {
	const char **items;	/* ends with NULL; NULL while the list is empty */
	size_t count, room;
};

/* Adds text unless it is "" or NULL.  The text is not copied. */
void masks_add(struct arena *a, struct masks *masks, const char *text);
/* The list for attempt.h: it ends with NULL and is never NULL itself. */
const char *const *masks_list(const struct masks *masks);

/* Appends len bytes of text to out, with "(masked #1)" in place of each secret that redactor.h finds for masks (ends
 * with NULL).  Returns false if it stopped because the result would be longer than `most` bytes. */
bool masks_cover(const char *const *masks, const char *text, size_t len, size_t most, struct buf *out);

#endif
