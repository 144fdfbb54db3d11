#include "agent/cmd/cli.h"
#include "agent/service/service.h"

const struct command cmd_send_notification = {
	.name = "send-notification",
	.summary = "send a notification about an execution (used by flowsync itself)",
	.bare = true,
	.hidden = true,
	.run = service_send_notification_main,
};
