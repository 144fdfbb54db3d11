/* runner_process.h: the process that runs attempts for the service, and what the two say to each other; the
 * service's side is runner_client.h. */
#ifndef AGENT_SERVICE_EXEC_RUNNER_PROCESS_H
#define AGENT_SERVICE_EXEC_RUNNER_PROCESS_H

#include <stdint.h>

#include "agent/service/exec/supervisor.h"

/* What the service writes, one in each packet. */
enum runner_request {
	RUNNER_REQUEST_BEGIN,	/* the document of the attempt comes as a descriptor */
	RUNNER_REQUEST_END,
	RUNNER_REQUEST_STOP,	/* end all, and yourself then */
};

struct runner_order {
	enum runner_request what;
	int grace_ms;
	uint64_t id;
};

/* And what it is told. */
struct runner_report {
	uint64_t id;
	bool broken;		/* the attempt could not be begun */
	char message[SUPERVISOR_MESSAGE_MAX];
};

/* Runs attempts until it is told to stop, or the service is gone, and all of them have ended; returns
 * how to exit.  stdin is one end of a SOCK_SEQPACKET pair.  What is open past stderr stays open here
 * and in every keeper, and is closed towards the commands. */
int runner_process_run(void);

#endif
