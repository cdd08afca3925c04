/*
 * Session tickets.  Runs in the worker; called by libssl.
 *
 * The secret comes from the signer, the same for all workers: name (16
 * bytes), AES-256 key (32), HMAC-SHA256 key (32).  When a signer has been
 * started anew there is a new one; the one before it still opens tickets.
 * Both are read where signer_client keeps them, on each use.
 *
 * OpenSSL puts the client's leaf certificate and the verdict on it into a
 * ticket, but not the chain.  So that a resumed session reports the same
 * identity as the full handshake, the chain travels as the ticket's
 * application data.  A session whose chain is too long for that, or whose
 * certificate has expired since, is not resumed: the client makes a full
 * handshake.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>

#include "tlsd/worker/peer_cert.h"
#include "tlsd/worker/tickets.h"

#define NAME_BYTES 16
#define KEY_BYTES 32
/* A ticket travels in the client's first packets. */
#define CHAIN_MAX 6144

static struct {
	const struct signer_client *signer; /* borrowed from the worker */
	EVP_CIPHER *cipher;                 /* owned */
} self;

/* The secret that a ticket names; SLICE_NONE: unknown, too old. */
static struct slice
find_secret(const unsigned char *name, unsigned *age)
{
	for (*age = 0;; ++*age) {
		struct slice s = signer_client_ticket_secret(self.signer, *age);

		if (s.len == 0 || memcmp(s.p, name, NAME_BYTES) == 0)
			return s;
	}
}

static bool
set_mac_key(EVP_MAC_CTX *mac, struct slice secret)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
		    (void *)(secret.p + NAME_BYTES + KEY_BYTES), KEY_BYTES),
		OSSL_PARAM_construct_utf8_string(
		    OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* -1: error; 0: no such key; 1: fine; 2: fine, but give a new ticket. */
static int
on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new)
{
	unsigned age = 0;
	struct slice secret = is_new
				  ? signer_client_ticket_secret(self.signer, 0)
				  : find_secret(name, &age);
	const unsigned char *key = (const unsigned char *)secret.p + NAME_BYTES;

	(void)ssl;
	if (secret.len == 0)
		return 0;
	if (is_new) {
		memcpy(name, secret.p, NAME_BYTES);
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(self.cipher)) != 1)
			return -1;
	}
	if (EVP_CipherInit_ex2(cipher, self.cipher, key, iv, is_new, NULL) !=
		1 ||
	    !set_mac_key(mac, secret))
		return -1;
	return age > 0 ? 2 : 1;
}

/* A ticket is about to be made. */
static int
on_ticket_made(SSL *ssl, void *ctx)
{
	const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	char packed[CHAIN_MAX];
	size_t len_bytes;

	(void)ctx;
	if (SSL_session_reused(ssl) || chain == NULL)
		return 1; /* as it was brought; nothing to tell */
	len_bytes = peer_cert_pack_chain(chain, packed, sizeof(packed));
	if (len_bytes == 0)
		packed[len_bytes++] = '-'; /* does not fit: see below */
	return SSL_SESSION_set1_ticket_appdata(
	    SSL_get_session(ssl), packed, len_bytes);
}

static struct slice
appdata(SSL_SESSION *session)
{
	void *data = NULL;
	size_t len_bytes = 0;

	if (session == NULL ||
	    SSL_SESSION_get0_ticket_appdata(session, &data, &len_bytes) != 1)
		return SLICE_NONE;
	return (struct slice){ data, len_bytes };
}

/* Whether the identity in a session can still be stated. */
static bool
is_identity_good(SSL_SESSION *session)
{
	X509 *leaf = SSL_SESSION_get0_peer(session);
	struct slice packed = appdata(session);

	if (leaf == NULL)
		return true;
	return packed.len > 0 && packed.p[0] == 'C' &&
	       X509_cmp_current_time(X509_get0_notAfter(leaf)) > 0;
}

static SSL_TICKET_RETURN
on_ticket_opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
    size_t name_bytes, SSL_TICKET_STATUS status, void *ctx)
{
	(void)name;
	(void)name_bytes;
	(void)ctx;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (!is_identity_good(session))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	/* RFC 8446 appendix C.4: a ticket is used once */
	if (status == SSL_TICKET_SUCCESS_RENEW ||
	    SSL_version(ssl) == TLS1_3_VERSION)
		return SSL_TICKET_RETURN_USE_RENEW;
	return SSL_TICKET_RETURN_USE;
}

struct slice
tickets_chain(const SSL *ssl)
{
	return appdata(SSL_get_session(ssl));
}

bool
tickets_init(const struct signer_client *signer)
{
	self.signer = signer;
	self.cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	return self.cipher != NULL;
}

void
tickets_fini(void)
{
	EVP_CIPHER_free(self.cipher);
	memset(&self, 0, sizeof(self));
}

void
tickets_use(SSL_CTX *ctx)
{
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key);
	SSL_CTX_set_session_ticket_cb(
	    ctx, on_ticket_made, on_ticket_opened, NULL);
}
