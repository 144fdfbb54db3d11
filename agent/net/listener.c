#include "agent/net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static bool parse_port(const char *text, uint16_t *port)
{
	unsigned long value = 0;

	for (const char *s = text; *s; s++) {
		if (*s < '0' || *s > '9' || s - text == 5)
			return false;
		value = value * 10 + (unsigned long)(*s - '0');
	}
	*port = (uint16_t)value;
	return *text && value <= UINT16_MAX;
}

bool listener_split_address(struct arena *a, const char *address, const char **host, uint16_t *port, struct err *err)
{
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : 0;
	bool brackets = len > 2 && address[0] == '[' && address[len - 1] == ']';
	uint16_t number;

	/* Without brackets the last part of an IPv6 address would be taken for a port. */
	if (len == 0 || !parse_port(colon + 1, &number) ||
	    (!brackets && strcspn(address, ":[]") < len))
		return err_usage(err, "listen address \"%s\": expected HOST:PORT, such as 127.0.0.1:8484 or "
		                 "[::1]:8484", address);
	*host = arena_strndup(a, address + brackets, len - 2 * brackets);
	*port = number;
	return true;
}

static void free_addresses(struct addrinfo **list)
{
	if (*list)
		freeaddrinfo(*list);
}

static bool resolve_listen_host(const char *host, uint16_t port, struct addrinfo **out, struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	char service[8];
	int code;

	/* A machine whose hosts file lacks it means loopback by it all the same (RFC 6761, 6.3). */
	if (strcasecmp(host, "localhost") == 0)
		host = "127.0.0.1";
	snprintf(service, sizeof service, "%u", (unsigned)port);
	code = getaddrinfo(host, service, &hints, out);
	if (code == EAI_SYSTEM)
		return err_sys(err, errno, "listen on \"%s\"", host);
	if (code != 0)
		return err_set(err, "listen on \"%s\": %s", host, gai_strerror(code));
	return true;
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;
		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	}
	const struct sockaddr_in6 *in6 = (const void *)address;
	return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

bool listener_is_loopback(const char *host, bool *out, struct err *err)
{
	CLEANUP(free_addresses) struct addrinfo *list = NULL;
	bool all = true;

	if (!resolve_listen_host(host, 0, &list, err))
		return false;
	for (const struct addrinfo *i = list; i; i = i->ai_next)
		all = all && is_loopback(i->ai_addr);
	*out = all;
	return true;
}

static uint16_t bound_port(int fd)
{
	union { struct sockaddr any; struct sockaddr_in in; struct sockaddr_in6 in6; } name = { 0 };
	socklen_t len = sizeof name;

	if (getsockname(fd, &name.any, &len) != 0)
		return 0;
	return ntohs(name.any.sa_family == AF_INET6 ? name.in6.sin6_port : name.in.sin_port);
}

/* Sets errno and returns -1 on failure. */
static int listen_at(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* A service that was just stopped leaves connections behind that would hold its port for
	 * a minute. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

bool listener_open_tcp(const char *host, uint16_t port, struct listener *out, struct err *err)
{
	CLEANUP(free_addresses) struct addrinfo *list = NULL;
	struct listener made = LISTENER;

	if (!resolve_listen_host(host, port, &list, err))
		return false;
	for (const struct addrinfo *i = list; i && made.fd < 0; i = i->ai_next)
		made.fd = listen_at(i);
	if (made.fd < 0)
		return err_sys(err, errno, "listen on port %u of \"%s\"", (unsigned)port, host);
	made.port = bound_port(made.fd);
	*out = made;
	return true;
}

/* True if path is free now. */
static bool remove_dead_socket(const struct sockaddr_un *address, struct err *err)
{
	const char *path = address->sun_path;
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT || err_sys(err, errno, "listen on \"%s\"", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, "listen on \"%s\": there is a file of that name that is no socket", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool dead = fd >= 0 && connect(fd, (const void *)address, sizeof *address) != 0 &&
	            errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	if (!dead)
		return err_set(err, "listen on \"%s\": another process listens there", path);
	if (unlink(path) != 0 && errno != ENOENT)
		return err_sys(err, errno, "take away the dead socket \"%s\"", path);
	return true;
}

bool listener_open_unix(const char *path, struct listener *out, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEANUP(listener_close) struct listener made = LISTENER;
	struct stat st;

	if (strlen(path) >= sizeof address.sun_path)
		return err_usage(err, "socket path \"%s\" is longer than the %zu bytes a socket's can have",
		                 path, sizeof address.sun_path - 1);
	strcpy(address.sun_path, path);
	if (!remove_dead_socket(&address, err))
		return false;
	made.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* The file is made with the mode that the socket has: there is no moment in which others
	 * could connect. */
	if (made.fd < 0 || fchmod(made.fd, 0600) != 0 ||
	    bind(made.fd, (const void *)&address, sizeof address) != 0 ||
	    lstat(path, &st) != 0 || listen(made.fd, BACKLOG) != 0)
		return err_sys(err, errno, "listen on \"%s\"", path);
	made.path = strdup(path);
	if (!made.path)
		abort();
	made.device = st.st_dev;
	made.inode = st.st_ino;
	*out = made;
	made = LISTENER;
	return true;
}

void listener_close(struct listener *l)
{
	struct stat st;

	/* As long as the socket is open, no other file can have its number. */
	if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
		unlink(l->path);
	free(l->path);
	if (l->fd >= 0)
		close(l->fd);
	*l = LISTENER;
}
