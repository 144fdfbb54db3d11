#include "agent/service/engine/cron_time.h"

#include "agent/util/timezone.h"
#include "reconcile/schema/cron.h"

int64_t cron_time_next(const char *cron, int64_t now)
{
	int64_t next;

	return cron_next(cron, now / 1000, timezone_offset, &next) ? next * 1000 : -1;
}
