#include "tests/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/util/systemd_notify.h"

/* A socket where systemd's would be. */
struct manager {
	int fd;
	char path[80];
	char said[4096];
};

static void listen_at(struct manager *m, const char *address)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	size_t len = strlen(address);

	memcpy(name.sun_path, address, len + 1);
	if (*address == '@')
		name.sun_path[0] = '\0';
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(m->fd, (void *)&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
	                                                        (*address != '@'))), 0);
	setenv("NOTIFY_SOCKET", address, 1);
}

/* The next message; "" if there is none. */
static const char *next(struct manager *m)
{
	ssize_t n = recv(m->fd, m->said, sizeof m->said - 1, 0);

	m->said[n > 0 ? n : 0] = '\0';
	return m->said;
}

static int set_up(void **state)
{
	struct manager *m = calloc(1, sizeof *m);

	assert_non_null(m);
	snprintf(m->path, sizeof m->path, "/tmp/flowsync-notify-%ld", (long)getpid());
	unlink(m->path);
	listen_at(m, m->path);
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	struct manager *m = *state;

	close(m->fd);
	unlink(m->path);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	free(m);
	return 0;
}

static void each_state_is_one_message(void **state)
{
	systemd_notify_ready();
	systemd_notify_alive();
	systemd_notify_stopping();
	systemd_notify_status("%d syncs, last: %s", 2, "converged");
	assert_string_equal(next(*state), "READY=1");
	assert_string_equal(next(*state), "WATCHDOG=1");
	assert_string_equal(next(*state), "STOPPING=1");
	assert_string_equal(next(*state), "STATUS=2 syncs, last: converged");
	assert_string_equal(next(*state), "");
}

static void an_abstract_socket_is_one_too(void **state)
{
	struct manager m = { .fd = -1 };

	snprintf(m.path, sizeof m.path, "@flowsync-notify-%ld", (long)getpid());
	listen_at(&m, m.path);
	systemd_notify_ready();
	assert_string_equal(next(&m), "READY=1");
	assert_string_equal(next(*state), "");
	close(m.fd);
}

static int64_t monotonic_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void a_reload_says_in_the_same_message_when_it_began(void **state)
{
	static const char begins[] = "RELOADING=1\nMONOTONIC_USEC=";
	int64_t before = monotonic_usec(), said;
	char end = 0;

	systemd_notify_reloading();
	const char *message = next(*state);
	assert_memory_equal(message, begins, strlen(begins));
	assert_int_equal(sscanf(message + strlen(begins), "%" SCNd64 "%c", &said, &end), 1);
	assert_true(said >= before && said <= monotonic_usec());
	assert_string_equal(next(*state), "");
}

static void a_status_is_one_line_of_bounded_length(void **state)
{
	char text[1002];

	systemd_notify_status("%s", "a\nSTOPPING=1\x1b");
	assert_string_equal(next(*state), "STATUS=a\\nSTOPPING=1\\x1b");
	/* Of two bytes each: the limit falls into one. */
	text[0] = 'x';
	for (size_t i = 1; i < sizeof text - 1; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[sizeof text - 1] = '\0';
	systemd_notify_status("%s", text);
	const char *message = next(*state);
	assert_int_equal(strlen(message), strlen("STATUS=") + 499);
	assert_memory_equal(message + strlen("STATUS="), text, 499);
}

static void the_watchdog_is_fed_twice_in_its_time(void **state)
{
	static const struct { const char *usec; int64_t ms; } cases[] = {
		{ NULL, 0 }, { "60000000", 30000 }, { "1", 1 }, { "3999", 1 }, { "x", 0 }, { "0", 0 },
	};
	char pid[32];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (cases[i].usec)
			setenv("WATCHDOG_USEC", cases[i].usec, 1);
		assert_int_equal(systemd_notify_watchdog_ms(), cases[i].ms);
	}
	setenv("WATCHDOG_USEC", "2000000", 1);
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(systemd_notify_watchdog_ms(), 1000);
	/* Meant for another process. */
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(systemd_notify_watchdog_ms(), 0);
}

static void without_systemd_nothing_happens(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	systemd_notify_ready();
	systemd_notify_reloading();
	systemd_notify_status("x");
	assert_int_equal(systemd_notify_watchdog_ms(), 0);
	assert_string_equal(next(*state), "");
	/* Nor where there was one. */
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	systemd_notify_alive();
	systemd_notify_stopping();
	assert_string_equal(next(*state), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_state_is_one_message, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_abstract_socket_is_one_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reload_says_in_the_same_message_when_it_began, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_status_is_one_line_of_bounded_length, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_watchdog_is_fed_twice_in_its_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_systemd_nothing_happens, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
