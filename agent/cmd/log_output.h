/* log_output.h: prints the log lines of an execution to a stream. */
#ifndef AGENT_CMD_LOG_OUTPUT_H
#define AGENT_CMD_LOG_OUTPUT_H

#include <stdio.h>

#include "agent/cmd/execution_client.h"

struct log_output {
	FILE *out;
	bool many;	/* lines of several steps: each begins with the name of its step */
	bool raw;	/* for a file: control characters stay */
	bool ends;	/* reading ends when out cannot be written, as a reader has seen enough (| head) */
};

/* Prints lines as "2026-11-23T04:05:06.789Z text", after "step | " if many is set.  print has to outlive the result. */
struct execution_log_sink log_output_lines(struct log_output *print);

#endif
