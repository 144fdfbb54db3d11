/* runner_process.h: the runner, the process that runs attempts for the service, and its protocol; the service's side is
 * runner_client.h. */
#ifndef AGENT_SERVICE_EXEC_RUNNER_PROCESS_H
#define AGENT_SERVICE_EXEC_RUNNER_PROCESS_H

#include <stdint.h>

#include "agent/service/exec/supervisor.h"

/* What the service requests: one struct runner_order in each packet. */
enum runner_request {
	RUNNER_REQUEST_BEGIN,	/* the document of the attempt is sent as a descriptor */
	RUNNER_REQUEST_END,
	RUNNER_REQUEST_STOP,	/* end all attempts, then exit */
};

struct runner_order {
	enum runner_request what;
	int grace_ms;
	uint64_t id;
};

/* What the runner reports about an attempt that is over: one in each packet. */
struct runner_report {
	uint64_t id;
	bool broken;		/* the attempt could not begin: message says why */
	char message[SUPERVISOR_MESSAGE_MAX];
};

/* Runs attempts until the service requests the stop, or is gone, and all attempts have ended.  Returns the exit code.
 * stdin is one end of a SOCK_SEQPACKET pair.  Descriptors above stderr stay open here and in every supervisor; commands
 * do not get them. */
int runner_process_run(void);

#endif
