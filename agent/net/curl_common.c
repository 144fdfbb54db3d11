#include "agent/net/curl_common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void curl_common_abort(void)
{
	fputs("libcurl: out of memory, or an option is missing\n", stderr);
	abort();
}

void curl_common_begin(void)
{
	/* OpenSSL raises SIGPIPE when a connection breaks while OpenSSL writes to it. */
	signal(SIGPIPE, SIG_IGN);
	curl_common_must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

void curl_common_end(void)
{
	curl_global_cleanup();
}

void curl_common_add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	curl_common_must(longer);
	*list = longer;
}

void curl_common_set_rules(CURL *easy, const char *ca_file, bool loopback)
{
	SET(easy, CURLOPT_NOSIGNAL, 1L);
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	/* Without this a request whose time is over still waits for a name server that does not answer. */
	SET(easy, CURLOPT_QUICK_EXIT, 1L);
	SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (ca_file) {
		SET(easy, CURLOPT_CAINFO, ca_file);
		SET(easy, CURLOPT_CAPATH, NULL);
	}
	if (loopback)
		SET(easy, CURLOPT_NOPROXY, "*");
}

static int curl_common_note_begin(void *begun, char *peer, char *self, int peer_port, int self_port)
{
	*(bool *)begun = true;
	return CURL_PREREQFUNC_OK;
}

void curl_common_watch_begin(CURL *easy, bool *begun)
{
	SET(easy, CURLOPT_PREREQFUNCTION, curl_common_note_begin);
	SET(easy, CURLOPT_PREREQDATA, begun);
}

/* ---- errors as sentences ---- */

static const char *curl_failure_duration(struct buf *words, long ms)
{
	if (ms % 1000)
		buf_addf(words, "%ldms", ms);
	else
		buf_addf(words, "%lds", ms / 1000);
	return buf_str(words);
}

static void curl_explain_timeout(const struct curl_failure *f, struct buf *out)
{
	CLEANUP(buf_done) struct buf words = BUF_TEXT;
	long status;

	GET(f->easy, CURLINFO_RESPONSE_CODE, &status);
	if (f->hurried)
		buf_addf(out, "no %s %s before the time was over",
		         f->begun ? "whole answer from" : "connection to", f->address);
	else if (!f->begun)
		buf_addf(out, "no connection to %s within %s", f->address,
		         curl_failure_duration(&words, f->connect_ms));
	else
		buf_addf(out, "no %sanswer from %s within %s", status ? "whole " : "", f->address,
		         curl_failure_duration(&words, f->timeout_ms));
}

static void curl_explain_connect(const struct curl_failure *f, struct buf *out)
{
	long error;

	GET(f->easy, CURLINFO_OS_ERRNO, &error);
	if (error == ECONNREFUSED)
		buf_addf(out, "connection refused by %s%s", f->address, f->refused_hint);
	else if (error)
		buf_addf(out, "could not connect to %s: %s%s", f->address, strerror(error),
		         error == ENOENT ? f->refused_hint : "");
	else
		buf_addf(out, "could not connect to %s", f->address);
}

static void curl_explain_certificate(const struct curl_failure *f, struct buf *out)
{
	long verdict;

	GET(f->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
	/* libcurl checks the host name before it reads OpenSSL's verdict on the chain, which is 1,
	 * "unspecified", until then.  A chain that OpenSSL refuses ends the handshake earlier, with a number
	 * above 1. */
	if (verdict <= 1)
		buf_addf(out, "the certificate of %s is for another host name", f->address);
	else
		buf_addf(out, "the certificate of %s is not trusted%s", f->address, f->trust_hint);
}

/* The status that a proxy answered to CONNECT with; 0 without a proxy. */
static long curl_proxy_status(const struct curl_failure *f)
{
	long status;

	GET(f->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	return status;
}

static void curl_explain_size(const struct curl_failure *f, struct buf *out)
{
	size_t most = f->response_max;

	if (most % (1 << 20))
		buf_addf(out, "the answer is larger than %zu bytes", most);
	else
		buf_addf(out, "the answer is larger than %zu MiB", most >> 20);
}

bool curl_failure_explain(const struct curl_failure *f, CURLcode code, struct buf *out)
{
	if (f->full) {
		curl_explain_size(f, out);
		return true;
	}
	if (f->wants_tls) {
		buf_addf(out, "%s speaks TLS (is it https:// instead of http://?)", f->address);
		return true;
	}
	if (!f->begun && curl_proxy_status(f) >= 300) {
		buf_addf(out, "the proxy refuses the connection to %s: it answers %ld",
		         f->address, curl_proxy_status(f));
		return false;
	}
	switch (code) {
	/* libcurl has one code for a name that does not exist and for a name server that fails for a
	 * moment. */
	case CURLE_COULDNT_RESOLVE_HOST:
		buf_addf(out, "could not resolve host %s", f->host);
		return false;
	case CURLE_COULDNT_RESOLVE_PROXY:
		buf_adds(out, "could not resolve the host of the proxy");
		return false;
	case CURLE_COULDNT_CONNECT:
		curl_explain_connect(f, out);
		return false;
	case CURLE_OPERATION_TIMEDOUT:
		curl_explain_timeout(f, out);
		return false;
	case CURLE_PEER_FAILED_VERIFICATION:
		curl_explain_certificate(f, out);
		return true;
	case CURLE_SSL_CACERT_BADFILE:
		buf_adds(out, "the file of certificate authorities holds no certificate in PEM form");
		return true;
	case CURLE_SSL_CONNECT_ERROR:
		/* OpenSSL's words if what came is not a TLS record. */
		if (strstr(f->detail, "wrong version number")) {
			buf_addf(out, "%s does not speak TLS%s", f->address, f->tls_hint);
			return true;
		}
		buf_addf(out, "the TLS handshake with %s failed%s", f->address, f->tls_hint);
		return false;
	case CURLE_PARTIAL_FILE:
		buf_addf(out, "the answer of %s was cut short", f->address);
		return false;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_SEND_FAIL_REWIND:
		buf_addf(out, "the connection to %s broke before a whole answer came", f->address);
		return false;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		buf_addf(out, "the answer of %s is not %s", f->address, f->protocol);
		return true;
	default:
		buf_addf(out, "%s: %s", f->address, curl_easy_strerror(code));
		return false;
	}
}
