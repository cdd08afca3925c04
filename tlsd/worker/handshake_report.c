/*
 * How handshakes ended, for the operator.  Runs in the worker, owned by it.
 */
#include "tlsd/worker/handshake_report.h"

#include <openssl/obj_mac.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "common/log.h"
#include "common/site_conf.h"
#include "tlsd/worker/handshake_failure.h"
#include "tlsd/worker/sni.h"

#define LINES_PER_SECOND 10
#define REMARK_MAX 320 /* bytes: a host name and some words */

void
handshake_report_init(
    struct handshake_report *r, struct metrics *m, struct deadlines *wheel)
{
	r->metrics = m;
	log_limit_init(
	    &r->lines, wheel, "handshakes that failed", LINES_PER_SECOND);
}

void
handshake_report_fini(struct handshake_report *r)
{
	log_limit_fini(&r->lines);
}

/* done -------------------------------------------------------------------- */

static enum tlsd_metric
version_of(const SSL *ssl)
{
	bool is_resumed = SSL_session_reused(ssl);

	switch (SSL_version(ssl)) {
	case TLS1_VERSION:
		return is_resumed ? TLSD_TLS10_RESUMED : TLSD_TLS10_FULL;
	case TLS1_1_VERSION:
		return is_resumed ? TLSD_TLS11_RESUMED : TLSD_TLS11_FULL;
	case TLS1_2_VERSION:
		return is_resumed ? TLSD_TLS12_RESUMED : TLSD_TLS12_FULL;
	default: /* there is no later one in OpenSSL 3 */
		return is_resumed ? TLSD_TLS13_RESUMED : TLSD_TLS13_FULL;
	}
}

static enum tlsd_metric
cipher_of(const SSL *ssl)
{
	switch (SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(ssl))) {
	case NID_aes_128_gcm:
		return TLSD_CIPHER_AES128_GCM;
	case NID_aes_256_gcm:
		return TLSD_CIPHER_AES256_GCM;
	case NID_chacha20_poly1305:
		return TLSD_CIPHER_CHACHA20;
	default: /* OpenSSL's numbers, not ours */
		return TLSD_CIPHER_OTHER;
	}
}

static enum tlsd_metric
verdict_on_client(const SSL *ssl)
{
	if (SSL_get0_peer_certificate(ssl) == NULL)
		return TLSD_CLIENT_CERT_NONE;
	return SSL_get_verify_result(ssl) == X509_V_OK
		   ? TLSD_CLIENT_CERT_VERIFIED
		   : TLSD_CLIENT_CERT_UNVERIFIED;
}

void
handshake_report_done(struct handshake_report *r, const struct tls_io *t)
{
	const unsigned char *staple;

	metrics_add(r->metrics, version_of(t->ssl), 1);
	metrics_add(r->metrics, cipher_of(t->ssl), 1);
	if (SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE)
		metrics_add(r->metrics, verdict_on_client(t->ssl), 1);
	if (SSL_get_tlsext_status_ocsp_resp(t->ssl, &staple) > 0)
		metrics_add(r->metrics, TLSD_STAPLED, 1);
}

/* not done ---------------------------------------------------------------- */

static void
write_line(struct handshake_report *r, const struct tls_io *t,
    const struct addr *peer, const char *reason, const char *remark)
{
	char text[ADDR_TEXT_MAX];

	if (!log_limit_allows(&r->lines))
		return;
	log_info("handshake failed: site %s, client %s: %s%s",
	    t->site != NULL ? t->site->name : "-", addr_format(peer, text),
	    reason, remark);
}

/* NULL: it is not what ended the handshake. */
static const char *
refused_certificate(const SSL *ssl)
{
	long verdict = SSL_get_verify_result(ssl);

	/* with a callback any certificate is let in (tls_context.c) */
	return verdict != X509_V_OK && SSL_get_verify_callback(ssl) == NULL
		   ? X509_verify_cert_error_string(verdict)
		   : NULL;
}

/*
 * What an alert does not say.  Several reasons to refuse a certificate share
 * one: that of a list of revocations that is out of date is
 * certificate_expired.
 */
static void
write_remark(const struct tls_io *t, char out[REMARK_MAX])
{
	const char *certificate = refused_certificate(t->ssl);
	const char *name = sni_refused_name(t->ssl);

	out[0] = '\0';
	if (t->alert_from_peer)
		snprintf(out, REMARK_MAX, " (alert from client)");
	else if (name != NULL)
		snprintf(out, REMARK_MAX, " (no site for %s)",
		    name[0] != '\0' ? name : "clients that name none");
	else if (certificate != NULL)
		snprintf(
		    out, REMARK_MAX, " (client certificate: %s)", certificate);
}

void
handshake_report_failed(
    struct handshake_report *r, const struct tls_io *t, const struct addr *peer)
{
	const char *error = tls_io_error(t);
	char remark[REMARK_MAX];

	metrics_add(
	    r->metrics, handshake_failure_metric(error, t->alert_from_peer), 1);
	write_remark(t, remark);
	write_line(r, t, peer, error, remark);
}

void
handshake_report_given_up(struct handshake_report *r, const struct tls_io *t,
    const struct addr *peer, enum tlsd_metric class, const char *reason)
{
	metrics_add(r->metrics, class, 1);
	/* balancers look so whether we are there, every few seconds */
	if (class != TLSD_FAILED_DISCONNECT || t->has_received)
		write_line(r, t, peer, reason, "");
}

void
handshake_report_refused(struct handshake_report *r, const struct addr *peer,
    enum tlsd_metric class, const char *reason)
{
	char text[ADDR_TEXT_MAX];

	metrics_add(r->metrics, class, 1);
	if (log_limit_allows(&r->lines))
		log_info("connection refused: client %s: %s",
		    addr_format(peer, text), reason);
}
