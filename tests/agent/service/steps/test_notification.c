#include "tests/test.h"
#include "agent/service/steps/notification.h"
#include "tests/agent/net/badserver.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "agent/util/file.h"
#include "agent/net/mail_message.h"
#include "agent/net/http_exchange.h"
#include "reconcile/tree/json.h"

static struct badserver web;
static char folder[] = "/tmp/flowsync-test-XXXXXX";

static const struct notification failed = {
	.workflow = "nightly", .workflow_id = 12, .execution = "0b0c1d2e-1111-4222-8333-444455556666", .event = "fail",
	.status = "Failed", .began = "2026-11-23T04:05:06.789Z", .finished = "2026-11-23T04:06:06.789Z",
	.detail = "extract failed: exit code 3\n.hidden: not sent",
};

struct told {
	struct arena arena;
	struct attempt_command command;
	struct masks masks;
	struct err err;
	struct attempt_reply reply;
	int code;
	char *said;
};

static void told_done(struct told *t)
{
	free(t->said);
	arena_free(&t->arena);
}

static const char *in_folder(struct arena *a, const char *name)
{
	return arena_printf(a, "%s/%s", folder, name);
}

static struct node *tree(struct arena *a, const char *json)
{
	char *text = arena_strdup(a, json);
	struct node *n;
	struct err err;

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	if (!json_read(a, text, strlen(text), &n, &err))
		fail_msg("%s: %s", err.msg, text);
	return n;
}

static bool make(struct told *t, const char *watcher, const struct notification *news,
                 const struct mail_server *server)
{
	return notification_command(&t->arena, tree(&t->arena, watcher), news, server, &t->command, &t->masks, &t->err);
}

static void serve(struct told *t, const char *document, size_t len)
{
	size_t said_len;

	free(t->said);
	FILE *out = open_memstream(&t->said, &said_len);
	t->reply = (struct attempt_reply){ .status = -1 };
	t->code = notification_send(&t->arena, document, len, out, &t->reply) ? attempt_reply_exit_code(&t->reply) : EX_USAGE;
	fclose(out);
	/* The reason is the line that was printed. */
	if (t->code == EX_UNAVAILABLE || t->code == EX_TEMPFAIL)
		assert_string_equal(t->said, arena_printf(&t->arena, "%s\n", t->reply.message));
}

static void tell(struct told *t, const char *watcher, const struct notification *news,
                 const struct mail_server *server)
{
	if (!make(t, watcher, news, server))
		fail_msg("%s", t->err.msg);
	assert_true(t->command.self);
	assert_string_equal(t->command.argv[0], "send-notification");
	assert_null(t->command.argv[1]);
	serve(t, t->command.input, t->command.len);
}

static void tell_in_haste(struct told *t, const char *watcher, const struct mail_server *server, int ms)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *document;

	if (!make(t, watcher, &failed, server))
		fail_msg("%s", t->err.msg);
	assert_true(json_read(&t->arena, t->command.input, t->command.len, &document, &t->err));
	node_put(&t->arena, document, "timeout_ms", node_int(&t->arena, ms));
	json_write(document, JSON_COMPACT, &text);
	serve(t, buf_str(&text), text.len);
}

/* ---- webhooks ---- */

static void a_webhook_is_told_what_its_watcher_says(void **state)
{
	static const struct mail_server none = { 0 };
	CLEANUP(told_done) struct told t = { 0 };

	tell(&t, arena_printf(&t.arena, "{'webhook': {'name': 'pager', 'url': 'http://us:er@127.0.0.1:%s/token?s3same', "
	     "'payload': '{{a}} \\'x\\''}, 'events': {}}", web.name), &failed, &none);
	assert_int_equal(t.code, EX_OK);
	assert_string_equal(t.said, arena_printf(&t.arena, "notified http://127.0.0.1:%s: answered 200\n", web.name));
	struct http_exchange r = {
		.called = "url", .url = arena_printf(&t.arena, "http://127.0.0.1:%s/last-token", web.name), .method = "GET",
		.connect_ms = 60000, .timeout_ms = 60000, .response_max = 1000,
	};
	CLEANUP(http_reply_done) struct http_reply answer = { 0 };
	assert_true(http_exchange(&r, &answer, &t.err));
	assert_string_equal(buf_str(&answer.body), arena_printf(&t.arena,
		"Accept: */*\nAuthorization: Basic dXM6ZXI=\nContent-Length: 9\nContent-Type: application/json\n"
		"Host: 127.0.0.1:%s\nUser-Agent: flowsync/" FLOWSYNC_VERSION "\n\n{{a}} \"x\"", web.name));
}

static void a_webhook_that_is_not_told_is_shown_by_host_alone(void **state)
{
	static const struct { const char *path, *said; int code; } cases[] = {
		{ "/unauthorised", "http://127.0.0.1:%s answered 401\n", EX_UNAVAILABLE },
		{ "/redirect", "http://127.0.0.1:%s answered 302 (redirects are not followed)\n", EX_UNAVAILABLE },
		{ "/server-error", "http://127.0.0.1:%s answered 500\n", EX_TEMPFAIL },
		{ "/busy", "http://127.0.0.1:%s answered 503\n", EX_TEMPFAIL },
		{ "/busy-once", "http://127.0.0.1:%s answered 429\n", EX_TEMPFAIL },
		{ "/drop", "the connection to 127.0.0.1:%s broke before a whole answer came\n", EX_TEMPFAIL },
		{ "/no-http", "the answer of 127.0.0.1:%s is not HTTP\n", EX_UNAVAILABLE },
		{ "/short", "the answer of 127.0.0.1:%s was cut short\n", EX_TEMPFAIL },
		{ "/silent", "no answer from 127.0.0.1:%s within 300ms\n", EX_TEMPFAIL },
		/* What it says beside its status does not matter, however much it is. */
		{ "/endless", "notified http://127.0.0.1:%s: answered 200\n", EX_OK },
		{ "/empty", "notified http://127.0.0.1:%s: answered 204\n", EX_OK },
	};
	static const struct mail_server none = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(told_done) struct told t = { 0 };
		CLEANUP(buf_done) struct buf want = BUF_TEXT;
		const char *port = strstr(cases[i].said, "%s");
		tell_in_haste(&t, arena_printf(&t.arena, "{'webhook': {'name': 'x', 'url': 'http://127.0.0.1:%s%s?s3same', "
		              "'payload': '{}'}}", web.name, cases[i].path), &none,
		              strcmp(cases[i].path, "/silent") == 0 ? 300 : 60000);
		buf_add(&want, cases[i].said, (size_t)(port - cases[i].said));
		buf_addf(&want, "%s%s", web.name, port + 2);
		assert_string_equal(t.said, buf_str(&want));
		assert_int_equal(t.code, cases[i].code);
		assert_string_equal(t.masks.items[0], arena_printf(&t.arena, "http://127.0.0.1:%s%s?s3same", web.name,
		                                                   cases[i].path));
	}
}

/* ---- what cannot be told ---- */

static void what_is_wrong_with_a_watcher_is_a_sentence(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(buf_done) struct buf many = BUF_TEXT;
	const char *empty = in_folder(&a, "empty"), *latin = in_folder(&a, "latin");
	const struct mail_server good = { .url = "smtp://127.0.0.1", .from = "flowsync@example.com" };
	const struct mail_server no_from = { .url = "smtp://127.0.0.1" };
	const struct mail_server bad_from = { .url = "smtp://127.0.0.1", .from = "flowsync" };
	const struct mail_server no_password = { .url = "smtp://h", .from = "a@b", .username = "u" };
	const struct mail_server no_user = { .url = "smtp://h", .from = "a@b", .password_file = empty };
	const struct mail_server no_file = { .url = "smtp://h", .from = "a@b", .username = "u",
	                                             .password_file = "/nonexistent/word" };
	const struct mail_server no_text = { .url = "smtp://h", .from = "a@b", .username = "u",
	                                             .password_file = empty };
	const struct mail_server no_utf8 = { .url = "smtp://h", .from = "a@b", .username = "u",
	                                             .password_file = latin };
	const struct mail_server none = { 0 };
	struct err err;

	for (int i = 0; i < 101; i++)
		buf_addf(&many, "%s'a%d@example.com'", i ? ", " : "", i);
	assert_true(file_replace(&a, empty, "\nx", 2, 0600, &err) && file_replace(&a, latin, "s3same\xe9", 7, 0600, &err));
	const struct { const char *watcher; const struct mail_server *server; const char *msg; } cases[] = {
		{ "{'events': {}}", &good, "a watcher needs one of: user, webhook, email" },
		{ "{'user': 'ops'}", &good, "the watcher's user is not a mail address, and this service has no list of users" },
		{ "{'user': 'a@example.com'}", &none, "no mail server is configured: set serve.smtp.url" },
		{ "{'user': 'a@example.com'}", &no_from, "no sender's address is configured: set serve.smtp.from" },
		{ "{'user': 'a@example.com'}", &bad_from, "the sender's address is not a mail address: set serve.smtp.from" },
		{ "{'user': 'a@example.com'}", &no_password,
		  "the mail server has a user but no password: set serve.smtp.password_file" },
		{ "{'user': 'a@example.com'}", &no_user, "the mail server has a password but no user: set serve.smtp.username" },
		{ "{'user': 'a@example.com'}", &no_file, "the file of the mail server's password, /nonexistent/word: cannot be "
		  "read: No such file or directory" },
		{ "{'user': 'a@example.com'}", &no_text,
		  arena_printf(&a, "the file of the mail server's password, %s: its first line is empty, expected a secret", empty) },
		{ "{'user': 'a@example.com'}", &no_utf8,
		  arena_printf(&a, "the file of the mail server's password, %s: a NUL byte, or not UTF-8; expected text", latin) },
		{ "{'email': {'name': 'x', 'recipients': {'to': []}}}", &good, "the watcher has no recipients" },
		{ "{'email': {'name': 'x'}}", &good, "the watcher has no recipients" },
		{ "{'email': {'name': 'x', 'recipients': {'to': ['a@example.com', 'b@example.com\\r\\nBcc: c@example.com']}}}",
		  &good, "recipient 2 of the watcher is not a mail address" },
		{ "{'email': {'name': 'x', 'recipients': {'to': [7]}}}", &good,
		  "recipient 1 of the watcher is not a mail address" },
		{ arena_printf(&a, "{'email': {'name': 'x', 'recipients': {'to': [%s]}}}", buf_str(&many)), &good,
		  "the watcher has 101 recipients, expected at most 100" },
		{ "{'webhook': {'name': 'x', 'payload': ''}}", &none, "webhook.url is missing" },
		{ "{'webhook': {'name': 'x', 'payload': '', 'url': 'ftp://s3same'}}", &none,
		  "webhook.url does not begin with https:// or http://" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(told_done) struct told t = { 0 };
		assert_false(make(&t, cases[i].watcher, &failed, cases[i].server));
		assert_string_equal(t.err.msg, cases[i].msg);
	}
}

static void an_address_is_a_name_a_sign_and_a_host(void **state)
{
	static const char *const good[] = { "a@b", "first.last+tag@mail.example.com", "root@localhost", "x_y@127.0.0.1",
	                                    "!#$%&'*+/=?^`{|}~@example.com" };
	static const char *const bad[] = { "", "a", "@", "a@", "@b", "a b@c", "a@b@c", "-f@example.com", "a@b\r\nX: 1",
	                                   "a@b\n", "<a@b>", "a@b,c@d", "a;b@c", "\"a\"@b", "a@b\x7f", "\u00e9@b", "a@\u00e9",
	                                   "a(b)@c", "a\\b@c", "a:b@c", "a@[1.2.3.4]" };
	CLEANUP(arena_free) struct arena a = { 0 };
	char *longest = arena_new(&a, char, 300);

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(mail_address(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(mail_address(bad[i]));
	memset(longest, 'x', 255);
	longest[1] = '@';
	assert_false(mail_address(longest));
	longest[254] = '\0';
	assert_true(mail_address(longest));
}

/* ---- the text of a mail ---- */

#define REST_OF_HEAD	"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"

static void a_plain_mail_is_plain(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char *const to[] = { "a@example.com", "b@example.com" };
	struct mail m = { "flowsync@example.org", to, 2, "flowsync: nightly failed", "one\n.two\n\nthree", "12.fail\r\n<>@x" };

	assert_string_equal(mail_message(&a, &m, 1795690325000),
		"Date: Thu, 26 Nov 2026 10:52:05 +0000\r\nFrom: flowsync@example.org\r\n"
		"To: a@example.com,\r\n b@example.com\r\nSubject: flowsync: nightly failed\r\n"
		"Message-ID: <12.failx@example.org>\r\n" REST_OF_HEAD "Content-Transfer-Encoding: 7bit\r\n\r\n"
		"one\r\n.two\r\n\r\nthree\r\n");
	assert_memory_equal(mail_message(&a, &m, 0), "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n", 38);
}

static void what_is_not_ascii_is_encoded_and_no_line_is_long(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	static const char *const to[] = { "a@example.com" };
	static const struct { const char *subject, *want; } cases[] = {
		{ "Gr\u00fc\u00dfe", "Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n" },
		{ "a\r\nBcc: x@example.com\tb", "Subject: a  Bcc: x@example.com b\r\n" },
		{ "=?utf-8?B?eA==?=", "Subject: =?utf-8?B?PT91dGYtOD9CP2VBPT0/PQ==?=\r\n" },
		/* 38 letters and one that takes two bytes, which stay together. */
		{ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\u00fcy",
		  "Subject: =?utf-8?B?eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=?=\r\n"
		  " =?utf-8?B?w7x5?=\r\n" },
		{ "", "Subject: \r\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mail m = { "f@example.org", to, 1, cases[i].subject, "x", "1" };
		const char *subject = strstr(mail_message(&a, &m, 0), "Subject: ");
		assert_memory_equal(subject, cases[i].want, strlen(cases[i].want));
		assert_memory_equal(subject + strlen(cases[i].want), "Message-ID:", 11);
	}
	struct mail m = { "f@example.org", to, 1, "s", "Gr\u00fc\u00dfe\n.\n", "1" };
	assert_non_null(strstr(mail_message(&a, &m, 0), "Content-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQ0KLg0K\r\n"));

	char *large = arena_new(&a, char, 100001);
	memset(large, 'x', 100000);
	m.text = m.subject = large;
	const char *text = mail_message(&a, &m, 0);
	assert_true(strlen(text) < 100000);
	for (size_t len; *text; text += len + 2) {
		len = strcspn(text, "\r");
		assert_true(len <= 78);
		assert_int_equal(text[len + 1], '\n');
	}
}

/* ---- mails on their way ---- */

struct mailing {
	struct told told;
	struct badserver server;
	struct mail_server to;
	const char *log;
};

static void mailing_start(struct mailing *m, const char *mode)
{
	static int number;
	struct arena *a = &m->told.arena;

	m->log = in_folder(a, arena_printf(a, "log-%d", number++));
	badserver_run(&m->server, "tests/agent/net/badmail.py", (const char *const[]){ m->log, mode, NULL });
	m->to = (struct mail_server){ .url = arena_printf(a, "smtp://127.0.0.1:%s", m->server.name),
	                                      .from = "flowsync@example.org" };
}

static void mailing_done(struct mailing *m)
{
	badserver_stop(&m->server);
	told_done(&m->told);
}

static const char *heard(struct mailing *m)
{
	const char *text = "";
	size_t len;
	struct err err;

	file_read(&m->told.arena, m->log, 1 << 20, &text, &len, &err);
	return text;
}

static void a_mail_says_what_happened(void **state)
{
	CLEANUP(mailing_done) struct mailing m = { 0 };

	mailing_start(&m, NULL);
	tell(&m.told, "{'email': {'name': 'team', 'recipients': {'to': ['a@example.com', 'b@example.com']}}}", &failed, &m.to);
	assert_int_equal(m.told.code, EX_OK);
	assert_string_equal(m.told.said, "mailed a@example.com\nmailed b@example.com\n");
	const char *text = heard(&m);
	assert_non_null(strstr(text, "MAIL FROM:<flowsync@example.org>"));
	assert_non_null(strstr(text, "RCPT TO:<a@example.com>$\nRCPT TO:<b@example.com>$\nDATA$\nDate: "));
	assert_non_null(strstr(text, "\nFrom: flowsync@example.org$\nTo: a@example.com,$\n b@example.com$\n"
	                             "Subject: flowsync: nightly failed$\nMessage-ID: <0b0c1d2e-1111-4222-8333-444455556666.fail."));
	/* Dots at the beginning of a line are doubled on the way. */
	assert_non_null(strstr(text, "$\n$\nThe workflow nightly failed.$\n$\nWorkflow:  nightly (id 12)$\n"
		"Execution: 0b0c1d2e-1111-4222-8333-444455556666$\nStatus:    Failed$\nBegan:     2026-11-23T04:05:06.789Z$\n"
		"Finished:  2026-11-23T04:06:06.789Z$\n$\nextract failed: exit code 3$\n..hidden: not sent$\n.$\nQUIT$\n"));
}

static void a_user_is_told_by_mail_of_every_event(void **state)
{
	static const struct { const char *event, *subject, *text; } cases[] = {
		{ "success", "$\nSubject: flowsync: nightly succeeded$\n", "$\nThe workflow nightly succeeded.$\n" },
		{ "fail", "$\nSubject: flowsync: nightly failed$\n", "$\nThe workflow nightly failed.$\n" },
		{ "runtimeExceeded", "$\nSubject: flowsync: nightly runs longer than expected$\n",
		  "$\nStatus:    Running$\nBegan:     x$\n.$\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(mailing_done) struct mailing m = { 0 };
		struct notification news = { .workflow = "nightly", .workflow_id = 12, .execution = "1", .event = cases[i].event,
		                             .status = "Running", .began = "x" };
		mailing_start(&m, NULL);
		tell(&m.told, "{'user': 'ops@example.com'}", &news, &m.to);
		assert_string_equal(m.told.said, "mailed ops@example.com\n");
		assert_non_null(strstr(heard(&m), cases[i].subject));
		assert_non_null(strstr(heard(&m), cases[i].text));
	}
}

static void a_name_of_a_workflow_is_no_header(void **state)
{
	CLEANUP(mailing_done) struct mailing m = { 0 };
	struct notification news = failed;

	news.workflow = "x\r\nBcc: evil@example.com\r\n.\r\nQUIT";
	mailing_start(&m, NULL);
	tell(&m.told, "{'user': 'ops@example.com'}", &news, &m.to);
	assert_int_equal(m.told.code, EX_OK);
	assert_null(strstr(heard(&m), "\nBcc:"));
	assert_non_null(strstr(heard(&m), "\nSubject: flowsync: x  Bcc: evil@example.com  .  QUIT failed$\n"));
}

static void one_that_is_refused_does_not_keep_it_from_the_others(void **state)
{
	CLEANUP(mailing_done) struct mailing m = { 0 }, nobody = { 0 }, later = { 0 };

	mailing_start(&m, NULL);
	tell(&m.told, "{'email': {'name': 'x', 'recipients': {'to': ['no@example.com', 'a@example.com', "
	     "'later@example.com', 'b@example.com']}}}", &failed, &m.to);
	assert_int_equal(m.told.code, EX_OK);
	assert_string_equal(m.told.said, "mailed a@example.com\nmailed b@example.com\n"
	                    "no@example.com was refused by the mail server: 550 nobody of that name\n"
	                    "later@example.com was refused by the mail server: 451 come back\n");

	mailing_start(&nobody, NULL);
	tell(&nobody.told, "{'user': 'no@example.com'}", &failed, &nobody.to);
	assert_int_equal(nobody.told.code, EX_UNAVAILABLE);
	assert_string_equal(nobody.told.said, arena_printf(&m.told.arena, "the mail server 127.0.0.1:%s refused the "
	                    "mail: 550 nobody of that name\n", nobody.server.name));
	assert_null(strstr(heard(&nobody), "DATA"));

	mailing_start(&later, NULL);
	tell(&later.told, "{'user': 'later@example.com'}", &failed, &later.to);
	assert_int_equal(later.told.code, EX_TEMPFAIL);
	assert_string_equal(later.told.said, arena_printf(&m.told.arena, "the mail server 127.0.0.1:%s refused the "
	                    "mail: 451 come back\n", later.server.name));
}

static void a_mail_server_that_does_not_take_it_says_why(void **state)
{
	static const struct { const char *mode, *said; int code; } cases[] = {
		{ "silent", "the mail server %s did not finish within 2 seconds\n", EX_TEMPFAIL },
		/* libcurl waits for an SMTP server's greeting. */
		{ "http", "the mail server %s did not finish within 2 seconds\n", EX_TEMPFAIL },
		{ "drop", "the mail server: the connection to %s broke before a whole answer came\n", EX_TEMPFAIL },
		{ "refuse", "the mail server %s refused the mail: 554 it looks bad\n", EX_UNAVAILABLE },
		{ "full", "the mail server %s refused the mail: 452 disk full\n", EX_TEMPFAIL },
		{ "auth", "the mail server %s refused the mail: 530 log in\n", EX_UNAVAILABLE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(mailing_done) struct mailing m = { 0 };
		CLEANUP(buf_done) struct buf want = BUF_TEXT;
		const char *port = strstr(cases[i].said, "%s");
		mailing_start(&m, cases[i].mode);
		tell_in_haste(&m.told, "{'user': 'a@example.com'}", &m.to, i > 1 ? 60000 : 1001);	/* is said in whole seconds */
		buf_add(&want, cases[i].said, (size_t)(port - cases[i].said));
		buf_addf(&want, "127.0.0.1:%s%s", m.server.name, port + 2);
		assert_string_equal(m.told.said, buf_str(&want));
		assert_int_equal(m.told.code, cases[i].code);
	}
}

static void the_password_goes_to_the_server_and_nowhere_else(void **state)
{
	CLEANUP(mailing_done) struct mailing good = { 0 }, bad = { 0 };
	const char *file = in_folder(&good.told.arena, "word");
	struct err err;

	assert_true(file_replace(&good.told.arena, file, "s3same-word\nmore\n", 17, 0600, &err));
	mailing_start(&good, "auth");
	good.to.username = "mail";
	good.to.password_file = file;
	tell(&good.told, "{'user': 'a@example.com'}", &failed, &good.to);
	assert_int_equal(good.told.code, EX_OK);
	assert_string_equal(good.told.said, "mailed a@example.com\n");
	assert_string_equal(good.told.masks.items[0], "s3same-word");
	assert_int_equal(good.told.masks.count, 1);

	assert_true(file_replace(&good.told.arena, file, "s3same-other", 12, 0600, &err));
	mailing_start(&bad, "auth");
	bad.to.username = "mail";
	bad.to.password_file = file;
	tell(&bad.told, "{'user': 'a@example.com'}", &failed, &bad.to);
	assert_int_equal(bad.told.code, EX_UNAVAILABLE);
	assert_string_equal(bad.told.said, arena_printf(&bad.told.arena, "the mail server 127.0.0.1:%s refused the "
	                    "user name and the password\n", bad.server.name));
}

static void a_password_that_the_server_repeats_is_masked(void **state)
{
	CLEANUP(mailing_done) struct mailing m = { 0 };
	const char *file = in_folder(&m.told.arena, "word");
	struct err err;

	assert_true(file_replace(&m.told.arena, file, "s3same-word", 11, 0600, &err));
	mailing_start(&m, "repeat");
	m.to.username = "mail";
	m.to.password_file = file;
	tell(&m.told, "{'user': 'a@example.com'}", &failed, &m.to);
	assert_int_equal(m.told.code, EX_UNAVAILABLE);
	assert_string_equal(m.told.reply.message, arena_printf(&m.told.arena, "the mail server 127.0.0.1:%s refused the "
	                    "mail: 554 not with (masked #1)", m.server.name));
}

static void no_password_goes_to_another_machine_without_tls(void **state)
{
	CLEANUP(mailing_done) struct mailing m = { 0 };
	const char *file = in_folder(&m.told.arena, "word");
	struct err err;

	assert_true(file_replace(&m.told.arena, file, "s3same-word", 11, 0600, &err));
	mailing_start(&m, "auth");
	/* libcurl knows that names below localhost are this machine; we do not. */
	m.to = (struct mail_server){ arena_printf(&m.told.arena, "smtp://mail.localhost:%s", m.server.name),
	                                     "a@b", "mail", file, NULL };
	tell(&m.told, "{'user': 'a@example.com'}", &failed, &m.to);
	assert_int_equal(m.told.code, EX_UNAVAILABLE);
	assert_string_equal(m.told.said, arena_printf(&m.told.arena, "the mail server mail.localhost:%s offers no encryption "
	                    "(STARTTLS), without which no password is sent to it\n", m.server.name));
	assert_null(strstr(heard(&m), "AUTH"));
	assert_null(strstr(heard(&m), "MAIL"));
}

static void where_no_mail_server_can_be_is_told_at_once(void **state)
{
	static const struct { const char *url, *said; int code; } cases[] = {
		{ "smtp://127.0.0.1:1", "the mail server: connection refused by 127.0.0.1:1\n", EX_TEMPFAIL },
		{ "http://127.0.0.1:1", "the URL of the mail server does not begin with smtp:// or smtps://\n", EX_UNAVAILABLE },
		{ "127.0.0.1", "the URL of the mail server does not begin with smtp:// or smtps://\n", EX_UNAVAILABLE },
		{ "smtp://", "the URL of the mail server is not a valid URL, such as smtp://host/path\n", EX_UNAVAILABLE },
		{ "smtp://s3same:s3same@127.0.0.1:1",
		  "the URL of the mail server contains a user: give it in username\n", EX_UNAVAILABLE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(told_done) struct told t = { 0 };
		struct mail_server to = { .url = cases[i].url, .from = "a@b" };
		tell(&t, "{'user': 'a@example.com'}", &failed, &to);
		assert_string_equal(t.said, cases[i].said);
		assert_int_equal(t.code, cases[i].code);
	}
}

static void a_document_that_is_none_does_nothing(void **state)
{
	static const char *const documents[] = { "", "[]", "{}", "{\"webhook\": {}}", "{\"mail\": {\"url\": \"smtp://h\"}}",
		"{\"mail\": {\"url\": \"smtp://h\", \"from\": \"a@b\", \"subject\": \"\", \"text\": \"\", \"id\": \"\", \"to\": [\"x\"]}}" };

	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		CLEANUP(told_done) struct told t = { 0 };
		serve(&t, documents[i], strlen(documents[i]));
		assert_int_equal(t.code, EX_USAGE);
		assert_string_equal(t.said, "");
	}
}

static int set_up(void **state)
{
	badserver_start(&web, (const char *const[]){ NULL });
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	badserver_stop(&web);
	return system(arena_printf(&a, "rm -r %s", folder));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_webhook_is_told_what_its_watcher_says),
		cmocka_unit_test(a_webhook_that_is_not_told_is_shown_by_host_alone),
		cmocka_unit_test(what_is_wrong_with_a_watcher_is_a_sentence),
		cmocka_unit_test(an_address_is_a_name_a_sign_and_a_host),
		cmocka_unit_test(a_plain_mail_is_plain),
		cmocka_unit_test(what_is_not_ascii_is_encoded_and_no_line_is_long),
		cmocka_unit_test(a_mail_says_what_happened),
		cmocka_unit_test(a_user_is_told_by_mail_of_every_event),
		cmocka_unit_test(a_name_of_a_workflow_is_no_header),
		cmocka_unit_test(one_that_is_refused_does_not_keep_it_from_the_others),
		cmocka_unit_test(a_mail_server_that_does_not_take_it_says_why),
		cmocka_unit_test(the_password_goes_to_the_server_and_nowhere_else),
		cmocka_unit_test(a_password_that_the_server_repeats_is_masked),
		cmocka_unit_test(no_password_goes_to_another_machine_without_tls),
		cmocka_unit_test(where_no_mail_server_can_be_is_told_at_once),
		cmocka_unit_test(a_document_that_is_none_does_nothing),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
