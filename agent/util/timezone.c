#include "agent/util/timezone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reconcile/base/buf.h"

static const char folder[] = "/usr/share/zoneinfo";
static bool chosen;

/* A name, and nothing that leads out of the folder: libc takes whatever it cannot read for UTC. */
static bool timezone_is_name(const char *name)
{
	return *name && *name != '/' && *name != '.' && !strstr(name, "/.") && strlen(name) < 256 &&
	       name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/.")]
	       == '\0';
}

static bool timezone_is_zone_file(const char *path)
{
	char magic[4] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	bool is = fread(magic, 1, sizeof magic, f) == sizeof magic && memcmp(magic, "TZif", 4) == 0;
	fclose(f);
	return is;
}

bool timezone_use(const char *name, struct err *err)
{
	CLEANUP(buf_done) struct buf tz = BUF_TEXT;

	if (!timezone_is_name(name))
		return err_usage(err, "expected the name of a time zone such as Europe/Berlin, "
		                      "found \"%s\"", name);
	if (strcmp(name, "UTC") == 0) {
		buf_adds(&tz, "UTC0");
	} else {
		buf_addf(&tz, ":%s/%s", folder, name);
		if (!timezone_is_zone_file(buf_str(&tz) + 1))
			return err_usage(err, "time zone \"%s\" is not known: %s has no such file",
			                 name, folder);
	}
	if (setenv("TZ", buf_str(&tz), 1) != 0)
		return err_sys(err, errno, "set the time zone");
	tzset();
	chosen = true;
	return true;
}

int64_t timezone_offset(int64_t utc)
{
	time_t t = (time_t)utc;
	struct tm tm;

	return chosen && localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}
