/*
 * Keys and certificates made on the spot, and a folder of files to put them
 * in.  For tests; each test program is one process with one folder.
 */
#ifndef TESTS_UNIT_TLSD_PKI_FIXTURE_H
#define TESTS_UNIT_TLSD_PKI_FIXTURE_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURE __attribute__((unused)) static

static char fixture_dir[] = "/tmp/tlsd-unit-XXXXXX";

FIXTURE void
need(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fixture: %s\n", what);
	exit(1);
}
#define NEED(x) need((x) ? 1 : 0, #x)

FIXTURE const char *
in_dir(const char *name)
{
	static char path[8][128];
	static unsigned next;
	char *out = path[next++ % 8];

	snprintf(out, sizeof(path[0]), "%s/%s", fixture_dir, name);
	return out;
}

FIXTURE void
make_dir(void)
{
	NEED(mkdtemp(fixture_dir) != NULL);
	NEED(mkdir(in_dir("sites"), 0700) == 0);
}

FIXTURE void
remove_dir(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", fixture_dir);
	NEED(system(command) == 0);
}

FIXTURE void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");

	NEED(f != NULL);
	NEED(fputs(text, f) >= 0);
	NEED(fclose(f) == 0);
}

/* "RSA", "RSA-PSS", "EC" with a group, "ED25519", "ED448". */
FIXTURE EVP_PKEY *
make_key(const char *kind, const char *group)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *key = NULL;

	NEED(ctx != NULL && EVP_PKEY_keygen_init(ctx) > 0);
	if (strncmp(kind, "RSA", 3) == 0)
		NEED(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) > 0);
	if (group != NULL)
		NEED(EVP_PKEY_CTX_set_group_name(ctx, group) > 0);
	NEED(EVP_PKEY_generate(ctx, &key) > 0);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

FIXTURE void
write_key(const char *name, EVP_PKEY *key)
{
	FILE *f = fopen(in_dir(name), "w");

	NEED(f != NULL);
	NEED(PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
	NEED(fclose(f) == 0);
	NEED(chmod(in_dir(name), 0600) == 0);
}

/* Leaf first; the list ends with NULL. */
FIXTURE void
write_certs(const char *name, X509 *first, ...)
{
	FILE *f = fopen(in_dir(name), "w");
	va_list ap;

	NEED(f != NULL);
	va_start(ap, first);
	for (X509 *c = first; c != NULL; c = va_arg(ap, X509 *))
		NEED(PEM_write_X509(f, c));
	va_end(ap);
	NEED(fclose(f) == 0);
}

/* NAME.pem and NAME.key. */
FIXTURE void
write_pair(const char *name, X509 *cert, EVP_PKEY *key)
{
	char file[64];

	snprintf(file, sizeof(file), "%s.pem", name);
	write_certs(file, cert, NULL);
	snprintf(file, sizeof(file), "%s.key", name);
	write_key(file, key);
}

FIXTURE void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	NEED(e != NULL && X509_add_ext(cert, e, -1));
	X509_EXTENSION_free(e);
}

struct cert_spec {
	const char *cn;
	long serial;
	int is_ca;
	X509 *issuer; /* NULL: self-signed */
	EVP_PKEY *issuer_key;
	const char *comment; /* NULL: none; makes it long */
	long lasts_s;        /* 0: a day */
};

FIXTURE X509 *
make_cert(EVP_PKEY *key, const struct cert_spec *s)
{
	X509 *c = X509_new();
	X509_NAME *name;
	EVP_PKEY *signer = s->issuer != NULL ? s->issuer_key : key;
	const char *kind = EVP_PKEY_get0_type_name(signer);

	NEED(c != NULL && X509_set_version(c, X509_VERSION_3));
	NEED(ASN1_INTEGER_set(X509_get_serialNumber(c), s->serial));
	X509_gmtime_adj(X509_getm_notBefore(c), -3600);
	X509_gmtime_adj(
	    X509_getm_notAfter(c), s->lasts_s != 0 ? s->lasts_s : 86400);
	name = X509_get_subject_name(c);
	NEED(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
	    (const unsigned char *)"M\xc3\xbcller, Inc", -1, -1, 0));
	NEED(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)s->cn, -1, -1, 0));
	NEED(X509_set_issuer_name(
	    c, s->issuer != NULL ? X509_get_subject_name(s->issuer) : name));
	NEED(X509_set_pubkey(c, key));
	add_extension(c, NID_basic_constraints,
	    s->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (s->is_ca)
		add_extension(c, NID_key_usage, "critical,keyCertSign,cRLSign");
	if (s->comment != NULL)
		add_extension(c, NID_netscape_comment, s->comment);
	NEED(X509_sign(
	    c, signer, strncmp(kind, "ED", 2) == 0 ? NULL : EVP_sha256()));
	/* read back, so that it is as a peer's would be */
	{
		unsigned char *der = NULL;
		int n = i2d_X509(c, &der);
		const unsigned char *p = der;
		X509 *again = d2i_X509(NULL, &p, n);

		NEED(again != NULL);
		OPENSSL_free(der);
		X509_free(c);
		return again;
	}
}

#endif
