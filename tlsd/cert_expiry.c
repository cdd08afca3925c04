/*
 * When a site's certificates expire.  Runs in the checker.
 *
 * The chain counts, too: a client refuses an expired issuer like an expired
 * leaf, and it is the issuer that people forget.
 */
#include <time.h>

#include "tlsd/cert_expiry.h"
#include "tlsd/cert_file.h"

#define NEVER INT64_MAX

static int64_t
end_of(const X509 *cert)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
		return NEVER;
	return (int64_t)timegm(&tm);
}

static int64_t
first_end(STACK_OF(X509) * chain)
{
	int64_t first = NEVER;

	for (int i = 0; i < sk_X509_num(chain); i++) {
		int64_t end = end_of(sk_X509_value(chain, i));

		if (end < first)
			first = end;
	}
	return first;
}

bool
cert_expiry_of(const struct tlsd_config *c, struct cert_pool *pool,
    const struct site_conf *site, int64_t *at_s)
{
	const struct string_list *files = &site->tls.certificate;
	char error[CERT_FILE_ERROR_MAX];
	struct slice text;

	*at_s = NEVER;
	for (size_t i = 0; i < files->n; i++) {
		STACK_OF(X509) *chain = NULL;
		int64_t end;

		if (bundle_find(c->bundle, files->v[i], &text))
			chain = cert_file_read(pool, text, files->v[i], error);
		end = first_end(chain);
		if (end < *at_s)
			*at_s = end;
		sk_X509_pop_free(chain, X509_free);
	}
	return *at_s != NEVER;
}
