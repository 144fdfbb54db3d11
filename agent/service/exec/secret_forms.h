/* secret_forms.h: how a secret looks after programs have encoded it: in JSON, in URLs, in base64, in shell quotes. */
#ifndef AGENT_SERVICE_EXEC_SECRET_FORMS_H
#define AGENT_SERVICE_EXEC_SECRET_FORMS_H

#include "reconcile/base/arena.h"

/* Calls add with each form of text that differs from it, in a; one may come twice.  Of base64 also the part that does
 * not depend on what stands around the secret (as in "user:secret"), and the lines of 64 and 76 characters. */
void secret_forms_each(struct arena *a, const char *text, void (*add)(void *context, const char *form), void *context);

#endif
