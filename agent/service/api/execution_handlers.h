/* execution_handlers.h: what the local service answers about runs.  For routes.c's table. */
#ifndef AGENT_SERVICE_API_EXECUTION_HANDLERS_H
#define AGENT_SERVICE_API_EXECUTION_HANDLERS_H

#include "agent/service/api/api_request.h"

void handle_execute(struct api_request *c);
void handle_executions(struct api_request *c);
void handle_execution(struct api_request *c);
void handle_stop(struct api_request *c);
void handle_logs(struct api_request *c);
void handle_log_download(struct api_request *c);		/* says where the log can be fetched */
void handle_log_file(struct api_request *c);	/* there it is; without a token */
void handle_webhook(struct api_request *c);		/* a webhook is pulled; without a token */

#endif
