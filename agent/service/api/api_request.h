/* api_request.h: one request to the local service on its way to its answer.  For service_*.c
 * alone. */
#ifndef AGENT_SERVICE_API_API_REQUEST_H
#define AGENT_SERVICE_API_API_REQUEST_H

#include "agent/service/api/routes.h"

enum { PAGE_SIZE = 25, PAGE_SIZE_MAX = 1000, PAGE_NUMBER_MAX = 1000000000 };

/* Everyone with the token is the same to us. */
extern const char service_user[];

struct api_request {
	const struct service_api *api;
	const struct http_request *request;
	struct http_response *response;
	struct arena *arena;
	int64_t id;		/* of the workflow in the path */
	const char *word;	/* the other part of the path that is free: an executionId, say */
};

void api_reply(struct api_request *c, int status, const struct node *body);
void api_reply_text(struct api_request *c, const char *json);
/* The store failed. */
void api_reply_store_error(struct api_request *c, const struct err *err);

/* Of the query; NULL if it was not sent. */
const char *api_parameter(const struct api_request *c, const char *name);
/* These leave *out alone if the parameter was not sent, and have answered if false. */
bool api_number(struct api_request *c, const char *name, int64_t most, int64_t *out);
/* Sets a bit for each word that was sent. */
bool api_words(struct api_request *c, const char *name, const char *const *words, size_t count, unsigned *out);
bool api_execution_statuses(struct api_request *c, const char *name, unsigned *out);	/* bits of enum dag_status */

void api_put_page(struct api_request *c, struct node *out, int64_t number, int64_t size, int64_t total);

/* The workflow in the path, and its body; have answered if false. */
bool api_find_workflow(struct api_request *c, struct stored_workflow *out);
bool api_body(struct api_request *c, const struct stored_workflow *workflow, struct node **out);

#endif
