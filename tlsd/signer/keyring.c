/*
 * The private keys.  Runs in the signer.
 *
 * Where key material is, and for how long: the text of a key file is read
 * into the secure heap (locked, guarded, outside core dumps), decoded there
 * and wiped; the key's private numbers stay in the secure heap as long as the
 * keyring.  That heap is made before the first key is read.
 *
 * What is signed has been checked before: see sign.c.
 *
 * Keys in a PKCS#11 token would come in at read_key(): with "key =
 * pkcs11:..." the key is what OSSL_STORE finds by that URI through the pkcs11
 * provider, and keyring_sign() works with it as it is.  The token's library
 * must be loaded and its session opened there, before the sandbox closes;
 * what its driver calls afterwards (a socket of p11-kit or pcscd) belongs on
 * the list in signer.c.  "tlsd -t" would compare public keys alone, and a
 * signature that takes the token 10 ms holds up those behind it.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/mem.h"
#include "tlsd/cert_spki.h"
#include "tlsd/key_decoder.h"
#include "tlsd/key_file.h"
#include "tlsd/passphrase.h"
#include "tlsd/signer/keyring.h"

#define SECURE_HEAP_BASE (256 * 1024)
#define SECURE_HEAP_MIN_BLOCK 32
#define N_METHODS (SIGN_ECDSA_SHA1 + 1)

struct key {
	EVP_PKEY *private;     /* owned */
	unsigned char *public; /* owned by OpenSSL's allocator, DER, from the
				* certificate */
	size_t public_bytes;
	bool is_for_old; /* its site speaks TLS 1.0 or 1.1 */
	bool is_client;  /* of a pool; the others are of sites */
	/* owned; NULL until it has been asked for */
	EVP_MD_CTX *begun[N_METHODS];
};

struct keyring {
	struct key *key; /* owned */
	unsigned n;
	bool is_locked;
};

/* Only while the keys are read. */
struct loading {
	struct keyring *keyring;          /* being filled */
	const struct tlsd_config *config; /* borrowed */
	struct key_decoder *decoder;      /* owned */
	struct passphrase *phrase;        /* owned, of the site in turn */
};

static char error_text[512];

static bool __attribute__((format(printf, 1, 2))) refuse(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error_text, sizeof(error_text), fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return false;
}

/*
 * The private numbers of an RSA key are half of its PEM text, those of the
 * other kinds less; the heap rounds each up to a power of two.
 */
static size_t
room_for_key(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || st.st_size > KEY_FILE_MAX)
		return 0; /* it will be refused */
	return 2 * (size_t)st.st_size;
}

static size_t
room_for_list(const struct string_list *key)
{
	size_t bytes = 0;

	for (size_t i = 0; i < key->n; i++)
		bytes += room_for_key(key->v[i]);
	return bytes;
}

static size_t
room_for_keys(const struct tlsd_config *config)
{
	size_t bytes = 0;

	for (size_t s = 0; s < config->sites.n; s++) {
		const struct site_conf *site = config->sites.v[s];

		bytes += room_for_list(&site->tls.key);
		for (size_t i = 0; i < site->n_pool; i++)
			bytes += room_for_list(&site->pool[i].tls_key);
	}
	return bytes;
}

/*
 * Makes the secure heap; true when it is locked.  Where even that much cannot
 * be mapped, OpenSSL uses ordinary memory in its place.
 */
static bool
make_secure_heap(const struct tlsd_config *config)
{
	size_t want_bytes = SECURE_HEAP_BASE + room_for_keys(config);
	size_t heap_bytes = SECURE_HEAP_BASE;

	while (heap_bytes < want_bytes)
		heap_bytes *= 2;
	return CRYPTO_secure_malloc_init(heap_bytes, SECURE_HEAP_MIN_BLOCK) ==
	       1;
}

/* The whole file, in the secure heap; the caller wipes and frees. */
static char *
read_secret(const char *path, size_t *len_bytes)
{
	char *text = NULL;
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0) {
		refuse("%s: %s", path, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    st.st_size > KEY_FILE_MAX) {
		refuse("%s: not a file of 1 to %d bytes", path, KEY_FILE_MAX);
		goto out;
	}
	*len_bytes = (size_t)st.st_size;
	text = OPENSSL_secure_malloc(*len_bytes);
	n = text != NULL ? read(fd, text, *len_bytes) : -1;
	if (n != (ssize_t)*len_bytes) {
		refuse("%s: cannot be read", path);
		OPENSSL_secure_clear_free(text, *len_bytes);
		text = NULL;
	}
out:
	if (fd >= 0)
		close(fd);
	return text;
}

static bool
refuse_key(const char *path, const struct passphrase *phrase)
{
	if (!phrase->was_asked)
		return refuse("%s: no private key in PEM form", path);
	if (phrase->len_bytes == 0)
		return refuse("%s: the key is encrypted and tls.key_passphrase "
			      "is not given",
		    path);
	return refuse("%s: the passphrase does not fit", path);
}

static struct slice
spki_of(const struct key *key)
{
	return (struct slice){ (const char *)key->public, key->public_bytes };
}

/* Whether the certificate (leaf first) speaks of this key; keeps how. */
static bool
matches(const struct loading *l, struct key *key, const char *path,
    const char *certificate, struct slice pem)
{
	EVP_PKEY *public;
	bool ok;

	key->public = cert_spki_read(pem, &key->public_bytes);
	if (key->public == NULL)
		return refuse("%s: no certificate in PEM form", certificate);
	public = key_decoder_public(l->decoder, spki_of(key));
	ok = public != NULL && EVP_PKEY_eq(public, key->private) == 1;
	EVP_PKEY_free(public);
	if (ok)
		return true;
	return refuse(
	    "%s: the key does not match the certificate %s", path, certificate);
}

static bool
is_usable(const char *path, EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS") ||
	    EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "ED25519") ||
	    EVP_PKEY_is_a(key, "ED448"))
		return true;
	return refuse("%s: a key of kind %s cannot be used: RSA, RSA-PSS, EC, "
		      "Ed25519 or Ed448 is allowed",
	    path, EVP_PKEY_get0_type_name(key));
}

static bool
read_key(const struct loading *l, struct key *key, const char *path)
{
	size_t len_bytes = 0;
	char *text = read_secret(path, &len_bytes);

	if (text == NULL)
		return false;
	key->private = key_decoder_private(
	    l->decoder, (struct slice){ text, len_bytes }, l->phrase);
	OPENSSL_secure_clear_free(text, len_bytes);
	if (key->private == NULL)
		return refuse_key(path, l->phrase);
	return is_usable(path, key->private);
}

static bool
load_key(const struct loading *l, struct key *key, const char *path,
    const char *certificate)
{
	struct slice pem;

	if (!bundle_find(l->config->bundle, certificate, &pem))
		return refuse(
		    "%s: not in the configuration's bundle", certificate);
	return read_key(l, key, path) &&
	       matches(l, key, path, certificate, pem);
}

static bool
load_site_keys(const struct loading *l, size_t site)
{
	const struct tls_conf *tls = &l->config->sites.v[site]->tls;

	for (size_t i = 0; i < tls->key.n; i++) {
		unsigned no = tlsd_config_key_no(l->config, site, i);

		CHECK(no < l->keyring->n && i < tls->certificate.n);
		l->keyring->key[no].is_for_old = tls->min_version < TLS_MIN_1_2;
		if (!load_key(l, &l->keyring->key[no], tls->key.v[i],
			tls->certificate.v[i]))
			return false;
	}
	return true;
}

static bool
load_pool_keys(const struct loading *l, size_t site, size_t pool)
{
	const struct pool_conf *p = &l->config->sites.v[site]->pool[pool];

	for (size_t i = 0; i < p->tls_key.n; i++) {
		unsigned no =
		    tlsd_config_client_key_no(l->config, site, pool, i);

		CHECK(no < l->keyring->n && i < p->tls_certificate.n);
		l->keyring->key[no].is_client = true;
		if (!load_key(l, &l->keyring->key[no], p->tls_key.v[i],
			p->tls_certificate.v[i]))
			return false;
	}
	return true;
}

static bool
load_site(const struct loading *l, size_t site)
{
	const struct site_conf *s = l->config->sites.v[site];
	char error[PASSPHRASE_ERROR_MAX];
	bool ok;

	if (passphrase_read(s->tls.key_passphrase, l->phrase, error))
		ok = load_site_keys(l, site);
	else
		ok = refuse("%s", error);
	for (size_t i = 0; ok && i < s->n_pool; i++)
		ok = load_pool_keys(l, site, i);
	mem_wipe(l->phrase, sizeof(*l->phrase));
	return ok;
}

static bool
load_sites(struct keyring *k, const struct tlsd_config *config)
{
	const struct loading l = {
		.keyring = k,
		.config = config,
		.decoder = key_decoder_new(),
		.phrase = OPENSSL_secure_zalloc(sizeof(*l.phrase)),
	};
	bool ok = l.phrase != NULL || refuse("out of memory");

	for (size_t s = 0; ok && s < config->sites.n; s++)
		ok = load_site(&l, s);
	OPENSSL_secure_clear_free(l.phrase, sizeof(*l.phrase));
	key_decoder_free(l.decoder);
	return ok;
}

struct keyring *
keyring_load(const struct tlsd_config *config, const char **error)
{
	struct keyring *k = mem_need(sizeof(*k));

	k->n = tlsd_config_n_keys(config);
	k->key = mem_need(sizeof(*k->key) * (k->n > 0 ? k->n : 1));
	k->is_locked = make_secure_heap(config);
	if (load_sites(k, config))
		return k;
	*error = error_text;
	keyring_free(k);
	return NULL;
}

void
keyring_free(struct keyring *k)
{
	if (k == NULL)
		return;
	for (unsigned i = 0; i < k->n; i++) {
		for (size_t a = 0; a < N_METHODS; a++)
			EVP_MD_CTX_free(k->key[i].begun[a]);
		EVP_PKEY_free(k->key[i].private);
		OPENSSL_free(k->key[i].public);
	}
	mem_free(k->key);
	mem_free(k);
}

bool
keyring_is_locked(const struct keyring *k)
{
	return k->is_locked;
}

unsigned
keyring_count(const struct keyring *k)
{
	return k->n;
}

struct slice
keyring_public(const struct keyring *k, unsigned key_no)
{
	CHECK(key_no < k->n);
	return spki_of(&k->key[key_no]);
}

bool
keyring_is_client(const struct keyring *k, unsigned key_no)
{
	CHECK(key_no < k->n);
	return k->key[key_no].is_client;
}

/* What each algorithm asks of the key and of EVP_DigestSign(). */
static const struct method {
	const char *kind[2]; /* of keys; the second may be NULL */
	const char *digest;  /* NULL: part of the algorithm */
	int padding;         /* RSA only */
	bool is_old;         /* for sites that speak TLS 1.0 or 1.1 alone */
} methods[N_METHODS] = {
	[SIGN_RSA_PKCS1_SHA256] = { { "RSA" }, "SHA256", RSA_PKCS1_PADDING,
	    false },
	[SIGN_RSA_PKCS1_SHA384] = { { "RSA" }, "SHA384", RSA_PKCS1_PADDING,
	    false },
	[SIGN_RSA_PKCS1_SHA512] = { { "RSA" }, "SHA512", RSA_PKCS1_PADDING,
	    false },
	[SIGN_RSA_PSS_SHA256] = { { "RSA", "RSA-PSS" }, "SHA256",
	    RSA_PKCS1_PSS_PADDING, false },
	[SIGN_RSA_PSS_SHA384] = { { "RSA", "RSA-PSS" }, "SHA384",
	    RSA_PKCS1_PSS_PADDING, false },
	[SIGN_RSA_PSS_SHA512] = { { "RSA", "RSA-PSS" }, "SHA512",
	    RSA_PKCS1_PSS_PADDING, false },
	[SIGN_ECDSA_SHA256] = { { "EC" }, "SHA256", 0, false },
	[SIGN_ECDSA_SHA384] = { { "EC" }, "SHA384", 0, false },
	[SIGN_ECDSA_SHA512] = { { "EC" }, "SHA512", 0, false },
	[SIGN_ED25519] = { { "ED25519" }, NULL, 0, false },
	[SIGN_ED448] = { { "ED448" }, NULL, 0, false },
	[SIGN_RSA_PKCS1_MD5_SHA1] = { { "RSA" }, "MD5-SHA1", RSA_PKCS1_PADDING,
	    true },
	[SIGN_ECDSA_SHA1] = { { "EC" }, "SHA1", 0, true },
};

bool
keyring_fits(const struct keyring *k, unsigned key_no, enum sign_algorithm a)
{
	const struct method *m = &methods[a];

	CHECK(a < N_METHODS && m->kind[0] != NULL);
	if (key_no >= k->n || (m->is_old && !k->key[key_no].is_for_old))
		return false;
	return EVP_PKEY_is_a(k->key[key_no].private, m->kind[0]) ||
	       (m->kind[1] != NULL &&
		   EVP_PKEY_is_a(k->key[key_no].private, m->kind[1]));
}

/* A signature that has everything but what is signed. */
static EVP_MD_CTX *
begin(EVP_PKEY *key, const struct method *m)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx; /* owned by md */
	bool ok = md != NULL && EVP_DigestSignInit_ex(md, &ctx, m->digest, NULL,
				    NULL, key, NULL) > 0;

	if (ok && m->padding != 0)
		ok = EVP_PKEY_CTX_set_rsa_padding(ctx, m->padding) > 0;
	if (ok && m->padding == RSA_PKCS1_PSS_PADDING)
		ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(
			 ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
	if (ok)
		return md;
	EVP_MD_CTX_free(md);
	return NULL;
}

/* To begin anew costs OpenSSL four times what a copy does. */
static EVP_MD_CTX *
begin_copy(struct key *key, enum sign_algorithm a)
{
	EVP_MD_CTX **begun = &key->begun[a];
	EVP_MD_CTX *md;

	if (*begun == NULL)
		*begun = begin(key->private, &methods[a]);
	if (*begun == NULL)
		return NULL;
	md = EVP_MD_CTX_new();
	if (md != NULL && EVP_MD_CTX_copy_ex(md, *begun) > 0)
		return md;
	EVP_MD_CTX_free(md);
	return NULL;
}

size_t
keyring_sign(const struct keyring *k, unsigned key_no, enum sign_algorithm a,
    struct slice tbs, char *out, size_t room_bytes)
{
	size_t len_bytes = room_bytes;
	EVP_MD_CTX *md;
	bool ok = false;

	CHECK(keyring_fits(k, key_no, a));
	md = begin_copy(&k->key[key_no], a);
	if (md != NULL) {
		/* nothing is added after the end: no copy is needed for it */
		EVP_MD_CTX_set_flags(md, EVP_MD_CTX_FLAG_FINALISE);
		ok = EVP_DigestSign(md, (unsigned char *)out, &len_bytes,
			 (const unsigned char *)tbs.p, tbs.len) > 0;
	}
	EVP_MD_CTX_free(md);
	if (!ok)
		ERR_clear_error();
	return ok ? len_bytes : 0;
}
