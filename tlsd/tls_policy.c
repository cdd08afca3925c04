/*
 * What a site speaks.  Runs in the worker at its start, and in "tlsd -t".
 *
 * What is not left to the configuration, and why:
 *
 *	key exchange	ECDHE: the signer signs no other, and decrypts nothing
 *	groups		those whose points the signer knows (protocol.c)
 *	signatures	those the signer makes
 *	NULL, anonymous	never
 *
 * A list may name more than that ("HIGH"): the rest is left out.  TLS 1.0 and
 * 1.1 sign with MD5 and SHA-1, which OpenSSL allows at security level 0 only.
 */
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/check.h"
#include "tlsd/tls_policy.h"

#define CIPHERS_MAX 2048
#define MIN_BITS 128

static const char ciphers_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
/* Old versions have nothing better. */
static const char ciphers_10[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"
    "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA";
/*
 * To servers: old Java knows no GCM, and older still no ECDHE.  In none of
 * these does a client's key decrypt anything.
 */
static const char ciphers_client[] =
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:kRSA+AESGCM:kRSA+AES:"
    "!AESCCM:!aNULL:!PSK:!SRP";
/* 128 bits first: they are enough, and faster. */
static const char suites[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
			     "TLS_CHACHA20_POLY1305_SHA256";
static const char groups_hybrid[] = "X25519MLKEM768:"
				    "X25519:P-256:X448:P-384:P-521";
static const char signatures[] =
    "ed25519:ed448:"
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:"
    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
    "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:"
    "RSA+SHA256:RSA+SHA384:RSA+SHA512";

static bool __attribute__((format(printf, 3, 4)))
refuse(struct tls_policy_fault *fault, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fault->text, sizeof(fault->text), fmt, ap);
	va_end(ap);
	fault->key = key;
	ERR_clear_error();
	return false;
}

static bool
is_usable(const SSL_CIPHER *c)
{
	int auth = SSL_CIPHER_get_auth_nid(c);

	return SSL_CIPHER_get_kx_nid(c) == NID_kx_ecdhe &&
	       (auth == NID_auth_rsa || auth == NID_auth_ecdsa) &&
	       SSL_CIPHER_get_cipher_nid(c) != NID_undef &&
	       SSL_CIPHER_get_bits(c, NULL) >= MIN_BITS;
}

/* The usable ones of ctx by name, in order. */
static bool
list_usable(SSL_CTX *ctx, char out[CIPHERS_MAX])
{
	STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ctx);
	size_t len = 0;

	out[0] = '\0';
	for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);
		int n;

		if (!is_usable(c))
			continue;
		n = snprintf(out + len, CIPHERS_MAX - len, "%s%s",
		    len > 0 ? ":" : "", SSL_CIPHER_get_name(c));
		if (n < 0 || (size_t)n >= CIPHERS_MAX - len)
			return false;
		len += (size_t)n;
	}
	return len > 0;
}

static bool
set_ciphers(
    SSL_CTX *ctx, const struct tls_conf *tls, struct tls_policy_fault *fault)
{
	char usable[CIPHERS_MAX];

	if (tls->ciphers == NULL)
		return SSL_CTX_set_cipher_list(ctx,
			   tls->min_version < TLS_MIN_1_2 ? ciphers_10
							  : ciphers_12) == 1;
	if (strchr(tls->ciphers, '@') != NULL)
		return refuse(fault, "ciphers",
		    "\"%s\": no @ is allowed, the security level is not left "
		    "to the list",
		    tls->ciphers);
	if (SSL_CTX_set_cipher_list(ctx, tls->ciphers) != 1)
		return refuse(fault, "ciphers",
		    "\"%s\": OpenSSL knows no such cipher, see openssl "
		    "ciphers -v",
		    tls->ciphers);
	if (!list_usable(ctx, usable) ||
	    SSL_CTX_set_cipher_list(ctx, usable) != 1)
		return refuse(fault, "ciphers",
		    "\"%s\": none of these can be used, ECDHE with an RSA or "
		    "ECDSA certificate can",
		    tls->ciphers);
	return true;
}

static bool
set_ciphersuites(
    SSL_CTX *ctx, const struct tls_conf *tls, struct tls_policy_fault *fault)
{
	if (tls->ciphersuites == NULL)
		return SSL_CTX_set_ciphersuites(ctx, suites) == 1;
	if (SSL_CTX_set_ciphersuites(ctx, tls->ciphersuites) == 1)
		return true;
	return refuse(fault, "ciphersuites",
	    "\"%s\": OpenSSL knows no such suite, allowed are names as "
	    "TLS_AES_128_GCM_SHA256 with : between them",
	    tls->ciphersuites);
}

/* Whether the signer knows points of the group, or never sees any (1.3). */
static bool
is_known_group(const char *name, size_t len)
{
	static const char *const known[] = { "X25519", "X448", "P-256", "P-384",
		"P-521", "prime256v1", "secp256r1", "secp384r1", "secp521r1",
		"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i]) == len &&
		    strncasecmp(known[i], name, len) == 0)
			return true;
	return false;
}

/* The hybrid group, where this OpenSSL has it. */
static const char *
default_groups(void)
{
	static const char *list;
	SSL_CTX *ctx;

	if (list != NULL)
		return list;
	list = groups_hybrid;
	ctx = SSL_CTX_new(TLS_server_method());
	if (ctx != NULL && SSL_CTX_set1_groups_list(ctx, list) != 1)
		list = strchr(groups_hybrid, ':') + 1;
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return list;
}

static bool
set_groups(
    SSL_CTX *ctx, const struct tls_conf *tls, struct tls_policy_fault *fault)
{
	if (tls->groups == NULL)
		return SSL_CTX_set1_groups_list(ctx, default_groups()) == 1;
	for (const char *p = tls->groups;; p++) {
		size_t len = strcspn(p, ":");

		if (!is_known_group(p, len))
			return refuse(fault, "groups",
			    "\"%.*s\" is not allowed, X25519, P-256, X448, "
			    "P-384, P-521 and X25519MLKEM768 are, with : "
			    "between them",
			    (int)len, p);
		p += len;
		if (*p == '\0')
			break;
	}
	if (SSL_CTX_set1_groups_list(ctx, tls->groups) == 1)
		return true;
	return refuse(fault, "groups", "\"%s\": %s does not have all of them",
	    tls->groups, OpenSSL_version(OPENSSL_VERSION_STRING));
}

static int
version_of(const struct tls_conf *tls)
{
	static const int versions[] = {
		[TLS_MIN_1_0] = TLS1_VERSION,
		[TLS_MIN_1_1] = TLS1_1_VERSION,
		[TLS_MIN_1_2] = TLS1_2_VERSION,
		[TLS_MIN_1_3] = TLS1_3_VERSION,
	};

	return versions[tls->min_version];
}

/* A client that puts ChaCha20 first has no AES in hardware: its wish counts. */
static uint64_t
preference_of(const struct tls_conf *tls)
{
	return tls->prefer_server_ciphers
		   ? SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA
		   : 0;
}

bool
tls_policy_apply(
    SSL_CTX *ctx, const struct tls_conf *tls, struct tls_policy_fault *fault)
{
	(void)refuse(fault, "", "OpenSSL refuses what every site is given");
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION |
				     SSL_OP_NO_RENEGOTIATION |
				     preference_of(tls));
	if (tls->min_version < TLS_MIN_1_2)
		SSL_CTX_set_security_level(ctx, 0);
	return SSL_CTX_set_min_proto_version(ctx, version_of(tls)) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       set_ciphers(ctx, tls, fault) &&
	       set_ciphersuites(ctx, tls, fault) &&
	       set_groups(ctx, tls, fault) &&
	       SSL_CTX_set1_sigalgs_list(ctx, signatures) == 1;
}

/* NULL: the default. */
static bool
is_same_list(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool
tls_policy_is_same(const struct tls_conf *a, const struct tls_conf *b)
{
	return a->min_version == b->min_version &&
	       a->prefer_server_ciphers == b->prefer_server_ciphers &&
	       is_same_list(a->ciphers, b->ciphers) &&
	       is_same_list(a->ciphersuites, b->ciphersuites) &&
	       is_same_list(a->groups, b->groups);
}

bool
tls_policy_apply_client(SSL_CTX *ctx)
{
	SSL_CTX_set_options(
	    ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, ciphers_client) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, suites) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, default_groups()) == 1 &&
	       SSL_CTX_set1_sigalgs_list(ctx, signatures) == 1;
}

static const char *
groups_of(const struct tls_conf *tls)
{
	return tls->groups != NULL ? tls->groups : default_groups();
}

bool
tls_policy_move(
    SSL *ssl, const struct tls_conf *from, const struct tls_conf *to)
{
	SSL_clear_options(
	    ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_set_options(ssl, preference_of(to));
	if (SSL_set_min_proto_version(ssl, version_of(to)) != 1)
		return false;
	/* the list is parsed by name, which takes 10 us */
	return strcmp(groups_of(from), groups_of(to)) == 0 ||
	       SSL_set1_groups_list(ssl, groups_of(to)) == 1;
}
