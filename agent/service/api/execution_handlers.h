/* execution_handlers.h: what the local service answers about runs.  For routes.c's table. */
#ifndef AGENT_SERVICE_API_EXECUTION_HANDLERS_H
#define AGENT_SERVICE_API_EXECUTION_HANDLERS_H

#include "agent/service/api/api_request.h"

void service_execute(struct call *c);
void service_executions(struct call *c);
void service_execution(struct call *c);
void service_stop(struct call *c);
void service_logs(struct call *c);
void service_download(struct call *c);		/* says where the log can be fetched */
void service_downloaded(struct call *c);	/* there it is; without a token */
void service_hook(struct call *c);		/* a webhook is pulled; without a token */

#endif
