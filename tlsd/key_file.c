/*
 * Private key files: who can read them, and whether what they hold can be
 * used.  Runs in "tlsd -t" only, a process that ends right after; the bytes
 * read are wiped all the same.
 */
#include "tlsd/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"

struct secret {
	char *p; /* owned, wiped on release */
	size_t len;
};

static void
secret_release(struct secret *s)
{
	if (s->p != NULL)
		mem_wipe(s->p, s->len);
	mem_free(s->p);
	s->p = NULL;
}

static bool
check_rights(const struct stat *st, char error[CERT_FILE_ERROR_MAX])
{
	if (!S_ISREG(st->st_mode)) {
		(void)snprintf(
		    error, CERT_FILE_ERROR_MAX, "is not a regular file");
		return false;
	}
	if ((st->st_mode & (S_IROTH | S_IWOTH)) != 0) {
		(void)snprintf(error, CERT_FILE_ERROR_MAX,
		    "can be read by everybody (mode %04o), allowed is owner "
		    "and group: chmod 0600",
		    (unsigned)(st->st_mode & 07777));
		return false;
	}
	if (st->st_size > KEY_FILE_MAX) {
		(void)snprintf(error, CERT_FILE_ERROR_MAX,
		    "is too large for a key, at most %d bytes are allowed",
		    KEY_FILE_MAX);
		return false;
	}
	return true;
}

static bool
read_whole(int fd, struct secret *out, char error[CERT_FILE_ERROR_MAX])
{
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)snprintf(
		    error, CERT_FILE_ERROR_MAX, "%s", strerror(errno));
		return false;
	}
	if (!check_rights(&st, error))
		return false;
	out->len = (size_t)st.st_size;
	out->p = mem_need(out->len + 1);
	n = pread(fd, out->p, out->len, 0);
	if (n == (ssize_t)out->len)
		return true;
	(void)snprintf(error, CERT_FILE_ERROR_MAX, "cannot be read whole");
	secret_release(out);
	return false;
}

static void
explain(struct slice text, const char *path, const struct passphrase *phrase,
    char error[CERT_FILE_ERROR_MAX])
{
	if (phrase->was_asked && phrase->len_bytes == 0)
		(void)snprintf(error, CERT_FILE_ERROR_MAX,
		    "is protected by a passphrase, name the file that holds "
		    "it in tls.key_passphrase, or take it off with "
		    "\"openssl pkey -in %s -out plain.key\" and chmod 0600",
		    path);
	else if (phrase->was_asked)
		(void)snprintf(error, CERT_FILE_ERROR_MAX,
		    "is protected by another passphrase than that of "
		    "tls.key_passphrase");
	else if (slice_find_slice(text, SLICE("PRIVATE KEY-----")) < text.len)
		(void)snprintf(
		    error, CERT_FILE_ERROR_MAX, "holds a damaged private key");
	else
		cert_file_explain(text, path, "private key", error);
}

static EVP_PKEY *
parse(struct key_decoder *decoder, struct slice text, const char *path,
    struct passphrase *phrase, char error[CERT_FILE_ERROR_MAX])
{
	EVP_PKEY *key = key_decoder_private(decoder, text, phrase);

	if (key == NULL)
		explain(text, path, phrase, error);
	return key;
}

static bool
is_usable_curve(const EVP_PKEY *key)
{
	char name[64] = "";

	if (EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) != 1)
		return false;
	switch (OBJ_txt2nid(name)) {
	case NID_X9_62_prime256v1:
	case NID_secp384r1:
	case NID_secp521r1:
		return true;
	}
	return false;
}

/*
 * A key of the kind RSA-PSS may say what it is for; TLS has the digest for
 * MGF1, too, and a salt as long as it (RFC 8446 section 4.2.3).
 */
static bool
can_sign_pss(EVP_PKEY *key, const char *digest)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx; /* owned by md */
	char mgf1[16] = "";
	bool ok =
	    md != NULL &&
	    EVP_DigestSignInit_ex(md, &ctx, digest, NULL, NULL, key, NULL) >
		0 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0 &&
	    EVP_PKEY_CTX_get_rsa_mgf1_md_name(ctx, mgf1, sizeof(mgf1)) > 0;

	ok = ok && EVP_MD_is_a(EVP_MD_CTX_get0_md(md), mgf1);
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return ok;
}

/* What the signer can sign with. */
static bool
is_usable(EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		return true;
	case EVP_PKEY_RSA_PSS:
		return can_sign_pss(key, "SHA256") ||
		       can_sign_pss(key, "SHA384") ||
		       can_sign_pss(key, "SHA512");
	case EVP_PKEY_EC:
		return is_usable_curve(key);
	}
	return false;
}

EVP_PKEY *
key_file_read(struct key_decoder *decoder, const char *path,
    struct passphrase *phrase, char error[CERT_FILE_ERROR_MAX])
{
	struct secret text = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool good = read_whole(fd, &text, error);
	EVP_PKEY *key = NULL;

	if (fd >= 0)
		(void)close(fd);
	if (!good)
		return NULL;
	key = parse(
	    decoder, (struct slice){ text.p, text.len }, path, phrase, error);
	secret_release(&text);
	if (key == NULL || is_usable(key))
		return key;
	(void)snprintf(error, CERT_FILE_ERROR_MAX,
	    "holds a key of a kind that is not supported, RSA, RSA-PSS (with "
	    "parameters as TLS has them), ECDSA (P-256, P-384, P-521), Ed25519 "
	    "and Ed448 are");
	EVP_PKEY_free(key);
	return NULL;
}
