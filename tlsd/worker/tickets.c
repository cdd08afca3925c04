/*
 * Session tickets.  Runs in the worker; called by libssl.
 *
 * The keys (tlsd/ticket_keys.h) are the same for all workers, and looked up on
 * each use: a ticket names its key, and one of an older key is replaced.
 *
 * A ticket's application data is the time of the full handshake (8 bytes,
 * seconds) and the client's chain.  The time: with TLS 1.3 each resumption
 * gives a new ticket whose own life begins anew, and an identity, once shown,
 * would be believed for ever.
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
#include <time.h>

#include "common/bytes.h"
#include "tlsd/worker/peer_cert.h"
#include "tlsd/worker/tickets.h"

#define KEY_BYTES 32
/* A ticket travels in the client's first packets. */
#define CHAIN_MAX 6144
#define TIME_BYTES 8

static struct {
	struct ticket_keys keys; /* borrowed what it points to */
	EVP_CIPHER *cipher;      /* owned */
} self;

static bool
set_mac_key(EVP_MAC_CTX *mac, const unsigned char *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(
		    OSSL_MAC_PARAM_KEY, (void *)key, KEY_BYTES),
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
	const unsigned char *newest = ticket_keys_newest(&self.keys);
	const unsigned char *key =
	    is_new ? newest : ticket_keys_find(&self.keys, name);
	bool is_newest;

	(void)ssl;
	if (key == NULL)
		return 0;
	if (is_new) {
		memcpy(name, key, TICKET_NAME_BYTES);
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(self.cipher)) != 1)
			return -1;
	}
	is_newest = key == newest;
	key += TICKET_NAME_BYTES;
	if (EVP_CipherInit_ex2(cipher, self.cipher, key, iv, is_new, NULL) !=
		1 ||
	    !set_mac_key(mac, key + KEY_BYTES))
		return -1;
	return is_newest ? 1 : 2;
}

/* A ticket is about to be made. */
static int
on_ticket_made(SSL *ssl, void *ctx)
{
	const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	char data[TIME_BYTES + CHAIN_MAX];
	size_t len_bytes = 0;

	(void)ctx;
	if (SSL_session_reused(ssl))
		return 1; /* as it was brought */
	put_be64(data, (uint64_t)time(NULL));
	if (chain != NULL) {
		len_bytes =
		    peer_cert_pack_chain(chain, data + TIME_BYTES, CHAIN_MAX);
		if (len_bytes == 0)
			data[TIME_BYTES + len_bytes++] = '-'; /* no room */
	}
	return SSL_SESSION_set1_ticket_appdata(
	    SSL_get_session(ssl), data, TIME_BYTES + len_bytes);
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

static struct slice
packed_chain(SSL_SESSION *session)
{
	return slice_from(appdata(session), TIME_BYTES);
}

static bool
is_young(SSL_SESSION *session)
{
	struct slice data = appdata(session);
	uint64_t now = (uint64_t)time(NULL);

	return data.len >= TIME_BYTES && be64(data.p) <= now &&
	       now - be64(data.p) < (uint64_t)SSL_SESSION_get_timeout(session);
}

/* Whether the identity in a session can still be stated. */
static bool
is_identity_good(SSL_SESSION *session)
{
	X509 *leaf = SSL_SESSION_get0_peer(session);
	struct slice packed = packed_chain(session);

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
	if (!is_young(session) || !is_identity_good(session))
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
	return packed_chain(SSL_get_session(ssl));
}

void
tickets_settle(SSL *ssl)
{
	SSL_SESSION *session = SSL_get_session(ssl);

	if (SSL_session_reused(ssl))
		return;
	SSL_SESSION_set1_ticket_appdata(session, NULL, 0);
	/* the connection has one of its own */
	SSL_SESSION_set1_hostname(session, NULL);
}

bool
tickets_init(const struct ticket_keys *keys)
{
	self.keys = *keys;
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
tickets_use(SSL_CTX *ctx, uint64_t lifetime_ms)
{
	/* in seconds, and never 0 */
	SSL_CTX_set_timeout(ctx, (long)((lifetime_ms + 999) / 1000));
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key);
	SSL_CTX_set_session_ticket_cb(
	    ctx, on_ticket_made, on_ticket_opened, NULL);
}
