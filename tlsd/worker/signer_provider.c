/*
 * The OpenSSL provider that signs by asking the signer.  Runs in the worker;
 * called by libssl from inside a handshake.
 *
 *	SSL_do_handshake -> EVP_DigestSign -> ask the signer, pause the job
 *	                                                        |
 *	signer_provider_handshake returns  <--------------------+
 *	   ... the loop serves others; the reply comes ...
 *	SSL_do_handshake -> the job goes on here with the signature
 *
 * libssl hands over what is to be signed whole and in one call, which is just
 * what the signer wants to see.  The first of its two calls asks for the size
 * alone.
 *
 * Verifying, and everything with public keys, stays with the default
 * provider: the default properties prefer it, so ours is found only through
 * keys made by signer_key_new().
 */
#include <openssl/async.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/proverr.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <string.h>
#include <strings.h>

#include "common/check.h"
#include "common/mem.h"
#include "tlsd/worker/signer_key.h"
#include "tlsd/worker/signer_provider.h"

static struct {
	struct signer_client *client; /* borrowed from the worker */
	struct sign_op *op;      /* borrowed from the handshake that runs */
	ASYNC_WAIT_CTX *waiting; /* owned; nothing is ever put into it */
	unsigned n_suspended;    /* handshakes that wait with a job */
	OSSL_PROVIDER *builtin;  /* owned: OpenSSL's default */
	OSSL_PROVIDER *ours;     /* owned */
} self;

enum digest {
	DIGEST_NONE, /* part of the algorithm: Ed25519, Ed448 */
	DIGEST_SHA256,
	DIGEST_SHA384,
	DIGEST_SHA512,
	DIGEST_SHA1, /* these two: TLS 1.0 and 1.1 */
	DIGEST_MD5_SHA1,
};

struct signature {
	const struct signer_key *key; /* borrowed from the EVP_PKEY */
	enum digest digest;
	bool is_pss; /* RSA only */
};

static void *
signature_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return mem_try(sizeof(struct signature));
}

static void
signature_free(void *data)
{
	mem_free(data);
}

static void *
signature_dup(void *data)
{
	struct signature *s = mem_try(sizeof(*s));

	if (s != NULL)
		*s = *(struct signature *)data;
	return s;
}

static bool
parse_digest(const char *name, enum digest *out)
{
	static const struct {
		const char *name;
		enum digest digest;
	} names[] = {
		{ "SHA256", DIGEST_SHA256 },
		{ "SHA2-256", DIGEST_SHA256 },
		{ "SHA384", DIGEST_SHA384 },
		{ "SHA2-384", DIGEST_SHA384 },
		{ "SHA512", DIGEST_SHA512 },
		{ "SHA2-512", DIGEST_SHA512 },
		{ "SHA1", DIGEST_SHA1 },
		{ "MD5-SHA1", DIGEST_MD5_SHA1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcasecmp(names[i].name, name) == 0) {
			*out = names[i].digest;
			return true;
		}
	}
	return false;
}

static bool
is_edwards(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
}

/* -1 without a message is how OpenSSL is told "not this padding". */
static bool
set_padding(struct signature *s, const OSSL_PARAM *p)
{
	int mode = 0;

	if (p->data_type == OSSL_PARAM_UTF8_STRING) {
		if (strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0)
			mode = RSA_PKCS1_PSS_PADDING;
		else if (strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0)
			mode = RSA_PKCS1_PADDING;
	} else if (!OSSL_PARAM_get_int(p, &mode)) {
		return false;
	}
	if (mode != RSA_PKCS1_PSS_PADDING && mode != RSA_PKCS1_PADDING)
		return false;
	if (mode == RSA_PKCS1_PADDING &&
	    EVP_PKEY_is_a(s->key->public, "RSA-PSS"))
		return false;
	s->is_pss = mode == RSA_PKCS1_PSS_PADDING;
	return true;
}

/* As long as the digest, the only one that TLS allows. */
static bool
is_digest_salt(const OSSL_PARAM *p)
{
	int len = 0;

	if (p->data_type == OSSL_PARAM_UTF8_STRING)
		return strcmp(p->data, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0;
	return OSSL_PARAM_get_int(p, &len) && len == RSA_PSS_SALTLEN_DIGEST;
}

static bool
is_same_digest(const struct signature *s, const OSSL_PARAM *p)
{
	enum digest mgf1;

	return p->data_type == OSSL_PARAM_UTF8_STRING &&
	       parse_digest(p->data, &mgf1) && mgf1 == s->digest;
}

static int
signature_set_params(void *data, const OSSL_PARAM params[])
{
	struct signature *s = data;
	const OSSL_PARAM *p;

	if (params == NULL)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p != NULL && !set_padding(s, p))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
	if (p != NULL && !is_digest_salt(p))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
	return p == NULL || is_same_digest(s, p);
}

static const OSSL_PARAM *
signature_settable(void *data, void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(
		    OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(
		    OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)data;
	(void)provider;
	return types;
}

/*
 * One of the kind RSA-PSS may be for one digest alone; OpenSSL asks so which
 * of the client's algorithms a certificate is good for.
 */
static bool
is_digest_of_key(const struct signature *s)
{
	char name[16];
	enum digest only;

	if (!EVP_PKEY_is_a(s->key->public, "RSA-PSS") ||
	    EVP_PKEY_get_default_digest_name(
		s->key->public, name, sizeof(name)) != 2)
		return true;
	return parse_digest(name, &only) && only == s->digest;
}

static int
signature_init(
    void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct signature *s = data;

	if (key != NULL)
		s->key = key;
	if (s->key == NULL || !s->key->has_private)
		return 0;
	s->digest = DIGEST_NONE;
	if (is_edwards(s->key->public)) {
		if (digest != NULL && digest[0] != '\0')
			return 0;
	} else if (!parse_digest(
		       digest != NULL ? digest : "SHA256", &s->digest) ||
		   !is_digest_of_key(s)) {
		return 0;
	}
	s->is_pss = EVP_PKEY_is_a(s->key->public, "RSA-PSS");
	return signature_set_params(s, params);
}

/* 0: nothing that the signer does. */
static enum sign_algorithm
algorithm_of(const struct signature *s)
{
	static const enum sign_algorithm pkcs1[] = {
		[DIGEST_SHA256] = SIGN_RSA_PKCS1_SHA256,
		[DIGEST_SHA384] = SIGN_RSA_PKCS1_SHA384,
		[DIGEST_SHA512] = SIGN_RSA_PKCS1_SHA512,
		[DIGEST_MD5_SHA1] = SIGN_RSA_PKCS1_MD5_SHA1,
	};
	static const enum sign_algorithm pss[] = {
		[DIGEST_SHA256] = SIGN_RSA_PSS_SHA256,
		[DIGEST_SHA384] = SIGN_RSA_PSS_SHA384,
		[DIGEST_SHA512] = SIGN_RSA_PSS_SHA512,
		[DIGEST_MD5_SHA1] = 0,
	};
	static const enum sign_algorithm ecdsa[] = {
		[DIGEST_SHA256] = SIGN_ECDSA_SHA256,
		[DIGEST_SHA384] = SIGN_ECDSA_SHA384,
		[DIGEST_SHA512] = SIGN_ECDSA_SHA512,
		[DIGEST_SHA1] = SIGN_ECDSA_SHA1,
		[DIGEST_MD5_SHA1] = 0,
	};

	if (s->digest == DIGEST_NONE)
		return EVP_PKEY_is_a(s->key->public, "ED25519") ? SIGN_ED25519
								: SIGN_ED448;
	if (EVP_PKEY_is_a(s->key->public, "EC"))
		return ecdsa[s->digest];
	return s->is_pss ? pss[s->digest] : pkcs1[s->digest];
}

/* Asks and sleeps until the reply is here; see the picture above. */
static bool
ask_and_wait(
    struct sign_op *op, enum sign_algorithm a, unsigned no, struct slice tbs)
{
	op->status = SIGN_FAILED;
	if (a == 0 || !signer_client_ask(self.client, op, a, no, tbs))
		return false;
	while (op->id != 0 && !op->done)
		if (ASYNC_pause_job() == 0)
			signer_client_cancel(self.client, op);
	return op->id != 0 && op->status == SIGN_OK;
}

/* Leaves op idle; its status tells what became of it. */
static bool
sign(const struct signature *s, struct sign_op *op, unsigned char *out,
    size_t *out_bytes, size_t room_bytes, struct slice tbs)
{
	bool ok = ask_and_wait(op, algorithm_of(s), s->key->key_no, tbs) &&
		  op->signature_bytes <= room_bytes;

	if (ok) {
		memcpy(out, op->signature, op->signature_bytes);
		*out_bytes = op->signature_bytes;
	} else if (op->status == SIGN_OK) {
		op->status = SIGN_FAILED;
	}
	signer_client_cancel(self.client, op);
	return ok;
}

static int
signature_sign(void *data, unsigned char *out, size_t *out_bytes,
    size_t room_bytes, const unsigned char *tbs, size_t tbs_bytes)
{
	const struct signature *s = data;
	int size = EVP_PKEY_get_size(s->key->public);

	if (size <= 0)
		return 0;
	if (out == NULL) {
		*out_bytes = (size_t)size;
		return 1;
	}
	if (self.op == NULL || ASYNC_get_current_job() == NULL ||
	    !sign(s, self.op, out, out_bytes, room_bytes,
		(struct slice){ (const char *)tbs, tbs_bytes })) {
		ERR_raise_data(ERR_LIB_PROV, PROV_R_FAILED_TO_SIGN, "signer");
		return 0;
	}
	return 1;
}

#define FN(f) (void (*)(void))(f)

static const OSSL_DISPATCH signature_functions[] = {
	{ OSSL_FUNC_SIGNATURE_NEWCTX, FN(signature_new) },
	{ OSSL_FUNC_SIGNATURE_FREECTX, FN(signature_free) },
	{ OSSL_FUNC_SIGNATURE_DUPCTX, FN(signature_dup) },
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FN(signature_init) },
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN, FN(signature_sign) },
	{ OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, FN(signature_set_params) },
	{ OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FN(signature_settable) },
	{ 0, NULL },
};

static const OSSL_ALGORITHM signature_algorithms[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", SIGNER_PROPERTIES,
	    signature_functions, NULL },
	{ "ECDSA", SIGNER_PROPERTIES, signature_functions, NULL },
	{ "ED25519:1.3.101.112", SIGNER_PROPERTIES, signature_functions, NULL },
	{ "ED448:1.3.101.113", SIGNER_PROPERTIES, signature_functions, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *
on_query(void *provider, int operation, int *no_store)
{
	(void)provider;
	*no_store = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return signer_key_algorithms;
	if (operation == OSSL_OP_SIGNATURE)
		return signature_algorithms;
	return NULL;
}

static int
on_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH functions[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, FN(on_query) },
		{ 0, NULL },
	};

	(void)in;
	*out = functions;
	*provider = (void *)core; /* one of us: nothing to remember */
	return 1;
}

bool
signer_provider_init(struct signer_client *client)
{
	self.client = client;
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	self.builtin = OSSL_PROVIDER_load(NULL, "default");
	if (self.builtin == NULL || OSSL_PROVIDER_add_builtin(NULL,
					SIGNER_PROVIDER, on_provider_init) != 1)
		return false;
	self.ours = OSSL_PROVIDER_load(NULL, SIGNER_PROVIDER);
	self.waiting = ASYNC_WAIT_CTX_new();
	return self.ours != NULL && self.waiting != NULL &&
	       EVP_set_default_properties(NULL, "?provider=default") == 1;
}

void
signer_provider_fini(void)
{
	if (self.ours != NULL)
		OSSL_PROVIDER_unload(self.ours);
	if (self.builtin != NULL)
		OSSL_PROVIDER_unload(self.builtin);
	ASYNC_WAIT_CTX_free(self.waiting);
	memset(&self, 0, sizeof(self));
}

static int
run_in_job(void *arg)
{
	SSL **ssl = arg;

	return SSL_do_handshake(*ssl);
}

/*
 * SSL_MODE_ASYNC does the same, but each connection then keeps an object of
 * its own for what it waits for.  Ours all wait for the loop.
 */
enum signer_provider_step
signer_provider_handshake(SSL *ssl, struct sign_op *op, int *ret)
{
	int how;

	self.op = op;
	self.n_suspended -= op->job != NULL;
	how = ASYNC_start_job(
	    &op->job, self.waiting, ret, run_in_job, &ssl, sizeof(ssl));
	self.op = NULL;
	self.n_suspended += op->job != NULL;
	if (how == ASYNC_PAUSE)
		return SIGNER_PROVIDER_SUSPENDED;
	return how == ASYNC_FINISH ? SIGNER_PROVIDER_RETURNED
				   : SIGNER_PROVIDER_NO_MEMORY;
}

/* A job that is suspended would return to what this frees. */
bool
signer_provider_give_back(void)
{
	if (self.n_suspended > 0)
		return false;
	ASYNC_cleanup_thread();
	return true;
}

void
signer_provider_cancel(struct sign_op *op)
{
	if (op->id != 0)
		signer_client_cancel(self.client, op);
}
