/* routes.h: the REST interface of the local service (contract, 2 and 3): a request in, a status and JSON out.  It has
 * no socket: http_server.c brings the requests. */
#ifndef AGENT_SERVICE_API_ROUTES_H
#define AGENT_SERVICE_API_ROUTES_H

#include "agent/net/http_server.h"
#include "agent/service/api/workflow_json.h"

struct service_api {
	struct store *store;
	const char *token;	/* expected in each request, bare, in the header Authorization */
	int64_t (*now)(void);	/* milliseconds since 1970: clock_now() outside of tests */
	void (*uuid)(char out[UUID_LEN + 1]);	/* uuid_make() outside of tests */
	int wake;		/* of wakeup_open(): tells the engine of each change; -1: there is no engine to tell */
	bool tls;		/* clients reach it by https */
	struct log *log;	/* of crons that never fire; NULL: none is logged */
	bool sets_cron_times;	/* an engine of this process starts executions of crons, in its time zone */
	struct cron_times *cron_times;
	struct arena *scratch;	/* of one request after the other: its pages are kept in between */
};

/* Stores the parts of answers that are missing: a database of an earlier version has none.  Without them each answer is
 * made when it is asked for, so a failure does no harm. */
void routes_store_answers(struct service_api *api);

/* The handler of requests to api, which has to stay valid as long as the handler is used. */
struct http_handler routes_handler(struct service_api *api);

#endif
