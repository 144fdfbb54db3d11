/* systemd_notify.h: reports the agent's state to systemd (sd_notify).  All of it does nothing where no
 * NOTIFY_SOCKET is in the environment.  libsystemd lives in systemd_notify.c. */
#ifndef AGENT_UTIL_SYSTEMD_NOTIFY_H
#define AGENT_UTIL_SYSTEMD_NOTIFY_H

#include <stdint.h>

#include "reconcile/base/base.h"

void systemd_notify_ready(void);	/* after the start, and again when a reload has ended */
void systemd_notify_reloading(void);
void systemd_notify_stopping(void);
/* What systemctl status shows: one line; control characters in it are escaped, and what passes
 * some hundred bytes is left out. */
void systemd_notify_status(const char *fmt, ...) PRINTF(1, 2);

/* How often systemd_notify_alive() is wanted: half of the unit's WatchdogSec; 0: never. */
int64_t systemd_notify_watchdog_ms(void);
void systemd_notify_alive(void);

#endif
