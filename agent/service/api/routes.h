/* routes.h: the local workflow service as the contract describes it: a request in, a status
 * and JSON out.  It knows no socket; http_server.c brings the requests. */
#ifndef AGENT_SERVICE_API_ROUTES_H
#define AGENT_SERVICE_API_ROUTES_H

#include "agent/net/http_server.h"
#include "agent/service/api/workflow_json.h"

struct service_api {
	struct store *store;
	const char *token;	/* every request has to bring it, bare, in Authorization */
	int64_t (*now)(void);	/* milliseconds since 1970: clock_now() outside of tests */
	void (*uuid)(char out[UUID_LEN + 1]);	/* uuid_make() outside of tests */
	int wake;		/* wakeup_open()'s: what was written is told there; -1: nobody is told */
	bool tls;		/* it is reached by https */
	bool reckons;		/* an engine in this process begins what is due, in its zone */
};

/* The handler that answers for api, which is kept. */
struct http_handler routes_handler(struct service_api *api);

#endif
