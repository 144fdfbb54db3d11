/* supervisor.h: the process that one attempt is given: it makes the folder, runs the commands, keeps what
 * they print, and sees to it that nothing is left of them when it writes the result. */
#ifndef AGENT_SERVICE_EXEC_SUPERVISOR_H
#define AGENT_SERVICE_EXEC_SUPERVISOR_H

#include "reconcile/base/base.h"

/* What the runner writes to a keeper's control; what a keeper writes there, before it ends, is why the
 * attempt could not be begun: a text without a NUL, of less than SUPERVISOR_MESSAGE_MAX bytes. */
struct supervisor_order {
	int grace_ms;	/* end it: SIGTERM, then SIGKILL so much later; 0: at once */
};

enum {
	SUPERVISOR_MESSAGE_MAX = 256,
	SUPERVISOR_GIVE_UP_MS = 10 * 1000,	/* so long after SIGKILL what has not ended is not waited for any more */
};

/* The grace when the runner is gone, and of what a command left running.  Only a test sets it, so as not to wait so long. */
extern int supervisor_lost_ms;

/* How a keeper exits. */
enum { SUPERVISOR_DONE, SUPERVISOR_LEFT_SOMETHING, SUPERVISOR_BROKEN };

/* Runs the attempt whose document the file `document` holds; returns how to exit.  control is one end
 * of a SOCK_SEQPACKET pair: its end of file means that the runner is gone.  For a process of one thread
 * that inherited no descriptor to which something is to come when others end; descriptors past stderr
 * have to be closed by exec. */
int supervisor_run(int document, int control);

#endif
