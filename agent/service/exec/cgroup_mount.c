#include "agent/service/exec/cgroup_mount.h"

#include <string.h>

/* The path in the line "0::PATH", which is that of version 2; NULL: there is no such line. */
static const char *cgroup_mount_own_path(struct arena *a, const char *own)
{
	for (; *own; own += strcspn(own, "\n"), own += *own == '\n')
		if (strncmp(own, "0::/", 4) == 0)
			return arena_strndup(a, own + 3, strcspn(own + 3, "\n"));
	return NULL;
}

static bool cgroup_mount_is_octal(const char *s)
{
	for (int i = 0; i < 3; i++)
		if (s[i] < '0' || s[i] > '7')
			return false;
	return true;
}

/* A field of mountinfo, where spaces, newlines and backslashes are written like "\040". */
static const char *cgroup_mount_unescape(struct arena *a, const char *field, size_t len)
{
	char *text = arena_strndup(a, field, len), *to = text;

	for (const char *from = text; *from; ) {
		if (from[0] == '\\' && cgroup_mount_is_octal(from + 1)) {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return text;
}

struct cgroup_mount_entry {
	const char *root, *point, *type;
};

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS" (proc(5)). */
static void cgroup_mount_parse_line(struct arena *a, const char *line, size_t len, struct cgroup_mount_entry *m)
{
	const char *end = line + len;
	bool tags_over = false;

	*m = (struct cgroup_mount_entry){ 0 };
	for (int i = 0; line < end && !m->type; i++) {
		const char *space = memchr(line, ' ', end - line);
		size_t n = (space ? space : end) - line;
		if (i == 3)
			m->root = cgroup_mount_unescape(a, line, n);
		else if (i == 4)
			m->point = cgroup_mount_unescape(a, line, n);
		else if (tags_over)
			m->type = arena_strndup(a, line, n);
		tags_over = i > 5 && n == 1 && *line == '-';
		line += n + 1;
	}
}

/* The part of the path below root; NULL: the path is not below root. */
static const char *cgroup_mount_relative_path(const char *path, const char *root)
{
	size_t len = strlen(root);

	if (strcmp(root, "/") == 0)
		return path;
	if (strncmp(path, root, len) == 0 && (path[len] == '/' || !path[len]))
		return path + len;
	return NULL;
}

/* A path that begins with ".." is outside of this cgroup namespace. */
static bool cgroup_mount_is_outside(const char *path)
{
	return strncmp(path, "/..", 3) == 0 && (path[3] == '/' || !path[3]);
}

bool cgroup_mount_find(struct arena *a, const char *own, const char *mounts, const char **folder,
                       struct err *err)
{
	const char *path = cgroup_mount_own_path(a, own), *below;
	size_t len;

	if (!path)
		return err_set(err, "this process has no cgroup of version 2");
	for (; *mounts; mounts += len + (mounts[len] == '\n')) {
		struct cgroup_mount_entry m;
		len = strcspn(mounts, "\n");
		cgroup_mount_parse_line(a, mounts, len, &m);
		if (!m.type || strcmp(m.type, "cgroup2") != 0 || cgroup_mount_is_outside(path) ||
		    !(below = cgroup_mount_relative_path(path, m.root)))
			continue;
		*folder = arena_printf(a, "%s%s", m.point, strcmp(below, "/") == 0 ? "" : below);
		return true;
	}
	return err_set(err, "the cgroup \"%s\" of this process is not mounted here as version 2", path);
}
