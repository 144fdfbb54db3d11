/* execution_handlers.h: the handlers of requests about executions.  For the table in routes.c. */
#ifndef AGENT_SERVICE_API_EXECUTION_HANDLERS_H
#define AGENT_SERVICE_API_EXECUTION_HANDLERS_H

#include "agent/service/api/api_request.h"

void handle_execute(struct api_request *r);
void handle_executions(struct api_request *r);
void handle_execution(struct api_request *r);
void handle_stop(struct api_request *r);
void handle_logs(struct api_request *r);
void handle_log_download(struct api_request *r);	/* answers a URL for handle_log_file() */
void handle_log_file(struct api_request *r);		/* the log as text; no token, the URL has a proof */
void handle_webhook(struct api_request *r);		/* starts an execution; no token, the URL is secret */

#endif
