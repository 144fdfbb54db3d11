#include "tests/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "agent/net/connection_table.h"
#include "reconcile/base/arena.h"

static void set_address(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (void *)out;
	struct sockaddr_in6 *in6 = (void *)out;

	*out = (struct sockaddr_storage){ .ss_family = strchr(text, ':') ? AF_INET6 : AF_INET };
	assert_int_equal(inet_pton(out->ss_family, text, out->ss_family == AF_INET6 ? (void *)&in6->sin6_addr
	                                                                             : (void *)&in->sin_addr), 1);
}

static void empty_table(struct connection_table *t)
{
	while (t->first)
		connection_table_remove(t, t->first);
	assert_int_equal(t->count, 0);
}

/* Opens connections from the first address until one is refused, CONNECTIONS_MAX at most; then asks for the other. */
static void an_address_has_a_limit_and_loopback_none(void **state)
{
	static const struct { const char *many; size_t opened; const char *other; bool admitted; } cases[] = {
		{ "192.0.2.1", CONNECTIONS_PER_ADDRESS, "192.0.2.1", false },
		{ "192.0.2.1", CONNECTIONS_PER_ADDRESS, "192.0.2.2", true },
		{ "192.0.2.1", CONNECTIONS_PER_ADDRESS, "::ffff:192.0.2.1", false },
		{ "192.0.2.1", CONNECTIONS_PER_ADDRESS, "127.0.0.1", true },
		{ "0.0.0.1", CONNECTIONS_PER_ADDRESS, "::1", true },
		{ "127.0.0.1", CONNECTIONS_MAX, "127.0.0.1", true },
		{ "::1", CONNECTIONS_MAX, "::1", true },
		{ "::ffff:127.0.0.9", CONNECTIONS_MAX, "127.0.0.1", true },
		/* A client with IPv6 has 2^64 addresses. */
		{ "2001:db8::1", CONNECTIONS_PER_ADDRESS, "2001:db8::2:3", false },
		{ "2001:db8::1", CONNECTIONS_PER_ADDRESS, "2001:db8:0:1::1", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct connection_table t = { 0 };
		struct sockaddr_storage many, other;
		set_address(cases[i].many, &many);
		set_address(cases[i].other, &other);
		while (t.count < CONNECTIONS_MAX && connection_table_admits(&t, (void *)&many))
			connection_table_add(&t, (void *)&many, -1);
		if (t.count != cases[i].opened || connection_table_admits(&t, (void *)&other) != cases[i].admitted)
			fail_msg("%zu of %s, then %s", t.count, cases[i].many, cases[i].other);
		connection_table_remove(&t, t.first->next);
		assert_true(connection_table_admits(&t, (void *)&many));
		empty_table(&t);
	}
	struct connection_table t = { 0 };
	connection_table_add(&t, NULL, -1);
	assert_true(connection_table_admits(&t, NULL));
	empty_table(&t);
}

static void the_last_connections_are_reserved(void **state)
{
	struct connection_table t = { 0 };

	for (int i = 0; i < CONNECTIONS_MAX; i++)
		assert_false(connection_table_add(&t, NULL, -1)->reserved);
	assert_true(connection_table_add(&t, NULL, -1)->reserved);
	connection_table_remove(&t, t.first);
	connection_table_remove(&t, t.first);
	assert_false(connection_table_add(&t, NULL, -1)->reserved);
	empty_table(&t);
}

static void who_is_late_is_cut(void **state)
{
	struct connection_table t = { 0 };
	int pairs[3][2];
	char c;

	assert_int_equal(connection_table_cut(&t, 5), 0);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pairs[i]), 0);
		connection_table_add(&t, NULL, pairs[i][0])->deadline = (int64_t[]){ 20, 0, 30 }[i];
	}
	assert_int_equal(connection_table_cut(&t, 19), 20);
	assert_int_equal(recv(pairs[0][1], &c, 1, 0), -1);
	assert_int_equal(connection_table_cut(&t, 20), 30);
	assert_int_equal(recv(pairs[0][1], &c, 1, 0), 0);
	assert_int_equal(connection_table_cut(&t, 1000), 0);
	assert_int_equal(recv(pairs[1][1], &c, 1, 0), -1);
	assert_int_equal(recv(pairs[2][1], &c, 1, 0), 0);
	empty_table(&t);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_a_limit_and_loopback_none),
		cmocka_unit_test(the_last_connections_are_reserved),
		cmocka_unit_test(who_is_late_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
