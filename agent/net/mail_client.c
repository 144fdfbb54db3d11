#include "agent/net/mail_client.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/net/curl_common.h"
#include "agent/net/url.h"

enum { REPLY_MAX = 500 };	/* bytes of a mail server's reply that messages show */

struct mail_session {
	struct arena *arena;
	const struct mail_order *mail;
	size_t sent;		/* bytes of the message */
	size_t asked;		/* recipients named to the server so far */
	enum { ABOUT_OTHER, ABOUT_TO } about;	/* what the next reply answers */
	struct mail_result result;
	const char *reply;	/* the last one that refused something; NULL: none did */
};

static size_t mail_give_message(char *to, size_t size, size_t count, void *arg)
{
	struct mail_session *s = arg;
	size_t left = strlen(s->mail->message + s->sent);
	size_t len = left < size * count ? left : size * count;

	if (len > 0)
		memcpy(to, s->mail->message + s->sent, len);
	s->sent += len;
	return len;
}

/* A reply of several lines, "550-first\r\n550 second\r\n", ends with the line that has a space after the number. */
static void mail_take_reply(struct mail_session *s, const char *bytes, size_t len)
{
	while (len > 0 && isspace((unsigned char)bytes[len - 1]))
		len--;
	if (len < 3 || (len > 3 && bytes[3] == '-'))
		return;
	bool refused = bytes[0] == '4' || bytes[0] == '5';
	if (refused)
		s->reply = arena_strndup(s->arena, bytes, len < REPLY_MAX ? len : REPLY_MAX);
	if (refused && s->about == ABOUT_TO && s->asked > 0 && s->asked <= s->mail->to_count)
		s->result.refused[s->result.refused_count++] =
			(struct mail_refusal){ s->mail->to[s->asked - 1], s->reply };
	s->about = ABOUT_OTHER;
}

/* libcurl does not report which recipient was refused, but shows the commands and the replies.  It waits for the
 * reply to each command before it sends the next one. */
static int mail_listen(CURL *easy, curl_infotype type, char *bytes, size_t len, void *arg)
{
	static const char rcpt[] = "RCPT TO:";
	struct mail_session *s = arg;

	if (type == CURLINFO_HEADER_OUT && len > sizeof rcpt && strncasecmp(bytes, rcpt, sizeof rcpt - 1) == 0) {
		s->asked++;
		s->about = ABOUT_TO;
	} else if (type == CURLINFO_HEADER_IN) {
		mail_take_reply(s, bytes, len);
	}
	return 0;
}

static bool mail_check_server(struct arena *a, const struct mail_order *m, struct url *url, struct err *err)
{
	if (!url_require(a, "the URL of the mail server", m->url, "smtps", "smtp", url, err))
		return false;
	return !url->has_user || err_usage(err, "the URL of the mail server contains a user: give it in username");
}

static bool mail_refused(const struct mail_session *s, const char *address, struct err *err)
{
	err_set(err, "the mail server %s refused the mail: %s", address, s->reply);
	if (s->reply[0] == '5')
		err->kind = ERR_USAGE;
	return false;
}

static bool mail_explain_failure(const struct mail_session *s, const struct curl_failure *failure, CURLcode code,
                                 struct err *err)
{
	CLEANUP(buf_done) struct buf words = BUF_TEXT;
	const char *address = failure->address;

	switch (code) {
	case CURLE_LOGIN_DENIED:
		return err_usage(err, "the mail server %s refused the user name and the password", address);
	case CURLE_USE_SSL_FAILED:
		return err_usage(err, "the mail server %s offers no encryption (STARTTLS), without which no "
		                      "password is sent to it", address);
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(err, "the mail server %s did not finish within %ld seconds", address,
		               (failure->timeout_ms + 999) / 1000);
	case CURLE_SEND_ERROR: case CURLE_RECV_ERROR: case CURLE_WEIRD_SERVER_REPLY: case CURLE_READ_ERROR:
		if (s->reply)
			return mail_refused(s, address, err);
		break;
	default:
		break;
	}
	bool permanent = curl_failure_explain(failure, code, &words);
	err_set(err, "the mail server: %s", buf_str(&words));
	if (permanent)
		err->kind = ERR_USAGE;
	return false;
}

static void mail_free_list(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static void mail_close_handle(CURL **easy)
{
	curl_easy_cleanup(*easy);
	curl_common_end();
}

static CURL *mail_open_handle(const struct mail_order *m, bool loopback)
{
	curl_common_begin();
	CURL *easy = curl_easy_init();
	curl_common_must(easy);
	curl_common_set_rules(easy, m->ca_file, loopback);
	SET(easy, CURLOPT_URL, m->url);
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, m->timeout_ms);
	SET(easy, CURLOPT_TIMEOUT_MS, m->timeout_ms);
	return easy;
}

static void mail_set_options(CURL *easy, struct mail_session *s, struct curl_slist *to, bool loopback)
{
	const struct mail_order *m = s->mail;

	SET(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	SET(easy, CURLOPT_USE_SSL, (long)(m->password && !loopback ? CURLUSESSL_ALL : CURLUSESSL_TRY));
	/* A mail server on this machine shows a certificate that it signed itself, or one for its public name.
	 * The connection does not leave the machine. */
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
	/* A wrong address must not keep the mail from the other recipients. */
#if LIBCURL_VERSION_NUM >= 0x080200
	SET(easy, CURLOPT_MAIL_RCPT_ALLOWFAILS, 1L);
#else
	SET(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
#endif
	SET(easy, CURLOPT_UPLOAD, 1L);
	SET(easy, CURLOPT_READFUNCTION, mail_give_message);
	SET(easy, CURLOPT_READDATA, s);
	SET(easy, CURLOPT_VERBOSE, 1L);
	SET(easy, CURLOPT_DEBUGFUNCTION, mail_listen);
	SET(easy, CURLOPT_DEBUGDATA, s);
}

bool mail_send(struct arena *a, const struct mail_order *m, struct mail_result *out, struct err *err)
{
	struct mail_session session = {
		.arena = a, .mail = m, .result.refused = arena_new(a, struct mail_refusal, m->to_count + 1),
	};
	struct url url;

	if (!mail_check_server(a, m, &url, err))
		return false;
	CLEANUP(mail_free_list) struct curl_slist *to = NULL;
	CLEANUP(mail_close_handle) CURL *easy = mail_open_handle(m, url.loopback);
	struct curl_failure failure = {
		.easy = easy, .host = url.host, .address = url.address, .protocol = "SMTP",
		.trust_hint = ": give serve.smtp.ca_file if a private authority signed it",
		.tls_hint = " (is it smtp:// instead of smtps://?)", .refused_hint = "", .detail = "",
		.connect_ms = m->timeout_ms, .timeout_ms = m->timeout_ms,
	};
	for (size_t i = 0; i < m->to_count; i++)
		curl_common_add_line(&to, m->to[i]);
	mail_set_options(easy, &session, to, url.loopback);
	curl_common_watch_begin(easy, &failure.begun);
	CURLcode code = curl_easy_perform(easy);
	if (code != CURLE_OK)
		return mail_explain_failure(&session, &failure, code, err);
	*out = session.result;
	return true;
}
