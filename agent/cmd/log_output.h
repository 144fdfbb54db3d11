/* log_output.h: the log lines of a run on a stream, for people. */
#ifndef AGENT_CMD_LOG_OUTPUT_H
#define AGENT_CMD_LOG_OUTPUT_H

#include <stdio.h>

#include "agent/cmd/execution_client.h"

struct log_output {
	FILE *out;
	bool many;	/* of several steps: each line begins with its step */
	bool raw;	/* for a file: control characters stay */
};

/* "2026-11-23T04:05:06.789Z text", with "step | " in front; print outlives what it gives. */
struct execution_log_sink log_output_lines(struct log_output *print);

#endif
