/* supervisor.h: the process that runs one attempt: it creates the folder, runs the commands, writes their log, and
 * writes the result once no process of theirs is left. */
#ifndef AGENT_SERVICE_EXEC_SUPERVISOR_H
#define AGENT_SERVICE_EXEC_SUPERVISOR_H

#include "reconcile/base/base.h"

/* What the runner writes to a supervisor's control socket.  A supervisor writes there only why the attempt could not
 * begin: a text without NUL, of less than SUPERVISOR_MESSAGE_MAX bytes, before it exits. */
struct supervisor_order {
	int grace_ms;	/* end the attempt: SIGTERM, SIGKILL so much later; 0: SIGKILL at once */
};

enum {
	SUPERVISOR_MESSAGE_MAX = 256,
	SUPERVISOR_GIVE_UP_MS = 10 * 1000,	/* how long killed processes are waited for */
};

/* The grace if the runner is gone, and for processes that a command left running.  Only a test changes it. */
extern int supervisor_lost_ms;

/* Exit codes of a supervisor. */
enum { SUPERVISOR_DONE, SUPERVISOR_LEFT_SOMETHING, SUPERVISOR_BROKEN };

/* Runs the attempt in the file `document`; returns the exit code.  control is one end of a SOCK_SEQPACKET pair, whose
 * end-of-file means that the runner is gone.  The process must have one thread, must hold no descriptor whose
 * end-of-file another process waits for (but the runner's), and descriptors above stderr must be close-on-exec. */
int supervisor_run(int document, int control);

#endif
