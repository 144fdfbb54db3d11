#include "agent/util/systemd_notify.h"

#include <systemd/sd-daemon.h>

#include "agent/util/clock.h"
#include "reconcile/base/printable.h"

enum { STATUS_MAX = 500 };

void systemd_notify_ready(void)
{
	sd_notify(0, "READY=1");
}

/* Both in one message: systemd takes RELOADING without the time it began for a fault of a
 * Type=notify-reload service. */
void systemd_notify_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic_us());
}

void systemd_notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

/* A line break would begin another assignment, and systemd refuses what is no UTF-8, so that it
 * is cut between characters. */
void systemd_notify_status(const char *fmt, ...)
{
	CLEANUP(buf_done) struct buf raw = BUF_TEXT, plain = BUF_TEXT;
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&raw, fmt, ap);
	va_end(ap);
	printable_add(&plain, buf_str(&raw));
	len = plain.len < STATUS_MAX ? plain.len : STATUS_MAX;
	while (len < plain.len && (buf_str(&plain)[len] & 0xc0) == 0x80)
		len--;
	sd_notifyf(0, "STATUS=%.*s", (int)len, buf_str(&plain));
}

int64_t systemd_notify_watchdog_ms(void)
{
	uint64_t usec;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	return usec < 2000 ? 1 : (int64_t)(usec / 2000);
}

void systemd_notify_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}
