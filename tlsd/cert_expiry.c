/*
 * When a site's certificates and lists of revoked ones expire.  Runs in the
 * checker.
 *
 * The chain counts, too: a client refuses an expired issuer like an expired
 * leaf, and it is the issuer that people forget.  So do the certificates that
 * its pools show to servers.
 */
#include <time.h>

#include "tlsd/cert_expiry.h"
#include "tlsd/cert_file.h"

#define NEVER INT64_MAX

/* Of one that is missing, too. */
static int64_t
seconds_of(const ASN1_TIME *end)
{
	struct tm tm;

	if (end == NULL || ASN1_TIME_to_tm(end, &tm) != 1)
		return NEVER;
	return (int64_t)timegm(&tm);
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
first_end(STACK_OF(X509) * chain)
{
	int64_t first = NEVER;

	for (int i = 0; i < sk_X509_num(chain); i++)
		first = least(first,
		    seconds_of(X509_get0_notAfter(sk_X509_value(chain, i))));
	return first;
}

static int64_t
first_end_of(const struct tlsd_config *c, struct cert_pool *pool,
    const struct string_list *files)
{
	char error[CERT_FILE_ERROR_MAX];
	int64_t first = NEVER;
	struct slice text;

	for (size_t i = 0; i < files->n; i++) {
		STACK_OF(X509) *chain = NULL;

		if (bundle_find(c->bundle, files->v[i], &text))
			chain = cert_file_read(pool, text, files->v[i], error);
		first = least(first, first_end(chain));
		sk_X509_pop_free(chain, X509_free);
	}
	return first;
}

bool
cert_expiry_of(const struct tlsd_config *c, struct cert_pool *pool,
    const struct site_conf *site, int64_t *at_s)
{
	*at_s = first_end_of(c, pool, &site->tls.certificate);
	for (size_t i = 0; i < site->n_pool; i++)
		*at_s = least(*at_s,
		    first_end_of(c, pool, &site->pool[i].tls_certificate));
	return *at_s != NEVER;
}

bool
cert_expiry_of_crls(const struct tlsd_config *c, struct cert_pool *pool,
    const struct site_conf *site, int64_t *at_s)
{
	const struct string_list *files = &site->tls.client_crl;
	char error[CERT_FILE_ERROR_MAX];
	struct slice text;

	*at_s = NEVER;
	for (size_t f = 0; f < files->n; f++) {
		STACK_OF(X509_CRL) *lists = NULL;

		if (bundle_find(c->bundle, files->v[f], &text))
			lists =
			    cert_file_read_crls(pool, text, files->v[f], error);
		for (int i = 0; i < sk_X509_CRL_num(lists); i++)
			*at_s =
			    least(*at_s, seconds_of(X509_CRL_get0_nextUpdate(
					     sk_X509_CRL_value(lists, i))));
		sk_X509_CRL_pop_free(lists, X509_CRL_free);
	}
	return *at_s != NEVER;
}
