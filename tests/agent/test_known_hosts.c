#include "tests/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base64.h"
#include "agent/known_hosts.h"

/* Public keys as ssh-keygen made them, nobody's. */
#define OURS  "AAAAC3NzaC1lZDI1NTE5AAAAIKdUMbHxa+xr77QHy7yx31CXGxYC53P1g35ktR/SJDlZ"
#define OTHER "AAAAC3NzaC1lZDI1NTE5AAAAINx6N+0at3Vx9ByRBbx1oZC+CCB9yfzpgeVce7Jcsfqz"
#define ECDSA "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBND2sIAuvyxXiDtQDms6KpGr" \
              "YyLomQLha4d282UrZugVrvECgiE/86H46DJOsR7Gn6tD0b2AzvOzcVhqLU3ZhJk="
#define ED25519 "ssh-ed25519 "

/* What ssh-keygen -H makes of git.example.org, and of [git.example.org]:2222. */
#define HASHED      "|1|NbwzMz5LdDJzcwd0E50XAgB0KH0=|1pdbx9U/vE/6mIpAJ/KS+8ll6Jo="
#define HASHED_2222 "|1|sKW1HhBzBpAQwqjwffQq0C4RxZQ=|JRu5nSKPybuvIpre1WPGMXZdmww="

static struct known_hosts *hosts_of(const char *text)
{
	char path[] = "/tmp/flowsync-hosts-XXXXXX";
	struct known_hosts *hosts = NULL;
	struct err err = { 0 };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	bool good = known_hosts_read(path, &hosts, &err);
	unlink(path);
	assert_true(good);
	return hosts;
}

static const struct {
	const char *file;
	int port;		/* of git.example.org, which shows OURS */
	enum known_host known;
} cases[] = {
	{ "", 22, HOST_UNKNOWN },
	{ "git.example.org " ED25519 OURS "\n", 22, HOST_KNOWN },
	{ "git.example.org " ED25519 OURS " a comment", 22, HOST_KNOWN },
	{ "git.example.org " ED25519 OURS "\r\n", 22, HOST_KNOWN },
	{ "git.example.org\t" ED25519 OURS "\n", 22, HOST_KNOWN },
	{ "10.0.0.7,git.example.org " ED25519 OURS "\n", 22, HOST_KNOWN },
	{ "git.example.org " ED25519 OTHER "\n", 22, HOST_CHANGED },
	{ "git.example.org " ED25519 OTHER "\ngit.example.org " ED25519 OURS "\n", 22, HOST_KNOWN },
	{ "git.example.org ecdsa-sha2-nistp256 " ECDSA "\n", 22, HOST_CHANGED },
	{ "www.example.org " ED25519 OURS "\n", 22, HOST_UNKNOWN },
	{ "www.git.example.org,git.example " ED25519 OURS "\n", 22, HOST_UNKNOWN },
	/* ports: a line without one is for any, as with ssh */
	{ "[git.example.org]:2222 " ED25519 OURS "\n", 2222, HOST_KNOWN },
	{ "[git.example.org]:2222 " ED25519 OURS "\n", 22, HOST_UNKNOWN },
	{ "[git.example.org]:2222 " ED25519 OURS "\n", 2223, HOST_UNKNOWN },
	{ "[git.example.org]:2222 " ED25519 OTHER "\n", 2222, HOST_CHANGED },
	{ "git.example.org " ED25519 OURS "\n", 2222, HOST_KNOWN },
	/* hashed */
	{ HASHED " " ED25519 OURS "\n", 22, HOST_KNOWN },
	{ HASHED " " ED25519 OTHER "\n", 22, HOST_CHANGED },
	{ HASHED_2222 " " ED25519 OURS "\n", 2222, HOST_KNOWN },
	{ HASHED_2222 " " ED25519 OURS "\n", 22, HOST_UNKNOWN },
	/* marks */
	{ "@revoked git.example.org " ED25519 OURS "\n", 22, HOST_REVOKED },
	{ "@revoked * " ED25519 OURS "\ngit.example.org " ED25519 OURS "\n", 22, HOST_REVOKED },
	{ "git.example.org " ED25519 OURS "\n@revoked\tgit.example.org " ED25519 OURS "\n", 22, HOST_REVOKED },
	{ "git.example.org " ED25519 OURS "\n@revoked git.example.org " ED25519 OTHER "\n", 22, HOST_KNOWN },
	{ "git.example.org " ED25519 OURS "\n@revoked *.com " ED25519 OURS "\n", 22, HOST_REVOKED },
	{ "@cert-authority git.example.org " ED25519 OURS "\n", 22, HOST_UNKNOWN },
	/* patterns fit nobody, least of all whom they leave out */
	{ "*.example.org " ED25519 OURS "\n", 22, HOST_UNKNOWN },
	{ "!git.example.org,*.example.org " ED25519 OURS "\n", 22, HOST_UNKNOWN },
	/* what cannot be understood is passed over */
	{ "# git.example.org " ED25519 OURS "\n", 22, HOST_UNKNOWN },
	{ "junk\n\n|1|x\ngit.example.org ssh-ed25519\ngit.example.org " ED25519 OURS "\n", 22, HOST_KNOWN },
	{ "git.example.org ssh-ed25519 !!!!\n", 22, HOST_UNKNOWN },
};

static void a_host_is_known_by_its_very_key(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(known_hosts_free) struct known_hosts *hosts = hosts_of(cases[i].file);
		const uint8_t *key;
		size_t len;

		assert_true(base64_read(&a, OURS, strlen(OURS), &key, &len));
		if (known_hosts_check(hosts, "git.example.org", cases[i].port, (const char *)key, len) != cases[i].known)
			fail_msg("port %d of: %s", cases[i].port, cases[i].file);
	}
}

static void the_best_kind_of_the_known_keys_is_asked_for(void **state)
{
	static const struct { const char *file, *kind; } kinds[] = {
		{ "git.example.org ecdsa-sha2-nistp256 " ECDSA "\ngit.example.org " ED25519 OURS "\n", "ssh-ed25519" },
		{ "git.example.org ecdsa-sha2-nistp256 " ECDSA "\nwww.example.org " ED25519 OURS "\n",
		  "ecdsa-sha2-nistp256" },
		{ HASHED " ecdsa-sha2-nistp256 " ECDSA "\n", "ecdsa-sha2-nistp256" },
		{ "www.example.org " ED25519 OURS "\n", NULL },
		{ "@revoked git.example.org " ED25519 OURS "\n", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(known_hosts_free) struct known_hosts *hosts = hosts_of(kinds[i].file);
		const char *kind;
		const char *lines = known_hosts_lines(hosts, &a, "git.example.org", 22, &kind);

		assert_string_equal(kind ? kind : "none", kinds[i].kind ? kinds[i].kind : "none");
		assert_true(kind ? strstr(lines, kind) != NULL : *lines == '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_is_known_by_its_very_key),
		cmocka_unit_test(the_best_kind_of_the_known_keys_is_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
