#include "agent/net/transfer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/net/curl_common.h"
#include "agent/net/endpoint.h"

enum { REPLY_MAX = 500 };	/* bytes of what a mail server says that are told */

static void url_cleanup(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void text_free(char **text)
{
	curl_free(*text);
}

static void plain_free(char **text)
{
	free(*text);
}

static void list_free(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static void easy_done(CURL **easy)
{
	curl_easy_cleanup(*easy);
	curl_common_end();
}

static void list_add(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	curl_common_must(longer);
	*list = longer;
}

/* ---- URLs ---- */

/* A part of url; NULL if it is not there.  Freed with text_free(). */
static char *part(CURLU *url, CURLUPart which)
{
	char *text = NULL;

	return curl_url_get(url, which, &text, CURLU_NO_DEFAULT_PORT) == CURLUE_OK ? text : NULL;
}

/* No message shows the text: it may hold a secret.  That it has no scheme is looked at first, as
 * libcurl would guess one. */
static bool read_url(const char *called, const char *text, const char *first, const char *second,
                     CURLU *url, struct err *err)
{
	if (!strstr(text, "://"))
		return err_usage(err, "%s does not begin with %s:// or %s://", called, second, first);
	if (strlen(text) > TRANSFER_URL_MAX)
		return err_usage(err, "%s is longer than %d KiB", called, TRANSFER_URL_MAX >> 10);
	if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		return err_usage(err, "%s is not a valid URL, such as %s://host/path", called, second);
	CLEANUP(text_free) char *scheme = part(url, CURLUPART_SCHEME);
	CLEANUP(text_free) char *host = part(url, CURLUPART_HOST);
	if (strcmp(scheme, first) != 0 && strcmp(scheme, second) != 0)
		return err_usage(err, "%s does not begin with %s:// or %s://", called, second, first);
	if (!host || !*host)
		return err_usage(err, "%s has no host in it", called);
	return true;
}

bool transfer_url(struct arena *a, const char *called, const char *text, const char **origin,
                  struct err *err)
{
	CLEANUP(url_cleanup) CURLU *url = curl_url();

	curl_common_must(url);
	if (!read_url(called, text, "http", "https", url, err))
		return false;
	CLEANUP(text_free) char *scheme = part(url, CURLUPART_SCHEME);
	CLEANUP(text_free) char *host = part(url, CURLUPART_HOST);
	CLEANUP(text_free) char *port = part(url, CURLUPART_PORT);
	*origin = arena_printf(a, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
	return true;
}

/* ---- what both do ---- */

static CURL *open_easy(const char *ca_file, const char *url, const char *host, long connect_ms,
                       long timeout_ms)
{
	curl_common_begin();
	CURL *easy = curl_easy_init();
	curl_common_must(easy);
	curl_common_basics(easy, ca_file);
	SET(easy, CURLOPT_URL, url);
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms < timeout_ms ? connect_ms : timeout_ms);
	SET(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	if (endpoint_is_loopback(host))
		SET(easy, CURLOPT_NOPROXY, "*");
	return easy;
}

static int note_begin(void *begun, char *peer, char *self, int peer_port, int self_port)
{
	*(bool *)begun = true;
	return CURL_PREREQFUNC_OK;
}

static void watch_begin(CURL *easy, bool *begun)
{
	SET(easy, CURLOPT_PREREQFUNCTION, note_begin);
	SET(easy, CURLOPT_PREREQDATA, begun);
}

static bool failed(const struct curl_exchange *talk, CURLcode code, struct err *err)
{
	CLEANUP(buf_done) struct buf words = BUF_TEXT;
	bool hopeless = curl_common_explain(talk, code, &words);

	err_set(err, "%s", buf_str(&words));
	if (hopeless)
		err->kind = ERR_USAGE;
	return false;
}

/* ---- HTTP ---- */

/* RFC 9110, 5.6.2: a token. */
static bool is_header_name(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("!#$%&'*+-.^_`|~", *c))
			return false;
	return *name;
}

/* A line break in a value, which may have come from another step, would be a header of its own. */
static bool is_header_value(const char *value)
{
	for (; *value; value++)
		if (iscntrl((unsigned char)*value) && *value != '\t')
			return false;
	return true;
}

static bool check_header(const char *name, const char *value, struct err *err)
{
	static const char *const own[] = { "Content-Length", "Transfer-Encoding", "Connection", "Expect", "TE",
	                                   "Trailer", "Upgrade" };

	if (!is_header_name(name))
		return err_usage(err, "the name of a header has a character in it that no header's name has");
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcasecmp(name, own[i]) == 0)
			return err_usage(err, "the header %s is not for a step to set", own[i]);
	if (!is_header_value(value))
		return err_usage(err, "the value of the header %s has a line break or another control character "
		                      "in it", name);
	return true;
}

static bool add_headers(const struct node *headers, struct curl_slist **list, struct err *err)
{
	size_t bytes = 0;

	for (size_t i = 0; headers && i < headers->count; i++) {
		CLEANUP(buf_done) struct buf line = BUF_TEXT;
		const char *name = headers->entries[i].key, *value = headers->entries[i].value->text;
		if (!check_header(name, value, err))
			return false;
		value += strspn(value, " \t");
		/* "Name:" would tell libcurl not to send it. */
		buf_addf(&line, *value ? "%s: %s" : "%s;", name, value);
		list_add(list, buf_str(&line));
		bytes += line.len;
	}
	return bytes <= TRANSFER_HEADERS_MAX ||
	       err_usage(err, "the headers are larger than %d MiB together", TRANSFER_HEADERS_MAX >> 20);
}

static bool has_header(const struct node *headers, const char *name)
{
	for (size_t i = 0; headers && i < headers->count; i++)
		if (strcasecmp(headers->entries[i].key, name) == 0)
			return true;
	return false;
}

static bool make_headers(const struct transfer_request *r, struct curl_slist **list, struct err *err)
{
	/* Without this libcurl asks before a larger body and waits a second for leave, which few
	 * servers give. */
	list_add(list, "Expect:");
	if (!has_header(r->headers, "Content-Type"))
		list_add(list, r->body ? "Content-Type: application/json" : "Content-Type:");
	return add_headers(r->headers, list, err);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct buf *body = arg;
	size_t len = size * count, room = body->limit - body->len;

	if (len <= room) {
		buf_add(body, bytes, len);
		return len;
	}
	/* As much as may be; then nothing more. */
	buf_add(body, bytes, room);
	body->full = true;
	return 0;
}

static void set_method(CURL *easy, const struct transfer_request *r)
{
	bool takes_body = strcmp(r->method, "GET") != 0 && strcmp(r->method, "DELETE") != 0;

	SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (r->body || takes_body) {
		SET(easy, CURLOPT_POST, 1L);
		SET(easy, CURLOPT_POSTFIELDS, r->body ? r->body : "");
		SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(r->body ? strlen(r->body) : 0));
	}
	SET(easy, CURLOPT_CUSTOMREQUEST, r->method);
}

static bool exchange(const struct transfer_request *r, const char *host, const char *address,
                     struct curl_slist *headers, struct transfer_answer *out, struct err *err)
{
	CLEANUP(easy_done) CURL *easy = open_easy(r->ca_file, r->url, host, r->connect_ms, r->timeout_ms);
	struct curl_exchange talk = {
		.easy = easy, .host = r->server ? r->server : host, .address = r->server ? r->server : address,
		.speaks = "HTTP", .trust = ": no authority that this machine trusts vouches for it", .answer_max = r->answer_max,
		.connect_ms = r->connect_ms < r->timeout_ms ? r->connect_ms : r->timeout_ms,
		.timeout_ms = r->timeout_ms,
	};
	long status;

	set_method(easy, r);
	SET(easy, CURLOPT_USERAGENT, "flowsync/" FLOWSYNC_VERSION);
	/* Secrets are for the server, not for a proxy on the way to it. */
	SET(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	SET(easy, CURLOPT_HTTPHEADER, headers);
	SET(easy, CURLOPT_WRITEFUNCTION, take_body);
	SET(easy, CURLOPT_WRITEDATA, &out->body);
	watch_begin(easy, &talk.begun);
	CURLcode code = curl_easy_perform(easy);
	if (code != CURLE_OK && !out->body.full)
		return failed(&talk, code, err);
	GET(easy, CURLINFO_RESPONSE_CODE, &status);
	out->status = status;
	return true;
}

bool transfer_http(const struct transfer_request *r, struct transfer_answer *out, struct err *err)
{
	CLEANUP(transfer_done) struct transfer_answer answer = { .body = BUF(r->answer_max) };
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(list_free) struct curl_slist *headers = NULL;
	const char *origin;

	if (!transfer_url(&a, r->called, r->url, &origin, err) || !make_headers(r, &headers, err))
		return false;
	CLEANUP(text_free) char *host = NULL;
	CLEANUP(plain_free) char *address = NULL;
	curl_common_names(r->url, &host, &address);
	if (!exchange(r, host, address, headers, &answer, err))
		return false;
	*out = answer;
	answer.body = (struct buf){ 0 };
	return true;
}

bool transfer_status_is_final(int status)
{
	return status < 500 && status != 408 && status != 425 && status != 429;
}

void transfer_done(struct transfer_answer *answer)
{
	buf_done(&answer->body);
}

/* ---- mail ---- */

struct talked {
	struct arena *arena;
	const struct transfer_mail *mail;
	size_t sent;		/* bytes of the message */
	size_t asked;		/* recipients named to the server so far */
	enum { ABOUT_OTHER, ABOUT_TO } about;	/* what the next reply answers */
	struct transfer_mailed mailed;
	const char *reply;	/* the last one that refused something; NULL: none did */
};

static size_t give_message(char *to, size_t size, size_t count, void *arg)
{
	struct talked *t = arg;
	size_t left = strlen(t->mail->message + t->sent);
	size_t len = left < size * count ? left : size * count;

	if (len > 0)
		memcpy(to, t->mail->message + t->sent, len);
	t->sent += len;
	return len;
}

/* "550-first\r\n550 second\r\n" ends with the line that has a space behind its number. */
static void take_reply(struct talked *t, const char *bytes, size_t len)
{
	while (len > 0 && isspace((unsigned char)bytes[len - 1]))
		len--;
	if (len < 3 || (len > 3 && bytes[3] == '-'))
		return;
	bool refused = bytes[0] == '4' || bytes[0] == '5';
	if (refused)
		t->reply = arena_strndup(t->arena, bytes, len < REPLY_MAX ? len : REPLY_MAX);
	if (refused && t->about == ABOUT_TO && t->asked > 0 && t->asked <= t->mail->to_count)
		t->mailed.refused[t->mailed.refused_count++] =
			(struct transfer_refusal){ t->mail->to[t->asked - 1], t->reply };
	t->about = ABOUT_OTHER;
}

/* libcurl does not tell which recipient was refused, but lets us listen.  It sends one command after
 * the other and waits for the reply to each. */
static int listen_in(CURL *easy, curl_infotype type, char *bytes, size_t len, void *arg)
{
	static const char rcpt[] = "RCPT TO:";
	struct talked *t = arg;

	if (type == CURLINFO_HEADER_OUT && len > sizeof rcpt && strncasecmp(bytes, rcpt, sizeof rcpt - 1) == 0) {
		t->asked++;
		t->about = ABOUT_TO;
	} else if (type == CURLINFO_HEADER_IN) {
		take_reply(t, bytes, len);
	}
	return 0;
}

static bool check_server(const struct transfer_mail *m, struct err *err)
{
	CLEANUP(url_cleanup) CURLU *url = curl_url();

	curl_common_must(url);
	if (!read_url("the URL of the mail server", m->url, "smtps", "smtp", url, err))
		return false;
	CLEANUP(text_free) char *user = part(url, CURLUPART_USER);
	return !user || err_usage(err, "the URL of the mail server has a user in it, which has a setting of its own");
}

static bool not_taken(const struct talked *t, const char *address, struct err *err)
{
	err_set(err, "the mail server %s does not take the mail: %s", address, t->reply);
	if (t->reply[0] == '5')
		err->kind = ERR_USAGE;
	return false;
}

static bool mail_failed(const struct talked *t, const struct curl_exchange *talk, CURLcode code, struct err *err)
{
	switch (code) {
	case CURLE_LOGIN_DENIED:
		return err_usage(err, "the mail server %s does not take the user and the password", talk->address);
	case CURLE_USE_SSL_FAILED:
		return err_usage(err, "the mail server %s offers no encryption (STARTTLS), without which no "
		                      "password is sent to it", talk->address);
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(err, "the mail server %s was not done within %ld seconds", talk->address,
		               (talk->timeout_ms + 999) / 1000);
	case CURLE_SEND_ERROR: case CURLE_RECV_ERROR: case CURLE_WEIRD_SERVER_REPLY: case CURLE_READ_ERROR:
		if (t->reply)
			return not_taken(t, talk->address, err);
		break;
	default:
		break;
	}
	failed(talk, code, err);
	return err_wrap(err, "the mail server");
}

static void set_mail(CURL *easy, struct talked *t, struct curl_slist *to, bool loopback)
{
	const struct transfer_mail *m = t->mail;

	SET(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	SET(easy, CURLOPT_USE_SSL, (long)(m->password && !loopback ? CURLUSESSL_ALL : CURLUSESSL_TRY));
	/* A mail server offers this machine itself a certificate that it made up, or one of its name for
	 * the world; nobody stands between. */
	if (loopback && !m->ca_file) {
		SET(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		SET(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (m->username && m->password) {
		SET(easy, CURLOPT_USERNAME, m->username);
		SET(easy, CURLOPT_PASSWORD, m->password);
	}
	SET(easy, CURLOPT_MAIL_FROM, m->from);
	SET(easy, CURLOPT_MAIL_RCPT, to);
	/* One address that is wrong must not keep the mail from the others. */
#if LIBCURL_VERSION_NUM >= 0x080200
	SET(easy, CURLOPT_MAIL_RCPT_ALLOWFAILS, 1L);
#else
	SET(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
#endif
	SET(easy, CURLOPT_UPLOAD, 1L);
	SET(easy, CURLOPT_READFUNCTION, give_message);
	SET(easy, CURLOPT_READDATA, t);
	SET(easy, CURLOPT_VERBOSE, 1L);
	SET(easy, CURLOPT_DEBUGFUNCTION, listen_in);
	SET(easy, CURLOPT_DEBUGDATA, t);
}

static bool hand_over(struct talked *t, const char *host, const char *address, struct err *err)
{
	const struct transfer_mail *m = t->mail;
	CLEANUP(list_free) struct curl_slist *to = NULL;
	CLEANUP(easy_done) CURL *easy = open_easy(m->ca_file, m->url, host, m->timeout_ms, m->timeout_ms);
	struct curl_exchange talk = {
		.easy = easy, .host = host, .address = address, .speaks = "SMTP",
		.trust = ": give serve.smtp.ca_file if it is of a private authority",
		.connect_ms = m->timeout_ms, .timeout_ms = m->timeout_ms,
	};

	for (size_t i = 0; i < m->to_count; i++)
		list_add(&to, m->to[i]);
	set_mail(easy, t, to, endpoint_is_loopback(host));
	watch_begin(easy, &talk.begun);
	CURLcode code = curl_easy_perform(easy);
	return code == CURLE_OK || mail_failed(t, &talk, code, err);
}

bool transfer_mail(struct arena *a, const struct transfer_mail *m, struct transfer_mailed *out,
                   struct err *err)
{
	struct talked t = {
		.arena = a, .mail = m, .mailed.refused = arena_new(a, struct transfer_refusal, m->to_count + 1),
	};

	if (!check_server(m, err))
		return false;
	CLEANUP(text_free) char *host = NULL;
	CLEANUP(plain_free) char *address = NULL;
	curl_common_names(m->url, &host, &address);
	if (!hand_over(&t, host, address, err))
		return false;
	*out = t.mailed;
	return true;
}
