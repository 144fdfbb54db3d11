#include "agent/git/known_hosts.h"

#include <libssh2.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/file.h"
#include "reconcile/base/buf.h"

enum { KNOWN_HOSTS_MAX = 4 << 20 };	/* bytes of the file */

/* Best first: old servers alone know the signatures that libssh2 makes of an RSA key. */
static const struct { int kind; const char *name; } key_kinds[] = {
	{ LIBSSH2_KNOWNHOST_KEY_ED25519, "ssh-ed25519" },
	{ LIBSSH2_KNOWNHOST_KEY_ECDSA_256, "ecdsa-sha2-nistp256" },
	{ LIBSSH2_KNOWNHOST_KEY_ECDSA_384, "ecdsa-sha2-nistp384" },
	{ LIBSSH2_KNOWNHOST_KEY_ECDSA_521, "ecdsa-sha2-nistp521" },
	{ LIBSSH2_KNOWNHOST_KEY_SSHRSA, "ssh-rsa" },
};

struct known_hosts {
	LIBSSH2_SESSION *session;	/* never connected: the collections hang on it */
	LIBSSH2_KNOWNHOSTS *all, *revoked;
	LIBSSH2_KNOWNHOSTS *of[ARRAY_LEN(key_kinds)];
};

static const char revoked_mark[] = "@revoked", anybody[] = "anybody";

static void add_host_line(LIBSSH2_KNOWNHOSTS *to, const char *line)
{
	/* libssh2 ignores a line that it cannot parse, so such a line makes no host trusted. */
	libssh2_knownhost_readline(to, line, strlen(line), LIBSSH2_KNOWNHOST_FILE_OPENSSH);
}

/* The name of a key's kind follows the hosts. */
static void add_to_key_kind(struct known_hosts *h, const char *line)
{
	const char *kind = line + strcspn(line, " \t");

	kind += strspn(kind, " \t");
	size_t len = strcspn(kind, " \t");
	for (size_t i = 0; i < ARRAY_LEN(key_kinds); i++)
		if (strlen(key_kinds[i].name) == len && strncmp(kind, key_kinds[i].name, len) == 0)
			add_host_line(h->of[i], line);
}

/* A revoked key is refused for every host, whatever hosts its line names (often the pattern "*"). */
static void add_revoked_key(struct known_hosts *h, struct arena *a, const char *line)
{
	line += strspn(line, " \t");
	line += strcspn(line, " \t");
	add_host_line(h->revoked, arena_printf(a, "%s%s", anybody, line));
}

static void read_host_line(struct known_hosts *h, struct arena *a, const char *line)
{
	size_t mark = strlen(revoked_mark);

	line += strspn(line, " \t");
	if (strncmp(line, revoked_mark, mark) == 0 && strchr(" \t", line[mark]))
		add_revoked_key(h, a, line + mark);
	if (!*line || *line == '@' || *line == '#')
		return;
	add_host_line(h->all, line);
	add_to_key_kind(h, line);
}

static LIBSSH2_KNOWNHOSTS *new_host_list(struct known_hosts *h)
{
	LIBSSH2_KNOWNHOSTS *list = libssh2_knownhost_init(h->session);

	if (!list)
		abort();
	return list;
}

static struct known_hosts *known_hosts_new(void)
{
	struct known_hosts *h = calloc(1, sizeof *h);

	if (!h || libssh2_init(0) != 0)
		abort();
	h->session = libssh2_session_init();
	if (!h->session)
		abort();
	h->all = new_host_list(h);
	h->revoked = new_host_list(h);
	for (size_t i = 0; i < ARRAY_LEN(key_kinds); i++)
		h->of[i] = new_host_list(h);
	return h;
}

bool known_hosts_read(const char *path, struct known_hosts **out, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *text;
	size_t len;

	if (!file_read(&a, path, KNOWN_HOSTS_MAX, &text, &len, err))
		return false;
	struct known_hosts *h = known_hosts_new();
	for (char *rest = arena_strndup(&a, text, len), *line; (line = strsep(&rest, "\n")); ) {
		line[strcspn(line, "\r")] = '\0';
		read_host_line(h, &a, line);
	}
	*out = h;
	return true;
}

void known_hosts_free(struct known_hosts **hosts)
{
	struct known_hosts *h = *hosts;

	if (!h)
		return;
	for (size_t i = 0; i < ARRAY_LEN(key_kinds); i++)
		libssh2_knownhost_free(h->of[i]);
	libssh2_knownhost_free(h->revoked);
	libssh2_knownhost_free(h->all);
	libssh2_session_free(h->session);
	libssh2_exit();
	free(h);
	*hosts = NULL;
}

static int check_host_key_in(LIBSSH2_KNOWNHOSTS *list, const char *host, int port, const char *key, size_t len)
{
	return libssh2_knownhost_checkp(list, host, port, key, len,
	                                LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW, NULL);
}

enum known_host known_hosts_check(struct known_hosts *h, const char *host, int port,
                                  const char *key, size_t len)
{
	if (check_host_key_in(h->revoked, anybody, 22, key, len) == LIBSSH2_KNOWNHOST_CHECK_MATCH)
		return HOST_REVOKED;
	switch (check_host_key_in(h->all, host, port, key, len)) {
	case LIBSSH2_KNOWNHOST_CHECK_MATCH:	return HOST_KNOWN;
	case LIBSSH2_KNOWNHOST_CHECK_MISMATCH:	return HOST_CHANGED;
	default:				return HOST_UNKNOWN;
	}
}

static void write_host_lines(LIBSSH2_KNOWNHOSTS *list, struct buf *out)
{
	struct libssh2_knownhost *host = NULL;

	while (libssh2_knownhost_get(list, &host, host) == 0) {
		char line[8192];
		size_t len;
		if (libssh2_knownhost_writeline(list, host, line, sizeof line, &len,
		                                LIBSSH2_KNOWNHOST_FILE_OPENSSH) == 0)
			buf_add(out, line, len);
	}
}

/* A key that fits nothing differs from every key, if there is one. */
const char *known_hosts_lines(struct known_hosts *h, struct arena *a, const char *host, int port,
                              const char **kind)
{
	CLEANUP(buf_done) struct buf lines = BUF(KNOWN_HOSTS_MAX * 2);

	*kind = NULL;
	for (size_t i = 0; i < ARRAY_LEN(key_kinds); i++) {
		if (check_host_key_in(h->of[i], host, port, "", 1) != LIBSSH2_KNOWNHOST_CHECK_MISMATCH)
			continue;
		*kind = key_kinds[i].name;
		write_host_lines(h->of[i], &lines);
		break;
	}
	return arena_strdup(a, buf_str(&lines));
}
