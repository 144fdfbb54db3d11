#include "agent/cmd/workflow_session.h"

static const struct command *const commands[] = {
	&cmd_workflow_list,
	&cmd_workflow_describe,
	&cmd_workflow_create,
	&cmd_workflow_update,
	&cmd_workflow_patch,
	&cmd_workflow_create_or_update,
	&cmd_workflow_delete,
	&cmd_workflow_pause,
	&cmd_workflow_resume,
	&cmd_workflow_execute,
	&cmd_workflow_executions,
	&cmd_workflow_execution,
	&cmd_workflow_logs,
	&cmd_workflow_stop,
	&cmd_workflow_resources,
	&cmd_workflow_default_resource,
	NULL,
};

const struct command cmd_workflow = {
	.name = "workflow",
	.summary = "every operation of the service, by hand",
	.help = "Every operation of the service, by hand.  A workflow is named by its ID or its name.",
	.commands = commands,
};
