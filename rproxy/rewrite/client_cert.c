/*
 * Certificates as header values.  Pure.  Runs in rproxy's worker.
 */
#include "rproxy/rewrite/client_cert.h"

#include "common/check.h"
#include "common/number.h"
#include "rproxy/http/field_values.h"

struct slice
client_cert_b64(struct slice der, struct arena *a)
{
	char *out = arena_alloc(a, number_base64_len(der.len));

	if (out == NULL)
		return SLICE_NONE;
	return (struct slice){ out, number_format_base64(out, der.p, der.len) };
}

static struct slice
wrapped(
    struct slice before, struct slice der, struct slice after, struct arena *a)
{
	struct slice parts[3] = { before, client_cert_b64(der, a), after };

	if (parts[1].p == NULL)
		return SLICE_NONE;
	return arena_concat(a, parts, ARRAY_LEN(parts));
}

struct slice
client_cert_pem1(struct slice der, struct arena *a)
{
	return wrapped(SLICE("-----BEGIN CERTIFICATE----- "), der,
	    SLICE(" -----END CERTIFICATE-----"), a);
}

struct slice
client_cert_rfc9440(struct slice der, struct arena *a)
{
	return wrapped(SLICE(":"), der, SLICE(":"), a);
}

struct slice
client_cert_chain_rfc9440(const struct slice *der, size_t n, struct arena *a)
{
	struct slice list = client_cert_rfc9440(der[0], a);

	for (size_t i = 1; i < n && list.p != NULL; i++) {
		struct slice parts[3] = { list, SLICE(", "),
			client_cert_rfc9440(der[i], a) };

		if (parts[2].p == NULL)
			return SLICE_NONE;
		list = arena_concat(a, parts, ARRAY_LEN(parts));
	}
	return list;
}

static bool
is_vary(const struct field *v)
{
	return !v->drop && slice_eq_nocase(v->name, SLICE("Vary"));
}

static bool
varies_by_cert(const struct fields *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		if (is_vary(&f->v[i]) &&
		    (list_has_token(f->v[i].value, SLICE("Client-Cert")) ||
			list_has_token(
			    f->v[i].value, SLICE("Client-Cert-Chain"))))
			return true;
	}
	return false;
}

void
client_cert_vary(struct fields *f)
{
	bool is_first = true;

	if (!varies_by_cert(f))
		return;
	for (unsigned i = 0; i < f->n; i++) {
		if (!is_vary(&f->v[i]))
			continue;
		f->v[i].value = SLICE("*");
		f->v[i].drop = !is_first;
		is_first = false;
	}
}
