#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/git/known_hosts.h"

/* Keys are compared as bytes: these are "key one", "key two", "key three" and "key four". */
#define ONE	"a2V5IG9uZQ=="
#define TWO	"a2V5IHR3bw=="
#define THREE	"a2V5IHRocmVl"
#define STOLEN	"a2V5IGZvdXI="

static const char text[] =
	"# a comment\n"
	"\n"
	"plain.example ssh-ed25519 " ONE " somebody@somewhere\n"
	"a.example,10.0.0.1,[a.example]:2222 ecdsa-sha2-nistp256 " TWO "\r\n"
	"|1|MDEyMzQ1Njc4OWFiY2RlZmdoaWo=|KUUijchiu6PXKh5QH01UYx6Y1v8= ssh-ed25519 " ONE "\n"
	"|1|MDEyMzQ1Njc4OWFiY2RlZmdoaWo=|IRMr76Z9s/x37gpw1ztVK0hGYLA= ssh-ed25519 " TWO "\n"
	"both.example ssh-rsa " ONE "\n"
	"both.example ecdsa-sha2-nistp384 " TWO "\n"
	"  both.example ssh-ed25519 " THREE "\n"
	"old.example ssh-rsa " ONE "\n"
	"*.wild.example ssh-ed25519 " ONE "\n"
	"@cert-authority ca.example ssh-ed25519 " ONE "\n"
	"stolen.example ssh-ed25519 " STOLEN "\n"
	"@revoked stolen.example ssh-ed25519 " STOLEN "\n"
	"broken.example\n"
	"broken.example ssh-ed25519\n"
	"odd.example sk-ssh-ed25519@openssh.com " ONE "\n"
	"last.example ssh-ed25519 " ONE;

static struct known_hosts *open_hosts(const char *content)
{
	char path[] = "/tmp/flowsync-hosts-XXXXXX";
	struct known_hosts *hosts = NULL;
	int fd = mkstemp(path);
	struct err err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
	if (!known_hosts_read(path, &hosts, &err))
		fail_msg("%s", err.msg);
	unlink(path);
	return hosts;
}

static void a_host_is_known_by_its_very_key(void **state)
{
	CLEANUP(known_hosts_free) struct known_hosts *hosts = open_hosts(text);
	static const struct { const char *host; int port; const char *key; enum known_host is; } cases[] = {
		{ "plain.example", 22, "key one", HOST_KNOWN }, { "plain.example", 22, "key two", HOST_CHANGED },
		{ "plain.example", 22, "key on", HOST_CHANGED }, { "plain.example", 22, "key one!", HOST_CHANGED },
		{ "xplain.example", 22, "key one", HOST_UNKNOWN }, { "plain.exampl", 22, "key one", HOST_UNKNOWN },
		{ "a.example", 22, "key two", HOST_KNOWN }, { "10.0.0.1", 22, "key two", HOST_KNOWN },
		{ "a.example", 2222, "key two", HOST_KNOWN }, { "a.example", 2222, "key one", HOST_CHANGED },
		{ "hashed.example", 22, "key one", HOST_KNOWN }, { "hashed.example", 22, "key two", HOST_CHANGED },
		{ "hashed.example", 2222, "key two", HOST_KNOWN },
		{ "both.example", 22, "key one", HOST_KNOWN }, { "both.example", 22, "key three", HOST_KNOWN },
		{ "x.wild.example", 22, "key one", HOST_UNKNOWN }, { "ca.example", 22, "key one", HOST_UNKNOWN },
		{ "stolen.example", 22, "key four", HOST_REVOKED }, { "broken.example", 22, "key one", HOST_UNKNOWN },
		{ "@revoked", 22, "key one", HOST_UNKNOWN }, { "plain.example", 22, "key four", HOST_REVOKED }, { "last.example", 22, "key one", HOST_KNOWN },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (known_hosts_check(hosts, cases[i].host, cases[i].port, cases[i].key, strlen(cases[i].key)) != cases[i].is)
			fail_msg("%s port %d, %s", cases[i].host, cases[i].port, cases[i].key);
}

/* A file each; git.example shows "key one". */
static void a_line_counts_for_its_host_and_its_port(void **state)
{
	static const struct { const char *file; int port; enum known_host is; } cases[] = {
		{ "git.example ssh-ed25519 " ONE "\n", 22, HOST_KNOWN },
		{ "git.example\tssh-ed25519\t" ONE "\n", 22, HOST_KNOWN },
		{ "git.example ssh-ed25519 " TWO "\ngit.example ssh-ed25519 " ONE "\n", 22, HOST_KNOWN },
		/* one without a port is for any, as with ssh */
		{ "git.example ssh-ed25519 " ONE "\n", 2222, HOST_KNOWN },
		{ "[git.example]:2222 ssh-ed25519 " ONE "\n", 2222, HOST_KNOWN },
		{ "[git.example]:2222 ssh-ed25519 " ONE "\n", 22, HOST_UNKNOWN },
		{ "[git.example]:2222 ssh-ed25519 " ONE "\n", 2223, HOST_UNKNOWN },
		{ "[git.example]:2222 ssh-ed25519 " TWO "\n", 2222, HOST_CHANGED },
		/* a key that is revoked for anybody is trusted for nobody */
		{ "@revoked git.example ssh-ed25519 " ONE "\n", 22, HOST_REVOKED },
		{ "git.example ssh-ed25519 " ONE "\n@revoked * ssh-ed25519 " ONE "\n", 22, HOST_REVOKED },
		{ "@revoked\t*.org ssh-ed25519 " ONE "\ngit.example ssh-ed25519 " ONE "\n", 22, HOST_REVOKED },
		{ "git.example ssh-ed25519 " ONE "\n@revoked git.example ssh-ed25519 " TWO "\n", 22, HOST_KNOWN },
		/* patterns fit nobody, least of all whom they leave out */
		{ "*.example,git.* ssh-ed25519 " ONE "\n", 22, HOST_UNKNOWN },
		{ "!git.example,*.example ssh-ed25519 " ONE "\n", 22, HOST_UNKNOWN },
		{ "# git.example ssh-ed25519 " ONE "\n", 22, HOST_UNKNOWN },
		{ "junk\n\n|1|x\ngit.example ssh-ed25519 !!!!\ngit.example ssh-ed25519 " ONE "\n", 22, HOST_KNOWN },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(known_hosts_free) struct known_hosts *hosts = open_hosts(cases[i].file);
		if (known_hosts_check(hosts, "git.example", cases[i].port, "key one", 7) != cases[i].is)
			fail_msg("port %d: %s", cases[i].port, cases[i].file);
	}
}

static void the_server_is_asked_for_the_best_key_that_is_known(void **state)
{
	CLEANUP(known_hosts_free) struct known_hosts *hosts = open_hosts(text);
	static const struct { const char *host; int port; const char *kind, *has; } cases[] = {
		{ "both.example", 22, "ssh-ed25519", "both.example ssh-ed25519 " THREE "\n" },
		{ "a.example", 2222, "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256 " TWO },
		{ "hashed.example", 22, "ssh-ed25519", "KUUijchiu6PXKh5QH01UYx6Y1v8= ssh-ed25519 " ONE },
		{ "old.example", 22, "ssh-rsa", "old.example ssh-rsa " ONE },
		{ "odd.example", 22, NULL, NULL }, { "nobody.example", 22, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *kind, *lines = known_hosts_lines(hosts, &a, cases[i].host, cases[i].port, &kind);
		assert_string_equal(kind ? kind : "none", cases[i].kind ? cases[i].kind : "none");
		if (!cases[i].kind)
			assert_string_equal(lines, "");
		else if (!strstr(lines, cases[i].has))
			fail_msg("%s: %s", cases[i].host, lines);
		for (const char *line = lines; *line; line = strchr(line, '\n') + 1)
			if (!memmem(line, strcspn(line, "\n"), kind, strlen(kind)))
				fail_msg("%s: %s", cases[i].host, lines);
	}
}

static void an_empty_file_knows_nobody_and_none_is_an_error(void **state)
{
	CLEANUP(known_hosts_free) struct known_hosts *hosts = open_hosts("");
	struct known_hosts *none = NULL;
	struct err err;

	assert_int_equal(known_hosts_check(hosts, "h", 22, "k", 1), HOST_UNKNOWN);
	assert_false(known_hosts_read("/nowhere/known_hosts", &none, &err));
	assert_string_equal(err.msg, "cannot be read: No such file or directory");
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_is_known_by_its_very_key),
		cmocka_unit_test(a_line_counts_for_its_host_and_its_port),
		cmocka_unit_test(the_server_is_asked_for_the_best_key_that_is_known),
		cmocka_unit_test(an_empty_file_knows_nobody_and_none_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
