/* api_request.h: one request to the local service, from its parameters to its answer.  For routes.c and the
 * handlers alone.  A function that returns false has put the answer into the response. */
#ifndef AGENT_SERVICE_API_API_REQUEST_H
#define AGENT_SERVICE_API_API_REQUEST_H

#include "agent/service/api/routes.h"
#include "reconcile/base/diagnostics.h"

enum { API_PAGE_SIZE = 25, API_PAGE_SIZE_MAX = 1000, API_PAGE_NUMBER_MAX = 1000000000 };

/* The user of all requests: the service has only one token, so it cannot distinguish users. */
extern const char api_user[];

struct api_request {
	struct service_api *api;
	const struct http_request *http;
	struct http_response *response;
	struct arena *arena;		/* until the answer is sent */
	int64_t id;			/* the workflow's, from the path */
	const char *path_word;		/* what stands for "*" in the path: an executionId, for example */
};

/* Answers: body as JSON; JSON text with status 200; an error of the store (503 and Retry-After if another process
 * keeps it busy, else 500). */
void api_reply(struct api_request *r, int status, const struct node *body);
void api_reply_text(struct api_request *r, const char *json);
void api_reply_store_error(struct api_request *r, const struct err *err);

/* An answer 400 with all errors of a body. */
void api_reply_faults(struct api_request *r, const struct diagnostics *faults);
/* Reads the request's body as JSON. */
bool api_read_body(struct api_request *r, struct node **out);

/* A parameter of the query, the last one if it was sent more than once; NULL: it was not sent. */
const char *api_parameter(const struct api_request *r, const char *name);
/* Reads a parameter from 1 to max.  *out is untouched if it was not sent. */
bool api_number(struct api_request *r, const char *name, int64_t max, int64_t *out);
/* Sets a bit in *out, the index in words, for each time that the parameter was sent. */
bool api_words(struct api_request *r, const char *name, const char *const *words, size_t count, unsigned *out);
/* The same for the statuses of executions: bits of enum dag_status. */
bool api_execution_statuses(struct api_request *r, const char *name, unsigned *out);

/* Adds pageCount, pageNumber and pageSize. */
void api_put_page(struct api_request *r, struct node *out, int64_t number, int64_t size, int64_t total);

/* The workflow in the path. */
bool api_find_workflow(struct api_request *r, struct stored_workflow *out);
/* Its body, read into the request's arena. */
bool api_body(struct api_request *r, const struct stored_workflow *workflow, struct node **out);

#endif
