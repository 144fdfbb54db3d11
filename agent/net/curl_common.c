#include "agent/net/curl_common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void curl_common_must(bool ok)
{
	if (!ok) {
		fputs("libcurl: out of memory, or an option is missing\n", stderr);
		abort();
	}
}

void curl_common_begin(void)
{
	/* OpenSSL raises it when a connection breaks while it is written to. */
	signal(SIGPIPE, SIG_IGN);
	curl_common_must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

void curl_common_end(void)
{
	curl_global_cleanup();
}

void curl_common_basics(CURL *easy, const char *ca_file)
{
	SET(easy, CURLOPT_NOSIGNAL, 1L);
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	/* Else a request whose time is over still waits for a name server that does not answer. */
	SET(easy, CURLOPT_QUICK_EXIT, 1L);
	SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (ca_file) {
		SET(easy, CURLOPT_CAINFO, ca_file);
		SET(easy, CURLOPT_CAPATH, NULL);
	}
}

void curl_common_names(const char *url, char **host, char **address)
{
	CURLU *parts = curl_url();
	char *port = NULL;

	curl_common_must(parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK
	          && curl_url_get(parts, CURLUPART_HOST, host, 0) == CURLUE_OK
	          && curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK);
	curl_common_must(asprintf(address, "%s:%s", *host, port) > 0);
	curl_free(port);
	curl_url_cleanup(parts);
}

/* ---- errors in our words ---- */

static const char *duration(struct buf *words, long ms)
{
	if (ms % 1000)
		buf_addf(words, "%ldms", ms);
	else
		buf_addf(words, "%lds", ms / 1000);
	return buf_str(words);
}

static void explain_timeout(const struct curl_exchange *t, struct buf *out)
{
	CLEANUP(buf_done) struct buf words = BUF_TEXT;
	long status;

	GET(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->hurried)
		buf_addf(out, "no %s %s before the time was over",
		         t->begun ? "whole answer from" : "connection to", t->address);
	else if (!t->begun)
		buf_addf(out, "no connection to %s within %s", t->address,
		         duration(&words, t->connect_ms));
	else
		buf_addf(out, "no %sanswer from %s within %s", status ? "whole " : "", t->address,
		         duration(&words, t->timeout_ms));
}

static void explain_connect(const struct curl_exchange *t, struct buf *out)
{
	long error;

	GET(t->easy, CURLINFO_OS_ERRNO, &error);
	if (error == ECONNREFUSED)
		buf_addf(out, "connection refused by %s", t->address);
	else if (error)
		buf_addf(out, "could not connect to %s: %s", t->address, strerror(error));
	else
		buf_addf(out, "could not connect to %s", t->address);
}

static void explain_certificate(const struct curl_exchange *t, struct buf *out)
{
	long verdict;

	GET(t->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
	/* libcurl looks at the name before it reads OpenSSL's verdict on the chain, which until
	 * then is 1, "unspecified".  A chain that OpenSSL refuses ends the handshake earlier,
	 * with its own number. */
	if (verdict <= 1)
		buf_addf(out, "the certificate that %s shows is for another host name", t->address);
	else
		buf_addf(out, "the certificate of %s is not trusted%s", t->address, t->trust);
}

/* What a proxy answered to CONNECT; 0 if there is none. */
static long proxy_status(const struct curl_exchange *t)
{
	long status;

	GET(t->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	return status;
}

static void explain_size(const struct curl_exchange *t, struct buf *out)
{
	size_t most = t->answer_max;

	if (most % (1 << 20))
		buf_addf(out, "the answer is larger than %zu bytes", most);
	else
		buf_addf(out, "the answer is larger than %zu MiB", most >> 20);
}

bool curl_common_explain(const struct curl_exchange *t, CURLcode code, struct buf *out)
{
	if (t->full) {
		explain_size(t, out);
		return true;
	}
	if (!t->begun && proxy_status(t) >= 300) {
		buf_addf(out, "the proxy does not let us through to %s: it answers %ld",
		         t->address, proxy_status(t));
		return false;
	}
	switch (code) {
	/* libcurl says the same of a name that does not exist and of a name server that fails
	 * for a moment. */
	case CURLE_COULDNT_RESOLVE_HOST:
		buf_addf(out, "could not resolve host %s", t->host);
		return false;
	case CURLE_COULDNT_RESOLVE_PROXY:
		buf_adds(out, "could not resolve the host of the proxy");
		return false;
	case CURLE_COULDNT_CONNECT:
		explain_connect(t, out);
		return false;
	case CURLE_OPERATION_TIMEDOUT:
		explain_timeout(t, out);
		return false;
	case CURLE_PEER_FAILED_VERIFICATION:
		explain_certificate(t, out);
		return true;
	case CURLE_SSL_CACERT_BADFILE:
		buf_adds(out, "the file of certificate authorities holds no certificate in PEM form");
		return true;
	case CURLE_SSL_CONNECT_ERROR:
		buf_addf(out, "%s does not speak TLS as it should", t->address);
		return false;
	case CURLE_PARTIAL_FILE:
		buf_addf(out, "the answer of %s was cut short", t->address);
		return false;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_SEND_FAIL_REWIND:
		buf_addf(out, "the connection to %s broke before a whole answer came", t->address);
		return false;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		buf_addf(out, "what %s answers is not %s", t->address, t->speaks);
		return true;
	default:
		buf_addf(out, "%s: %s", t->address, curl_easy_strerror(code));
		return false;
	}
}
