/* service.h: the whole local service: its file of workflows, its socket, its threads.  `flowsync
 * serve` runs it in the open; the endpoint "local" runs it inside of another command. */
#ifndef AGENT_SERVICE_SERVICE_H
#define AGENT_SERVICE_SERVICE_H

#include "agent/service/engine/engine.h"

struct local_service;

struct local_service_options {
	const char *database;		/* made if it is not there */
	const char *listen;		/* "127.0.0.1:8484"; port 0: any free one */
	const char *unix_path;		/* listen on this socket instead; NULL: on listen */
	const char *token;		/* that every request has to bring */
	bool token_given;		/* by the user: one that we made ourselves is no good beyond this machine */
	const char *tls_cert, *tls_key;	/* PEM files; both NULL: plain HTTP */
	const struct engine_options *engine;	/* that runs workflows, its database aside; NULL: none here */
};

/* Returns as soon as connections are taken.  Beyond loopback it wants a token that was given,
 * and TLS: else ERR_USAGE.  Nothing of options is kept. */
bool local_service_start(const struct local_service_options *options, struct local_service **out, struct err *err);

/* The same for the endpoint "local": on a free port of 127.0.0.1, with a token that nobody else
 * learns, over the database in state_dir, which is made if it is not there. */
const char *local_service_database(struct arena *a, const char *state_dir);
bool local_service_start_embedded(const char *state_dir, const struct engine_options *engine, struct local_service **out,
                       struct err *err);

/* True if its workflows are run in this process. */
bool local_service_runs_here(struct local_service *serve);
/* engine_drain() of its engine, if it has one. */
void local_service_drain(struct local_service *serve, int stop_fd);

/* Lets requests that are under way end, then closes everything.  Takes NULL. */
void local_service_stop(struct local_service *serve);
void local_service_stopp(struct local_service **serve);

/* "http://127.0.0.1:8484/workflows/api/v1", or "unix:PATH": what --endpoint takes.  Valid until
 * local_service_stop(), as is the token. */
const char *local_service_url(const struct local_service *serve);
const char *local_service_token(const struct local_service *serve);

#endif
