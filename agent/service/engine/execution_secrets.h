/* execution_secrets.h: the secrets of an execution: the texts that no log of its steps may show, and the output
 * parameters that contain one.  Such an output is in no row of the database: it is kept in DIRECTORY/ID-files/secret-outputs,
 * for this user alone, until the execution ends, so that an engine that takes over can pass it on.  For the engine's
 * thread alone. */
#ifndef AGENT_SERVICE_ENGINE_EXECUTION_SECRETS_H
#define AGENT_SERVICE_ENGINE_EXECUTION_SECRETS_H

#include "agent/service/engine/execution.h"

/* The texts that no log may show, of all steps of the execution; ends with NULL. */
const char *const *execution_secrets_masks(const struct engine_state *es, struct execution *x);
/* Adds those of an attempt: a secret may have changed since the execution began. */
void execution_secrets_add(struct execution *x, const char *const *masks);

/* Masks the message of the event, in a, and marks its outputs that contain a secret. */
void execution_secrets_check(const struct engine_state *es, struct execution *x, struct arena *a, struct dag_event *event);

/* Writes a file for this user alone into the directory; *path is in a. */
bool execution_secrets_put_file(const struct engine_state *es, struct execution *x, struct arena *a, const char *name,
                                const char *text, const char **path, struct err *err);

/* Writes the secret outputs, unless they are written already or the execution has ended: before the state in which they
 * are missing is saved. */
bool execution_secrets_save(const struct engine_state *es, struct execution *x, struct err *err);
/* Reads what another engine saved, and marks secret outputs that an older flowsync has left in the state.  If the file
 * is lost, that is logged, and the outputs count as not written. */
void execution_secrets_load(const struct engine_state *es, struct execution *x);
/* Removes the directory after the end of the execution. */
void execution_secrets_remove(const struct engine_state *es, struct execution *x);

/* True if that is the name of the execution's directory. */
bool execution_secrets_is_directory(const struct execution *x, const char *name);

#endif
