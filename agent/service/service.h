/* service.h: the local workflow service, all of it in this process: workflows and executions in a SQLite file, the
 * REST interface on a socket, and the engine that executes the workflows.  `flowsync serve` runs it in the open;
 * the endpoint "local" embeds it in another command.
 *
 * Files outside of agent/service/ include this header and no other of that folder (tests/layers.sh). */
#ifndef AGENT_SERVICE_SERVICE_H
#define AGENT_SERVICE_SERVICE_H

#include <stddef.h>

#include "reconcile/base/err.h"

struct arena;
struct context;
struct local_service;

struct local_service_options {
	const char *database;		/* path of the SQLite file, created if missing */
	const char *listen;		/* "127.0.0.1:8484"; port 0: any free one */
	const char *unix_path;		/* listen on this socket instead; NULL: on `listen` */
	const char *token;		/* expected in every request */
	bool token_given;		/* by the user; a token that we made is not accepted beyond this machine */
	const char *tls_cert, *tls_key;	/* PEM files; both NULL: plain HTTP */
	const char *const *hosts;	/* http_options.hosts; the one part that is kept */
	size_t host_count;
};

/* What an embedded service executes. */
enum local_service_executes {
	LOCAL_SERVICE_EXECUTES_NOTHING,		/* it only answers requests */
	LOCAL_SERVICE_ONLY_READS,		/* the same, from a copy of the database: it changes no file */
	LOCAL_SERVICE_EXECUTES_REQUESTED,	/* executions that a client starts; logs only what goes wrong */
	LOCAL_SERVICE_EXECUTES_ALL,		/* also those that crons start, if the settings have crons on */
};

/* Both start a service, and return as soon as it accepts connections.  How the engine works is read from ctx's
 * settings, which have to outlive the service, as do its environment, log and arena; of options hosts is kept.
 * To be called while the process has one thread, as they choose the time zone of crons.  On failure nothing is
 * left running and *out is untouched; ERR_USAGE if a setting is wrong. */

/* Beyond loopback the service wants a token of the user's and TLS: else ERR_USAGE. */
bool local_service_start(struct context *ctx, const struct local_service_options *options, struct local_service **out,
                         struct err *err);
/* For the endpoint "local": on a free port of 127.0.0.1, with a random token, over local_service_database() of the
 * state directory, which is created if missing.  One that only reads creates neither, and works on a full disk. */
bool local_service_start_embedded(struct context *ctx, enum local_service_executes executes,
                                  struct local_service **out, struct err *err);
/* Lets requests in progress end, kills the steps that run (the next engine continues their executions), then frees
 * the service.  Takes NULL. */
void local_service_stop(struct local_service *service);
void local_service_stopp(struct local_service **service);

/* Writes a complete copy of the database to the file `to`, also while a service uses it. */
bool local_service_backup(const char *database, const char *to, struct err *err);

/* Path of the database of the endpoint "local", in a. */
const char *local_service_database(struct arena *a, const char *state_dir);

/* Whether this process executes the workflows: it has an engine, and no other process has the database's lock.
 * Waits until that is known. */
bool local_service_executes_here(struct local_service *service);
/* Waits until no execution is in progress; as soon as stop_fd (-1: none) is readable, stops them all.  Returns at
 * once if this process does not execute the workflows. */
void local_service_drain(struct local_service *service, int stop_fd);

/* "http://127.0.0.1:8484/workflows/api/v1", or "unix:PATH": a value for --endpoint.  Valid until
 * local_service_stop(), as is the token. */
const char *local_service_url(const struct local_service *service);
const char *local_service_token(const struct local_service *service);

/* Hidden commands: this program run again, as the process that runs attempts of steps, and as single commands of an
 * attempt.  Each takes what it needs from stdin and returns its exit code (exec/attempt_reply.h has their meaning). */

/* Runs attempts for the service at the other end of stdin, until that is gone (exec/runner_process.h). */
int service_step_runner_main(struct context *ctx);

/* The three below read a document from stdin, print lines of a log for people to ctx->out, and leave a reply in the
 * folder of the attempt, whose folder `work` is their working directory. */
int service_step_http_main(struct context *ctx);	/* sends the request of a step (steps/step_http.h) */
int service_step_checkout_main(struct context *ctx);	/* writes a repository (steps/step_checkout.h) */
int service_send_notification_main(struct context *ctx);	/* a webhook call, or a mail (steps/notification.h) */

#endif
