/*
 * TLS with an https server, as its client.  Runs in the worker, a part of
 * egress_conn.c.
 *
 * The newest session of a server is offered to it, for an hour: with a session
 * nobody looks at certificates, and what has expired meanwhile shall be
 * noticed. One that led to a failure is not offered again.
 */
#include "tlsd/worker/egress_tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"

#define SESSION_MAX_MS (3600 * 1000)
#define CA_NAMES_MAX 3 /* of a list that may be long, in a log line */

static struct egress_tls *
owner_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

/* RFC 2253 form, UTF-8; cut where it is too long. */
static void
write_name(const X509_NAME *name, char out[EGRESS_NAME_MAX])
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = -1;

	if (bio != NULL && name != NULL &&
	    X509_NAME_print_ex(bio, name, 0,
		XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0)
		n = BIO_read(bio, out, EGRESS_NAME_MAX - 1);
	out[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
}

/* callbacks of OpenSSL ----------------------------------------------------- */

static int
on_verified(int is_good, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(
	    store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const X509 *cert = X509_STORE_CTX_get_current_cert(store);
	struct egress_tls *t = owner_of(ssl);

	if (is_good)
		return 1;
	t->verdict = X509_STORE_CTX_get_error(store);
	if (cert != NULL) {
		write_name(X509_get_subject_name(cert), t->subject);
		write_name(X509_get_issuer_name(cert), t->issuer);
	}
	return 0;
}

static int
on_asked(SSL *ssl, void *ctx)
{
	(void)ctx;
	owner_of(ssl)->is_asked = true;
	return 1; /* with what the context has */
}

static void
keep_session(struct egress_server *s, SSL_SESSION *session)
{
	SSL_SESSION_free(s->session);
	s->session = session;
}

static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct egress_tls *t = owner_of(ssl);

	t->has_ticket = true;
	keep_session(t->server, session);
	if (!SSL_session_reused(ssl))
		t->server->verified_ms = clock_now_ms();
	return 1; /* ours now */
}

void
egress_tls_prepare(SSL_CTX *ctx)
{
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verified);
	SSL_CTX_set_cert_cb(ctx, on_asked, NULL);
	SSL_CTX_set_session_cache_mode(
	    ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
}

/* open and close ----------------------------------------------------------- */

static bool
is_address(const char *host)
{
	struct addr ignored;

	return addr_parse_ip(slice_of(host), 0, &ignored);
}

/* RFC 6066 section 3: an address is no server name. */
static bool
demand_name(SSL *ssl, const char *host)
{
	if (is_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(
			   SSL_get0_param(ssl), host) == 1;
	return SSL_set1_host(ssl, host) == 1 &&
	       SSL_set_tlsext_host_name(ssl, host) == 1;
}

static void
offer_session(SSL *ssl, struct egress_server *s)
{
	if (s->session == NULL)
		return;
	if (clock_now_ms() - s->verified_ms > SESSION_MAX_MS ||
	    SSL_set_session(ssl, s->session) != 1)
		keep_session(s, NULL);
}

bool
egress_tls_open(struct egress_tls *t, struct egress_server *server, int fd,
    void (*on_signed)(struct sign_op *op))
{
	memset(t, 0, sizeof(*t));
	t->server = server;
	t->verdict = X509_V_OK;
	t->sign.on_done = on_signed;
	if (!tls_io_open(&t->io, server->ctx, fd, &t->sign))
		return false;
	if (SSL_set_app_data(t->io.ssl, (char *)t) == 1 &&
	    demand_name(t->io.ssl, server->host)) {
		offer_session(t->io.ssl, server);
		return true;
	}
	egress_tls_close(t);
	ERR_clear_error();
	return false;
}

void
egress_tls_close(struct egress_tls *t)
{
	/* or OpenSSL would think its session bad, which others go on with */
	if (t->io.ssl != NULL && t->io.is_done)
		SSL_set_shutdown(t->io.ssl, SSL_SENT_SHUTDOWN);
	tls_io_close(&t->io);
}

bool
egress_tls_is_on_trial(const struct egress_tls *t)
{
	return t->is_asked && !t->has_ticket &&
	       SSL_version(t->io.ssl) == TLS1_3_VERSION;
}

/* why ---------------------------------------------------------------------- */

struct text {
	char *p;
	size_t room;
	size_t len;
};

/* What does not fit is cut. */
static void __attribute__((format(printf, 2, 3)))
add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + t->len, t->room - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < t->room - t->len ? (size_t)n
						       : t->room - t->len - 1;
}

static void
explain_certificate(const struct egress_tls *t, struct text *out)
{
	add(out, "%s: certificate of %s, issued by %s",
	    X509_verify_cert_error_string(t->verdict), t->subject, t->issuer);
	if (t->verdict == X509_V_ERR_HOSTNAME_MISMATCH ||
	    t->verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
		add(out, "; %s was expected (tls_name)", t->server->host);
}

/* OpenSSL sends none when the server takes no signature of its kind. */
static const char *
answer_to_request(const SSL *ssl)
{
	int kind;

	if (SSL_get_certificate(ssl) == NULL)
		return "there is none (tls_certificate)";
	if (SSL_get_signature_type_nid(ssl, &kind) != 1)
		return "takes no signature that the keys of tls_certificate "
		       "can make, so it got none";
	return "got that of tls_certificate";
}

/* Which certificate the server wanted to see, and whether it did. */
static void
explain_request(const struct egress_tls *t, struct text *out)
{
	const STACK_OF(X509_NAME) *cas = SSL_get0_peer_CA_list(t->io.ssl);
	char name[EGRESS_NAME_MAX];
	int n = cas != NULL ? sk_X509_NAME_num(cas) : 0;

	if (!t->is_asked)
		return;
	add(out, "; it asked for a client certificate and %s",
	    answer_to_request(t->io.ssl));
	for (int i = 0; i < n && i < CA_NAMES_MAX; i++) {
		write_name(sk_X509_NAME_value(cas, i), name);
		add(out, "%s %s", i == 0 ? "; from:" : " or", name);
	}
	if (n > CA_NAMES_MAX)
		add(out, " or %d more", n - CA_NAMES_MAX);
}

static void
explain_failure(const struct egress_tls *t, struct text *out)
{
	const struct tls_io *io = &t->io;

	if (strcmp(tls_io_error(io), "signer_failed") == 0)
		add(out, "the signer did not sign for tls_certificate");
	else if (io->alert_from_peer)
		add(out, "alert %s from the server", tls_io_error(io));
	else
		add(out, "%s (%s)", io->detail != NULL ? io->detail : "no TLS",
		    tls_io_error(io));
}

enum egress_code
egress_tls_explain(const struct egress_tls *t, enum tls_verdict v, char *text,
    size_t room_bytes)
{
	struct text out = { .p = text, .room = room_bytes };

	keep_session(t->server, NULL);
	if (t->verdict != X509_V_OK) {
		explain_certificate(t, &out);
		return EGRESS_CERTIFICATE;
	}
	if (v == TLS_FAILED)
		explain_failure(t, &out);
	else
		add(&out, "the server ended the connection");
	explain_request(t, &out);
	return EGRESS_HANDSHAKE;
}
