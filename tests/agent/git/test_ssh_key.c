#include "tests/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/git/ssh_key.h"

#define OPENSSH(lines) "-----BEGIN OPENSSH PRIVATE KEY-----\n" lines "-----END OPENSSH PRIVATE KEY-----\n"

/* What ssh-keygen wrote, up to where the secret part begins: nobody's key stands here. */
#define ED25519 \
	"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUx\n" \
	"OQAAACCnVDGx8Wvsa++0B8u8sd9QlxsWAudz9YN+ZLUf0iQ5WQ==\n"
#define LOCKED \
	"b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABCyopbGtF+kYStn\n" \
	"gw0I2f7tAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIPKPZeVezgYpB5zFNgHASQD2EYfW\n" \
	"KeEux7huqYOA1gxm\n"
#define RSA \
	"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAlwAAAAdzc2gtcnNhAAAA\n" \
	"AwEAAQAAAIEAtBKehuSGftipPxDzYLbgsPIBQc+4S3CCDz0QcmU+wJ3+uJCRZBkGZHKe+OmurEcs\n" \
	"wgCS4WZRV+rnQ0/k+agLkZUCfHiCpRqNQYCAMt5khGjOHhDm4iUoYRtbXcXNTUJDFn55Vmba/wYj\n" \
	"NorI3SXaHf6VanfkIQ9OXHCLn6sw9ZE=\n"

static const struct {
	const char *text;	/* of the file; NULL: there is none */
	struct ssh_key key;
	const char *msg;	/* NULL: it is good */
} cases[] = {
	{ OPENSSH(ED25519), { 0 }, NULL },
	{ "a word before it\r\n" OPENSSH(ED25519), { 0 }, NULL },
	{ OPENSSH(LOCKED), { .locked = true }, NULL },
	{ OPENSSH(RSA), { .rsa = true }, NULL },
	{ "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n", { 0 }, NULL },
	{ "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHs\n-----END ENCRYPTED PRIVATE KEY-----\n", { .locked = true }, NULL },
	{ "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n", { .rsa = true }, NULL },
	{ "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIE\n-----END RSA PRIVATE KEY-----\n",
	  { .locked = true, .rsa = true }, NULL },
	{ "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n", { 0 }, NULL },

	{ NULL, { 0 }, "cannot be read: No such file or directory" },
	{ "", { 0 }, "contains no private key in OpenSSH's form or in PEM" },
	{ "PuTTY-User-Key-File-3: ssh-ed25519\n", { 0 }, "contains no private key in OpenSSH's form or in PEM" },
	{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKdU a@b\n", { 0 },
	  "contains a public key; expected the private key that belongs to it" },
	{ "-----BEGIN PUBLIC KEY-----\nMIGH\n-----END PUBLIC KEY-----\n", { 0 },
	  "contains a public key; expected the private key that belongs to it" },
	{ OPENSSH(""), { 0 }, "contains a corrupt private key of OpenSSH" },
	{ OPENSSH("b3BlbnNzaC1rZXktdjEA\n"), { 0 }, "contains a corrupt private key of OpenSSH" },
	{ OPENSSH("b3BlbnNzaC1rZXktdjEA/////w==\n"), { 0 }, "contains a corrupt private key of OpenSSH" },
	{ OPENSSH("not base64!\n"), { 0 }, "contains a corrupt private key of OpenSSH" },
	{ "-----BEGIN OPENSSH PRIVATE KEY-----\n" ED25519, { 0 }, "contains a corrupt private key of OpenSSH" },
};

static void a_key_file_says_what_it_is_or_what_is_wrong_with_it(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char path[] = "/tmp/flowsync-key-XXXXXX";
		struct ssh_key key = { 0 };
		struct err err = { 0 };
		int fd = mkstemp(path);
		assert_true(fd >= 0);
		if (cases[i].text)
			assert_int_equal(write(fd, cases[i].text, strlen(cases[i].text)), strlen(cases[i].text));
		else
			unlink(path);
		close(fd);
		bool good = ssh_key_inspect(path, &key, &err);
		unlink(path);
		assert_string_equal(good ? "" : err.msg, cases[i].msg ? cases[i].msg : "");
		assert_int_equal(key.locked, cases[i].key.locked);
		assert_int_equal(key.rsa, cases[i].key.rsa);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_file_says_what_it_is_or_what_is_wrong_with_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
