/* What libmicrohttpd can answer at most: a server with one fixed body.
 *
 *     fixed BYTES
 *
 * prints its URL and answers each request with so many bytes, from one thread, until SIGTERM. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum MHD_Result answer(void *response, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_len, void **state)
{
	/* The first call of a request is made before its body has been read. */
	if (!*state) {
		*state = response;
		return MHD_YES;
	}
	if (*upload_len) {
		*upload_len = 0;
		return MHD_YES;
	}
	return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

int main(int argc, char **argv)
{
	size_t len = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	char *body = malloc(len);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	sigset_t end;
	int number;

	if (!len || !body) {
		fputs("usage: fixed BYTES\n", stderr);
		return 64;
	}
	memset(body, ' ', len);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	struct MHD_Response *response = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Content-Type", "application/json");
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, response,
						     MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_END);
	if (!daemon) {
		fputs("cannot start the server\n", stderr);
		return 1;
	}
	printf("http://127.0.0.1:%d\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	sigwait(&end, &number);
	MHD_stop_daemon(daemon);
	MHD_destroy_response(response);
	free(body);
	return 0;
}
