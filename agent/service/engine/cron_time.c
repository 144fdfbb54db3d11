#include "agent/service/engine/cron_time.h"

#include "agent/util/log.h"
#include "agent/util/timezone.h"
#include "reconcile/schema/cron.h"

int64_t cron_time_next(const char *cron, int64_t now)
{
	int64_t next;

	return cron_next(cron, now / 1000, timezone_offset, &next) ? next * 1000 : -1;
}

void cron_time_warn(struct log *log, int64_t workflow, const char *cron)
{
	struct err why;

	if (!cron_check(cron, &why))
		log_warn(log, "workflow %lld: the time of cron \"%s\" never comes: %s", (long long)workflow, cron, why.msg);
}
