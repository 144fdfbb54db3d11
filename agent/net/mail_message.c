#include "agent/net/mail_message.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "agent/util/base64.h"
#include "reconcile/base/buf.h"
#include "reconcile/base/err.h"

enum {
	ADDRESS_MAX = 254,	/* RFC 5321, 4.5.3.1 */
	SUBJECT_MAX = 250,
	WORD_MAX = 39,		/* bytes in an encoded word: its line has 76 letters at most (RFC 2047, 2) */
	LINE_MAX_PLAIN = 900,	/* a line has 998 letters at most */
	BASE64_LINE = 57,	/* bytes in 76 letters */
};

bool mail_address(const char *text)
{
	const char *at = strrchr(text, '@');
	size_t len = strlen(text);

	/* A program behind the mail server might take it for an option. */
	if (!at || at == text || !at[1] || len > ADDRESS_MAX || text[0] == '-')
		return false;
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~' || strchr("<>()[]\\,;:\"", *c) || (*c == '@' && c != at))
			return false;
	return true;
}

/* ---- headers ---- */

static bool is_printable_ascii(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* text as one line that is not too long. */
static char *subject_line(struct arena *a, const char *text)
{
	char *line = arena_strndup(a, text, strnlen(text, SUBJECT_MAX));

	for (char *c = line; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = ' ';
	err_trim(line);
	return line;
}

/* How many bytes of text, at most WORD_MAX, end where a character does. */
static size_t encoded_word_length(const char *text)
{
	size_t len = strnlen(text, WORD_MAX);

	while (text[len] && len > 1 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void add_subject(struct arena *a, struct buf *out, const char *subject)
{
	const char *line = subject_line(a, subject);
	const char *join = "";

	buf_adds(out, "Subject: ");
	/* What looks encoded would be decoded. */
	if (is_printable_ascii(line) && strlen(line) <= 70 && !strstr(line, "=?")) {
		buf_addf(out, "%s\r\n", line);
		return;
	}
	for (size_t len; *line; line += len) {
		len = encoded_word_length(line);
		buf_addf(out, "%s=?utf-8?B?%s?=", join, base64_encode(a, line, len));
		join = "\r\n ";
	}
	buf_adds(out, "\r\n");
}

/* Not strftime(): its names of days and months are the locale's. */
static void add_date(struct buf *out, int64_t now)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
	                                  "Nov", "Dec" };
	time_t seconds = now / 1000;
	struct tm t;

	gmtime_r(&seconds, &t);
	buf_addf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[t.tm_wday], t.tm_mday, months[t.tm_mon],
	         t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static void add_message_id(struct buf *out, const struct mail *m)
{
	buf_adds(out, "Message-ID: <");
	for (const char *c = m->id; *c; c++)
		if (isalnum((unsigned char)*c) || *c == '-' || *c == '.')
			buf_addc(out, *c);
	buf_addf(out, "%s>\r\n", strrchr(m->from, '@'));
}

/* One a line: no line gets too long. */
static void add_recipients(struct buf *out, const struct mail *m)
{
	for (size_t i = 0; i < m->to_count; i++)
		buf_addf(out, "%s%s", i ? ",\r\n " : "To: ", m->to[i]);
	buf_adds(out, "\r\n");
}

/* ---- text ---- */

/* As it is, it has to be ASCII in lines that are not too long. */
static bool is_sent_as_is(const char *text)
{
	size_t column = 0;

	for (; *text; text++) {
		if (*text != '\n' && *text != '\t' && (*text < ' ' || *text > '~'))
			return false;
		column = *text == '\n' ? 0 : column + 1;
		if (column > LINE_MAX_PLAIN)
			return false;
	}
	return true;
}

static void add_crlf_lines(struct buf *out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		buf_add(out, text, len);
		buf_adds(out, "\r\n");
		text += len + (text[len] == '\n');
	}
}

static void add_base64_lines(struct arena *a, struct buf *out, const char *text)
{
	CLEANUP(buf_done) struct buf lines = BUF_TEXT;

	/* A text has CR LF at the end of its lines, in base64 too. */
	add_crlf_lines(&lines, text);
	for (size_t at = 0; at < lines.len; at += BASE64_LINE) {
		size_t len = lines.len - at < BASE64_LINE ? lines.len - at : BASE64_LINE;
		buf_addf(out, "%s\r\n", base64_encode(a, lines.text + at, len));
	}
}

const char *mail_message(struct arena *a, const struct mail *m, int64_t now)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	char *text = arena_strndup(a, m->text, strnlen(m->text, MAIL_TEXT_MAX));

	err_trim(text);
	bool plain = is_sent_as_is(text);
	add_date(&out, now);
	buf_addf(&out, "From: %s\r\n", m->from);
	add_recipients(&out, m);
	add_subject(a, &out, m->subject);
	add_message_id(&out, m);
	/* Prevents automatic replies, such as out-of-office messages (RFC 3834). */
	buf_addf(&out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	               "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n",
	         plain ? "7bit" : "base64");
	if (plain)
		add_crlf_lines(&out, text);
	else
		add_base64_lines(a, &out, text);
	return arena_strdup(a, buf_str(&out));
}
