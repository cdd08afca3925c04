/*
 * Certificates against the clock, against each other, against the names they
 * are to serve and against OpenSSL's security level.  Runs in "tlsd -t" and
 * in the master.
 *
 * Names are compared as browsers do (RFC 9525): subjectAltName only, never
 * the common name, and a wildcard covers one label.
 */
#include "tlsd/cert_check.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/addr.h"
#include "common/check.h"

#define MAX_SUBJECT 200 /* bytes of a name in a message */
#define MAX_LIST 300    /* bytes of a list of names in a message */

const char *
cert_check_time(const ASN1_TIME *t, char out[CERT_CHECK_TIME_MAX])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1 ||
	    strftime(out, CERT_CHECK_TIME_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm) ==
		0)
		strcpy(out, "a malformed time");
	return out;
}

static const char *
subject_of(const X509 *x, char out[MAX_SUBJECT])
{
	(void)X509_NAME_oneline(X509_get_subject_name(x), out, MAX_SUBJECT);
	return out;
}

static void
check_date(const X509 *x, int no, const struct cert_origin *from,
    struct conf_faults *f)
{
	const ASN1_TIME *start = X509_get0_notBefore(x);
	const ASN1_TIME *end = X509_get0_notAfter(x);
	char subject[MAX_SUBJECT];
	char when[CERT_CHECK_TIME_MAX];

	if (X509_cmp_current_time(end) < 0)
		conf_warning(f, from->at,
		    "%s: %s: certificate %d (%s) expired on %s", from->key,
		    from->path, no, subject_of(x, subject),
		    cert_check_time(end, when));
	else if (X509_cmp_current_time(start) > 0)
		conf_warning(f, from->at,
		    "%s: %s: certificate %d (%s) is not valid before %s",
		    from->key, from->path, no, subject_of(x, subject),
		    cert_check_time(start, when));
}

void
cert_check_dates(STACK_OF(X509) * chain, const struct cert_origin *from,
    struct conf_faults *f)
{
	for (int i = 0; i < sk_X509_num(chain); i++)
		check_date(sk_X509_value(chain, i), i + 1, from, f);
}

void
cert_check_order(STACK_OF(X509) * chain, const struct cert_origin *from,
    struct conf_faults *f)
{
	char subject[MAX_SUBJECT];
	char issuer[MAX_SUBJECT];

	for (int i = 1; i < sk_X509_num(chain); i++) {
		X509 *below = sk_X509_value(chain, i - 1);
		X509 *above = sk_X509_value(chain, i);

		if (X509_check_issued(above, below) == X509_V_OK)
			continue;
		conf_warning(f, from->at,
		    "%s: %s: the chain is out of order: certificate %d (%s) "
		    "was not issued by certificate %d (%s); the server's own "
		    "comes first, then its issuer, and so on",
		    from->key, from->path, i, subject_of(below, subject), i + 1,
		    subject_of(above, issuer));
		return;
	}
}

/* A root is its own, and so is a user's certificate that no CA has signed. */
static bool
has_issuer(X509 *x, STACK_OF(X509) * all)
{
	if (X509_self_signed(x, 0) == 1)
		return true;
	for (int i = 0; i < sk_X509_num(all); i++)
		if (X509_check_issued(sk_X509_value(all, i), x) == X509_V_OK)
			return true;
	return false;
}

static bool
has_list(const X509 *ca, STACK_OF(X509_CRL) * crls)
{
	for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
		X509_CRL *crl = sk_X509_CRL_value(crls, i);

		if (X509_NAME_cmp(X509_CRL_get_issuer(crl),
			X509_get_subject_name(ca)) == 0 &&
		    X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1)
			return true;
	}
	ERR_clear_error();
	return false;
}

void
cert_check_cas(STACK_OF(X509) * cas, STACK_OF(X509) * all,
    STACK_OF(X509_CRL) * crls, const struct cert_origin *from,
    struct conf_faults *f)
{
	char subject[MAX_SUBJECT];

	for (int i = 0; i < sk_X509_num(cas); i++) {
		X509 *ca = sk_X509_value(cas, i);

		(void)subject_of(ca, subject);
		if (!has_issuer(ca, all))
			conf_warning(f, from->at,
			    "%s: %s: certificate %d (%s) is no root and its "
			    "issuer is missing: nobody's certificate can be "
			    "verified with it; add its issuers up to the root",
			    from->key, from->path, i + 1, subject);
		if (crls != NULL && !has_list(ca, crls))
			conf_warning(f, from->at,
			    "%s: %s: certificate %d (%s) has no list in "
			    "tls.client_crl: every certificate of that CA is "
			    "refused",
			    from->key, from->path, i + 1, subject);
	}
}

static bool
covers(X509 *leaf, const char *name)
{
	const unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
			       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	char host[300];
	struct addr ignored;

	if (addr_parse_ip(slice_of(name), 0, &ignored))
		return X509_check_ip_asc(leaf, name, 0) == 1;
	/* only a wildcard covers a label that nobody would name */
	(void)snprintf(host, sizeof(host), "%s%s",
	    name[0] == '*' ? "any-label-at-all" : "",
	    name[0] == '*' ? name + 1 : name);
	return X509_check_host(leaf, host, 0, flags, NULL) == 1;
}

static void
append(char *out, size_t room, const char *text, int len)
{
	size_t used = strlen(out);

	(void)snprintf(out + used, room - used, "%s%.*s", used == 0 ? "" : ", ",
	    len, text);
}

/* Of 4 or 16 bytes (RFC 5280 section 4.2.1.6); others are no address. */
static void
append_address(char *out, const ASN1_STRING *s)
{
	char text[INET6_ADDRSTRLEN];
	int len = ASN1_STRING_length(s);

	if ((len == 4 || len == 16) &&
	    inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(s),
		text, sizeof(text)) != NULL)
		append(out, MAX_LIST, text, (int)strlen(text));
}

/* The leaf's names as a list in a message. */
static void
list_covered(X509 *leaf, char out[MAX_LIST])
{
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

	out[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

		if (n->type == GEN_DNS)
			append(out, MAX_LIST,
			    (const char *)ASN1_STRING_get0_data(n->d.dNSName),
			    ASN1_STRING_length(n->d.dNSName));
		else if (n->type == GEN_IPADD)
			append_address(out, n->d.iPAddress);
	}
	GENERAL_NAMES_free(names);
	if (out[0] == '\0')
		append(out, MAX_LIST, "no name, its subjectAltName is missing",
		    MAX_LIST);
}

void
cert_check_names(X509 *leaf, const struct string_list *names,
    const struct cert_origin *from, struct conf_faults *f)
{
	char uncovered[MAX_LIST] = "";
	char covered[MAX_LIST] = "";

	for (size_t i = 0; i < names->n; i++)
		if (!covers(leaf, names->v[i]))
			append(uncovered, MAX_LIST, names->v[i],
			    (int)strlen(names->v[i]));
	if (uncovered[0] == '\0')
		return;
	list_covered(leaf, covered);
	conf_warning(f, from->at, "%s: %s does not cover %s; it covers %s",
	    from->key, from->path, uncovered, covered);
}

/* Each kind of key has a place in ctx, where the next takes that of the last.
 */
void
cert_check_strength(SSL_CTX *ctx, STACK_OF(X509) * chain,
    const struct cert_origin *from, struct conf_faults *f)
{
	const char *reason = NULL;
	bool good = false;

	ERR_clear_error();
	good = SSL_CTX_use_certificate(ctx, sk_X509_value(chain, 0)) == 1 &&
	       SSL_CTX_clear_chain_certs(ctx) == 1;
	for (int i = 1; good && i < sk_X509_num(chain); i++)
		good =
		    SSL_CTX_add1_chain_cert(ctx, sk_X509_value(chain, i)) == 1;
	if (!good) {
		reason = ERR_reason_error_string(ERR_peek_last_error());
		conf_error(f, from->at,
		    "%s: %s: OpenSSL refuses to serve it: %s", from->key,
		    from->path, reason == NULL ? "unknown reason" : reason);
	}
	ERR_clear_error();
}
