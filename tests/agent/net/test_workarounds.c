/* What our code does only because a library has a fault, or lacks something, in a release that we
 * support.  A row fails as soon as no supported release needs it: then the workaround can be removed.
 * Where the library of this machine is one of a supported release, the fault itself is looked for.
 *
 * When a release of Debian is no longer supported, remove it from `releases` and from the rows; when one
 * is added, add it to both: the tests then say what is to be done. */
#include "tests/test.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <git2.h>
#include <json-c/json.h>
#include <libssh2.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/buf.h"
#include "tests/agent/net/badserver.h"

enum library { JSON_C, CURL_LIBRARY, LIBGIT2, LIBSSH2_LIBRARY, LIBRARIES };

enum { DEBIAN_12, DEBIAN_13, RELEASES };

static const struct { const char *name, *version[LIBRARIES]; } releases[RELEASES] = {
	[DEBIAN_12] = { "Debian 12", { [JSON_C] = "0.16", [CURL_LIBRARY] = "7.88.1", [LIBGIT2] = "1.5.1",
	                               [LIBSSH2_LIBRARY] = "1.10.0" } },
	[DEBIAN_13] = { "Debian 13", { [JSON_C] = "0.18", [CURL_LIBRARY] = "8.14.1", [LIBGIT2] = "1.9.0",
	                               [LIBSSH2_LIBRARY] = "1.11.1" } },
};

static const char *const library_names[LIBRARIES] = {
	[JSON_C] = "json-c", [CURL_LIBRARY] = "libcurl", [LIBGIT2] = "libgit2", [LIBSSH2_LIBRARY] = "libssh2",
};

/* The version that this program runs with. */
static const char *version_here(struct arena *a, enum library library)
{
	int major, minor, patch;

	switch (library) {
	case JSON_C:		return json_c_version();
	case CURL_LIBRARY:	return curl_version_info(CURLVERSION_NOW)->version;
	case LIBSSH2_LIBRARY:	return libssh2_version(0);
	default:
		git_libgit2_version(&major, &minor, &patch);
		return arena_printf(a, "%d.%d.%d", major, minor, patch);
	}
}

/* ---- the faults: each function says whether the library of this machine has it ---- */

static bool json_c_refuses_text_that_is_not_ascii(void)
{
	struct json_tokener *tokener = json_tokener_new();

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	struct json_object *read = json_tokener_parse_ex(tokener, "\"\xc3\xbc\"", 4);
	bool refused = !read;
	json_object_put(read);
	json_tokener_free(tokener);
	return refused;
}

static size_t give_one_byte(char *to, size_t size, size_t count, void *given)
{
	if (*(bool *)given)
		return 0;
	*(bool *)given = true;
	*to = 'x';
	return 1;
}

static int refuse_to_seek(void *context, curl_off_t offset, int origin)
{
	return CURL_SEEKFUNC_FAIL;
}

static size_t drop_bytes(char *bytes, size_t size, size_t count, void *context)
{
	return size * count;
}

static CURLcode post_one_byte(CURL *easy, const struct badserver *server, const char *path)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	bool given = false;

	curl_easy_setopt(easy, CURLOPT_URL, arena_printf(&a, "http://127.0.0.1:%s%s", server->name, path));
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 1L);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_one_byte);
	curl_easy_setopt(easy, CURLOPT_READDATA, &given);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, refuse_to_seek);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_bytes);
	return curl_easy_perform(easy);
}

static bool curl_handle_stays_unusable_after_a_lost_post(void)
{
	struct badserver server;
	CURL *easy = curl_easy_init();

	badserver_start(&server, (const char *const[]){ NULL });
	assert_int_equal(post_one_byte(easy, &server, "/echo"), CURLE_OK);
	assert_int_not_equal(post_one_byte(easy, &server, "/drop-second"), CURLE_OK);
	bool unusable = post_one_byte(easy, &server, "/echo") != CURLE_OK;
	curl_easy_cleanup(easy);
	badserver_stop(&server);
	return unusable;
}

static void write_piece(const char *path, const unsigned char *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* Makes a repository at dir whose one loose object, *id, is cut off behind its first bytes. */
static void make_repository_with_cut_object(struct arena *a, const char *dir, git_oid *id)
{
	static unsigned char bytes[100000], piece[60];
	git_repository *repository;

	/* Noise, so that packing it leaves more than the piece. */
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * i >> 3 ^ i);
	assert_int_equal(git_repository_init(&repository, dir, 1), 0);
	assert_int_equal(git_blob_create_from_buffer(id, repository, bytes, sizeof bytes), 0);
	git_repository_free(repository);
	const char *hex = git_oid_tostr_s(id);
	const char *path = arena_printf(a, "%s/objects/%.2s/%s", dir, hex, hex + 2);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fread(piece, 1, sizeof piece, f), sizeof piece);
	fclose(f);
	assert_int_equal(remove(path), 0);
	write_piece(path, piece, sizeof piece);
}

/* In a child that may take a few seconds of the processor. */
static bool git_reads_a_cut_object_for_ever(void)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char dir[] = "/tmp/flowsync-cut-XXXXXX";
	git_repository *repository;
	git_blob *blob;
	git_oid id;
	int status;

	assert_non_null(mkdtemp(dir));
	git_libgit2_init();
	make_repository_with_cut_object(&a, dir, &id);
	pid_t pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CPU, &(struct rlimit){ 3, 4 });
		if (git_repository_open_bare(&repository, dir) < 0)
			_exit(1);
		_exit(git_blob_lookup(&blob, repository, &id) == 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	git_libgit2_shutdown();
	assert_int_equal(system(arena_printf(&a, "rm -rf %s", dir)), 0);
	if (WIFSIGNALED(status))
		return true;
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static int listen_on_loopback(int *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

/* Ends with 1 as soon as a client is there that followed the redirect. */
static _Noreturn void redirect_one_client(int first, int second, int second_port)
{
	char text[4096];
	int client = accept(first, NULL, NULL);

	if (client < 0 || read(client, text, sizeof text) <= 0)
		_exit(2);
	dprintf(client, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/x/info/refs?service=git-upload-pack\r\n"
	        "Content-Length: 0\r\nConnection: close\r\n\r\n", second_port);
	close(client);
	_exit(accept(second, NULL, NULL) < 0 ? 2 : 1);
}

static bool git_follows_a_redirect_that_it_must_not(void)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	git_remote_connect_options options = GIT_REMOTE_CONNECT_OPTIONS_INIT;
	int first_port, second_port, status;
	int first = listen_on_loopback(&first_port), second = listen_on_loopback(&second_port);
	git_remote *remote;
	pid_t pid = fork();

	if (pid == 0)
		redirect_one_client(first, second, second_port);
	close(first);
	close(second);
	git_libgit2_init();
	options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
	assert_int_equal(git_remote_create_detached(&remote, arena_printf(&a, "http://127.0.0.1:%d/x", first_port)), 0);
	assert_true(git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &options) < 0);
	git_remote_free(remote);
	git_libgit2_shutdown();
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static unsigned authority_files;

/* libgit2 calls this one, as the linker prefers the names of the program. */
struct mbedtls_x509_crt;
int mbedtls_x509_crt_parse_file(struct mbedtls_x509_crt *chain, const char *path);
int mbedtls_x509_crt_parse_file(struct mbedtls_x509_crt *chain, const char *path)
{
	authority_files++;
	return 0;
}

static bool git_reads_all_authorities_at_its_start(void)
{
	authority_files = 0;
	git_libgit2_init();
	git_libgit2_shutdown();
	return authority_files > 0;
}

static bool git_lacks_the_header_of_its_errors(void)
{
	return LIBGIT2_VER_MAJOR == 1 && LIBGIT2_VER_MINOR < 8;
}

static bool git_has_no_option_for_its_home(void)
{
	return LIBGIT2_VER_MAJOR == 1 && LIBGIT2_VER_MINOR < 7;
}

static bool curl_misspells_an_option(void)
{
	return LIBCURL_VERSION_NUM < 0x080200;
}

static bool ssh_signs_rsa_with_sha_1_only(void)
{
	return !libssh2_version(0x010b00);
}

/* ---- the table ---- */

enum presence { ABSENT, PRESENT, EITHER /* depends on updates, or on the processor */ };

#if CHAR_MIN < 0
#define WHERE_CHAR_IS_SIGNED	PRESENT
#else
#define WHERE_CHAR_IS_SIGNED	EITHER
#endif

static const struct workaround {
	enum library library;
	const char *fault, *place;	/* place: the name in our code that goes, or becomes simpler */
	bool (*probe)(void);
	enum presence on[RELEASES];
} workarounds[] = {
	{ JSON_C, "its strict mode refuses text that is not ASCII, where char is signed", "write_in_ascii",
	  json_c_refuses_text_that_is_not_ascii, { ABSENT, WHERE_CHAR_IS_SIGNED } },
	{ CURL_LIBRARY, "a handle stays unusable once it wanted to rewind a body and could not", "slot_make_handle",
	  curl_handle_stays_unusable_after_a_lost_post, { ABSENT, PRESENT } },
	{ CURL_LIBRARY, "CURLOPT_MAIL_RCPT_ALLOWFAILS is misspelt before 8.2", "CURLOPT_MAIL_RCPT_ALLLOWFAILS",
	  curl_misspells_an_option, { PRESENT, ABSENT } },
	{ LIBGIT2, "a loose object that was cut off is read for ever", "git_loose_guard",
	  git_reads_a_cut_object_for_ever, { PRESENT, PRESENT } },
	{ LIBGIT2, "a redirect to another port is followed even if none may be", "is_connected_elsewhere",
	  git_follows_a_redirect_that_it_must_not, { EITHER, PRESENT } },
	{ LIBGIT2, "whenever it starts it reads all certificate authorities", "mbedtls_x509_crt_parse_file",
	  git_reads_all_authorities_at_its_start, { PRESENT, EITHER } },
	{ LIBGIT2, "before 1.8 there is no <git2/sys/errors.h>", "git_error_set_str",
	  git_lacks_the_header_of_its_errors, { PRESENT, ABSENT } },
	{ LIBGIT2, "before 1.7 there is no GIT_OPT_SET_HOMEDIR, but $HOME is looked at each time", "GIT_OPT_SET_HOMEDIR",
	  git_has_no_option_for_its_home, { PRESENT, ABSENT } },
	{ LIBSSH2_LIBRARY, "before 1.11 it signs with RSA keys by SHA-1 only, and users are told so", "signed with SHA-1 here",
	  ssh_signs_rsa_with_sha_1_only, { PRESENT, ABSENT } },
};

static void each_workaround_is_needed_by_a_supported_release(void **state)
{
	CLEANUP(buf_done) struct buf said = BUF_TEXT;

	for (size_t i = 0; i < ARRAY_LEN(workarounds); i++) {
		const struct workaround *w = &workarounds[i];
		bool needed = false;
		for (size_t r = 0; r < RELEASES; r++)
			needed |= w->on[r] != ABSENT;
		if (!needed)
			buf_addf(&said, "the workaround for %s can be removed: %s (%s), which no supported release has\n",
			         library_names[w->library], w->fault, w->place);
	}
	if (said.len)
		fail_msg("%s", buf_str(&said));
}

static void each_workaround_is_still_in_the_code(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(workarounds); i++)
		if (system(arena_printf(&a, "grep -rqF '%s' agent reconcile", workarounds[i].place)) != 0)
			fail_msg("no source has %s: remove its row here", workarounds[i].place);
}

static void compare_with_table(const struct workaround *w, const char *version, size_t release, struct buf *said)
{
	const char *library = library_names[w->library], *name = releases[release].name;

	if (w->on[release] == EITHER)
		return;
	bool present = w->probe();
	if (w->on[release] == PRESENT && !present)
		buf_addf(said, "%s %s of %s no longer has this fault: %s; say so in the table, and where no release has it, "
		         "the workaround can be removed: %s\n", library, version, name, w->fault, w->place);
	if (w->on[release] == ABSENT && present)
		buf_addf(said, "%s %s of %s has this fault: %s; say so in the table\n", library, version, name, w->fault);
}

static void a_library_of_a_supported_release_has_the_faults_of_the_table(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf said = BUF_TEXT;
	bool known = false;

	if (getenv("TESTS_RUN_SLOWLY"))		/* under valgrind, which measures another processor time */
		skip();
	for (size_t i = 0; i < ARRAY_LEN(workarounds); i++)
		for (size_t r = 0; r < RELEASES; r++) {
			const char *version = version_here(&a, workarounds[i].library);
			if (strcmp(version, releases[r].version[workarounds[i].library]) != 0)
				continue;
			known = true;
			compare_with_table(&workarounds[i], version, r, &said);
		}
	if (said.len)
		fail_msg("%s", buf_str(&said));
	if (!known)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_workaround_is_needed_by_a_supported_release),
		cmocka_unit_test(each_workaround_is_still_in_the_code),
		cmocka_unit_test(a_library_of_a_supported_release_has_the_faults_of_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
