#include "agent/service/engine/cron_time.h"

#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/timezone.h"
#include "reconcile/base/buf.h"
#include "reconcile/schema/cron.h"

enum { NEVER_KEPT_MS = 3600 * 1000 };

int64_t cron_time_next(const char *cron, int64_t now)
{
	int64_t next;

	return cron_next(cron, now / 1000, timezone_offset, &next) ? next * 1000 : -1;
}

static void compute_cron_time(struct cron_times *t, struct kept_cron_time *k, const char *cron, size_t len, int64_t now)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int64_t next = cron_time_next(arena_strndup(&a, cron, len), now);
	const char *text = next >= 0 ? timestamp_text(&a, next) : "";

	t->computed++;
	*k = (struct kept_cron_time){ .from = now, .until = next >= 0 ? next : now + NEVER_KEPT_MS };
	strncpy(k->text, text, sizeof k->text - 1);
	if (len < sizeof k->cron)
		memcpy(k->cron, cron, len);
	else
		k->until = now;
}

const char *cron_times_next(struct cron_times *t, const char *cron, size_t len, int64_t now)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)cron[i]) * 16777619u;
	struct kept_cron_time *k = &t->kept[(hash ^ hash >> 16) % CRON_TIMES_KEPT];
	if (now < k->from || now >= k->until || strlen(k->cron) != len || memcmp(k->cron, cron, len) != 0)
		compute_cron_time(t, k, cron, len, now);
	return k->text;
}

void cron_time_warn(struct log *log, int64_t workflow, const char *cron)
{
	struct err why;

	if (!cron_check(cron, &why))
		log_warn(log, "workflow %lld: the time of cron \"%s\" never comes: %s", (long long)workflow, cron, why.msg);
}
