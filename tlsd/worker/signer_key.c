/*
 * A private key as the worker has it.  Runs in the worker; called by OpenSSL.
 *
 * One implementation for all kinds of key, since everything that can be asked
 * of a public key is passed on to the default provider's.  The one thing kept
 * back: exporting a private half.  OpenSSL tries that first when it is to
 * sign, in the hope that the default provider could do it; refused, it turns
 * to the signature implementation of the key's own provider
 * (signer_provider.c).
 *
 * Keys come in two ways: ours with the two parameters below, and plain public
 * ones when OpenSSL compares a key with a certificate.
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "common/check.h"
#include "common/mem.h"
#include "tlsd/worker/signer_key.h"

#define PARAM_KEY_NO "tlsd-key-number"
#define PARAM_PUBLIC "tlsd-public"

#define DEFAULT_PROPERTIES "provider=default"

static void *
key_new(void *provider)
{
	(void)provider;
	return mem_try(sizeof(struct signer_key));
}

static void
key_free(void *data)
{
	struct signer_key *k = data;

	if (k == NULL)
		return;
	EVP_PKEY_free(k->public);
	mem_free(k);
}

static int
key_has(const void *data, int selection)
{
	const struct signer_key *k = data;

	if (k == NULL || k->public == NULL)
		return 0;
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 ||
	       k->has_private;
}

static int
key_match(const void *a, const void *b, int selection)
{
	const struct signer_key *ka = a, *kb = b;

	(void)selection; /* equal public halves: equal keys */
	return EVP_PKEY_eq(ka->public, kb->public) == 1;
}

static EVP_PKEY *
public_from_params(const char *kind, const OSSL_PARAM params[])
{
	EVP_PKEY_CTX *ctx =
	    EVP_PKEY_CTX_new_from_name(NULL, kind, DEFAULT_PROPERTIES);
	EVP_PKEY *key = NULL;

	if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) > 0)
		EVP_PKEY_fromdata(
		    ctx, &key, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static int
import(struct signer_key *k, const char *kind, const OSSL_PARAM params[])
{
	const OSSL_PARAM *no = OSSL_PARAM_locate_const(params, PARAM_KEY_NO);
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_PUBLIC);
	const void *public;

	if (k->public != NULL)
		return 0;
	if (no == NULL || p == NULL) {
		k->public = public_from_params(kind, params);
		return k->public != NULL;
	}
	if (!OSSL_PARAM_get_uint(no, &k->key_no) ||
	    !OSSL_PARAM_get_octet_ptr(p, &public, NULL))
		return 0;
	k->public = (EVP_PKEY *)(uintptr_t) public;
	k->has_private = true;
	return EVP_PKEY_up_ref(k->public);
}

static int
key_export(void *data, int selection, OSSL_CALLBACK *give, void *ctx)
{
	const struct signer_key *k = data;
	OSSL_PARAM *params = NULL;
	int ok;

	if (k->public == NULL ||
	    (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
		return 0;
	if (EVP_PKEY_todata(k->public, selection, &params) <= 0)
		return 0;
	ok = give(params, ctx);
	OSSL_PARAM_free(params);
	return ok;
}

/* The core asks for the list to know whether there is any; see import(). */
static const OSSL_PARAM *
key_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_uint(PARAM_KEY_NO, NULL),
		OSSL_PARAM_octet_ptr(PARAM_PUBLIC, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)selection;
	return types;
}

static const OSSL_PARAM *
key_export_types(int selection)
{
	static const OSSL_PARAM none[] = { OSSL_PARAM_END };

	(void)selection;
	return none;
}

static int
key_get_params(void *data, OSSL_PARAM params[])
{
	const struct signer_key *k = data;

	return EVP_PKEY_get_params(k->public, params) > 0;
}

static const OSSL_PARAM *
key_gettable_params(void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(
		    OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(
		    OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)provider;
	return types;
}

static const char *
rsa_operation(int operation)
{
	(void)operation;
	return "RSA";
}

static const char *
ec_operation(int operation)
{
	(void)operation;
	return "ECDSA";
}

/* The kind is all that differs, and import is not told it. */
#define DEFINE_IMPORT(suffix, kind)                                            \
	static int import_##suffix(                                            \
	    void *data, int selection, const OSSL_PARAM params[])              \
	{                                                                      \
		(void)selection;                                               \
		return import(data, kind, params);                             \
	}
DEFINE_IMPORT(rsa, "RSA")
DEFINE_IMPORT(rsa_pss, "RSA-PSS")
DEFINE_IMPORT(ec, "EC")
DEFINE_IMPORT(ed25519, "ED25519")
DEFINE_IMPORT(ed448, "ED448")

#define FN(f) (void (*)(void))(f)
#define COMMON_FUNCTIONS                                                       \
	{ OSSL_FUNC_KEYMGMT_NEW, FN(key_new) },                                \
	    { OSSL_FUNC_KEYMGMT_FREE, FN(key_free) },                          \
	    { OSSL_FUNC_KEYMGMT_HAS, FN(key_has) },                            \
	    { OSSL_FUNC_KEYMGMT_MATCH, FN(key_match) },                        \
	    { OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FN(key_import_types) },          \
	    { OSSL_FUNC_KEYMGMT_EXPORT, FN(key_export) },                      \
	    { OSSL_FUNC_KEYMGMT_EXPORT_TYPES, FN(key_export_types) },          \
	    { OSSL_FUNC_KEYMGMT_GET_PARAMS, FN(key_get_params) },              \
	{                                                                      \
		OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FN(key_gettable_params)     \
	}

static const OSSL_DISPATCH rsa_functions[] = {
	COMMON_FUNCTIONS,
	{ OSSL_FUNC_KEYMGMT_IMPORT, FN(import_rsa) },
	{ OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FN(rsa_operation) },
	{ 0, NULL },
};
static const OSSL_DISPATCH rsa_pss_functions[] = {
	COMMON_FUNCTIONS,
	{ OSSL_FUNC_KEYMGMT_IMPORT, FN(import_rsa_pss) },
	{ OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FN(rsa_operation) },
	{ 0, NULL },
};
static const OSSL_DISPATCH ec_functions[] = {
	COMMON_FUNCTIONS,
	{ OSSL_FUNC_KEYMGMT_IMPORT, FN(import_ec) },
	{ OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FN(ec_operation) },
	{ 0, NULL },
};
static const OSSL_DISPATCH ed25519_functions[] = {
	COMMON_FUNCTIONS,
	{ OSSL_FUNC_KEYMGMT_IMPORT, FN(import_ed25519) },
	{ 0, NULL },
};
static const OSSL_DISPATCH ed448_functions[] = {
	COMMON_FUNCTIONS,
	{ OSSL_FUNC_KEYMGMT_IMPORT, FN(import_ed448) },
	{ 0, NULL },
};

/* The names must be those of the default provider, aliases included. */
const OSSL_ALGORITHM signer_key_algorithms[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", SIGNER_PROPERTIES,
	    rsa_functions, NULL },
	{ "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", SIGNER_PROPERTIES,
	    rsa_pss_functions, NULL },
	{ "EC:id-ecPublicKey:1.2.840.10045.2.1", SIGNER_PROPERTIES,
	    ec_functions, NULL },
	{ "ED25519:1.3.101.112", SIGNER_PROPERTIES, ed25519_functions, NULL },
	{ "ED448:1.3.101.113", SIGNER_PROPERTIES, ed448_functions, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const char *
kind_of(const EVP_PKEY *public)
{
	static const char *const kinds[] = { "RSA", "RSA-PSS", "EC", "ED25519",
		"ED448" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (EVP_PKEY_is_a(public, kinds[i]))
			return kinds[i];
	return NULL;
}

EVP_PKEY *
signer_key_new(unsigned key_no, EVP_PKEY *public)
{
	const char *kind = kind_of(public);
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *key = NULL;
	void *pointer = public;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_uint(PARAM_KEY_NO, &key_no),
		OSSL_PARAM_construct_octet_ptr(PARAM_PUBLIC, &pointer, 0),
		OSSL_PARAM_construct_end(),
	};

	if (kind != NULL)
		ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, SIGNER_PROPERTIES);
	if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) > 0)
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}
