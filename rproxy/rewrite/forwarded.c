/*
 * From the rows of a profile to header fields.  Pure.  Runs in rproxy's
 * worker, once per request.
 */
#include "rproxy/rewrite/forwarded.h"

#include "common/number.h"
#include "rproxy/http/field_values.h"
#include "rproxy/http/target.h"
#include "rproxy/rewrite/claims.h"
#include "rproxy/rewrite/client_cert.h"
#include "rproxy/rewrite/profile.h"
#include "rproxy/rewrite/stated.h"

/* One request as the facts see it. */
struct facts {
	const struct client_facts *who;
	struct slice client; /* address, of who or as a trusted peer says */
	const struct site_conf *site;
	struct slice host;
	struct arena *arena;
	bool failed; /* memory is short */
};

uint16_t
forwarded_port(const struct client_facts *who, struct slice host)
{
	struct authority at;

	if (slice_find(host, ':') < host.len && authority_parse(host, &at) &&
	    at.port != 0)
		return at.port;
	return who->https ? 443 : 80;
}

static struct slice
decimal(struct facts *k, uint64_t value)
{
	char *out = arena_alloc(k->arena, 20);

	if (out == NULL) {
		k->failed = true;
		return SLICE_NONE;
	}
	return (struct slice){ out, number_format(out, value) };
}

static struct slice
scheme(const struct client_facts *who)
{
	return who->https ? SLICE("https") : SLICE("http");
}

/* A plain token needs no quotes (RFC 7239 section 4). */
static bool
needs_quotes(struct slice s)
{
	return slice_find(s, ':') < s.len || slice_find(s, '[') < s.len;
}

/* for=192.0.2.1;proto=https;host="portal.example.com:8443" */
static struct slice
forwarded_element(struct facts *k)
{
	struct slice addr = k->client;
	bool v6 = slice_find(addr, ':') < addr.len;
	bool quoted = needs_quotes(k->host);
	struct slice parts[] = {
		v6 ? SLICE("for=\"[") : SLICE("for="),
		addr,
		v6 ? SLICE("]\";proto=") : SLICE(";proto="),
		scheme(k->who),
		quoted ? SLICE(";host=\"") : SLICE(";host="),
		k->host,
		quoted ? SLICE("\"") : SLICE(""),
	};
	size_t n = k->host.len == 0 ? 4 : 7;

	return arena_concat(k->arena, parts, n);
}

static struct slice
host_name(struct slice host)
{
	struct authority at;

	return authority_parse(host, &at) ? at.host : SLICE_NONE;
}

/* A text that somebody else put into the PROXY header. */
static struct slice
screened(struct slice text)
{
	return is_field_value(text) ? text : SLICE_NONE;
}

/* TLS facts: nothing without TLS. */
static struct slice
tls_fact(struct facts *k, enum profile_fact fact)
{
	const struct proxy_v2 *tls = k->who->tls;

	if (tls == NULL || !k->who->https)
		return SLICE_NONE;
	if (fact == FACT_TLS_VERSION)
		return screened(tls->version);
	if (fact == FACT_CIPHER)
		return screened(tls->cipher);
	if (fact == FACT_SESSION_ID)
		return screened(tls->session_id);
	if (tls->cipher_bits == 0)
		return SLICE_NONE;
	return decimal(k, tls->cipher_bits);
}

/* Verified, or the site lets its server judge. */
static bool
may_tell_cert(const struct facts *k)
{
	const struct proxy_v2 *tls = k->who->tls;

	return tls != NULL && k->who->https && tls->cert.len > 0 &&
	       (k->who->cert_verified ||
		   k->site->tls.client_verify == CLIENT_VERIFY_OPTIONAL_ANY);
}

/* As nginx writes it in $ssl_client_verify. */
static struct slice
verdict(struct facts *k)
{
	struct slice parts[2] = { SLICE("FAILED:"),
		screened(k->who->tls->verify_text) };

	if (k->site->tls.client_verify != CLIENT_VERIFY_OPTIONAL_ANY)
		return SLICE_NONE;
	if (k->who->cert_verified)
		return SLICE("SUCCESS");
	return arena_concat(k->arena, parts, 2);
}

static struct slice
cert_fact(struct facts *k, enum profile_fact fact)
{
	const struct proxy_v2 *tls = k->who->tls;
	struct slice value;

	if (!may_tell_cert(k))
		return SLICE_NONE;
	if (fact == FACT_CERT_VERDICT)
		return verdict(k);
	if (fact == FACT_CHAIN_RFC9440 && tls->n_chain == 0)
		return SLICE_NONE;
	if (fact == FACT_CERT_B64)
		value = client_cert_b64(tls->cert, k->arena);
	else if (fact == FACT_CERT_PEM1)
		value = client_cert_pem1(tls->cert, k->arena);
	else if (fact == FACT_CERT_RFC9440)
		value = client_cert_rfc9440(tls->cert, k->arena);
	else
		value = client_cert_chain_rfc9440(
		    tls->chain, tls->n_chain, k->arena);
	k->failed = k->failed || value.p == NULL;
	return value;
}

static struct slice
fact_value(struct facts *k, enum profile_fact fact)
{
	switch (fact) {
	case FACT_CLIENT_ADDR:
		return k->client;
	case FACT_SCHEME:
		return scheme(k->who);
	case FACT_HOST:
		return k->host;
	case FACT_HOST_NAME:
		return host_name(k->host);
	case FACT_PORT:
		return decimal(k, forwarded_port(k->who, k->host));
	case FACT_FORWARDED:
		return forwarded_element(k);
	case FACT_IS_HTTPS:
		return k->who->https ? SLICE("true") : SLICE("false");
	case FACT_TRUE_IF_HTTPS:
		return k->who->https ? SLICE("true") : SLICE_NONE;
	case FACT_HTTP_VERSION:
		return SLICE("HTTP/1.1");
	case FACT_ACCESS_POINTS:
		return slice_of(k->site->access_points);
	case FACT_TLS_VERSION:
	case FACT_CIPHER:
	case FACT_CIPHER_BITS:
	case FACT_SESSION_ID:
		return tls_fact(k, fact);
	case FACT_CERT_B64:
	case FACT_CERT_PEM1:
	case FACT_CERT_RFC9440:
	case FACT_CHAIN_RFC9440:
	case FACT_CERT_VERDICT:
		return cert_fact(k, fact);
	case FACT_CHAIN_B64:
		break; /* several fields: add_chain() */
	}
	return SLICE_NONE;
}

/* SSL_CLIENT_CERT_CHAIN_1, _2, ... */
static bool
add_chain(struct fields *f, struct facts *k, struct slice prefix)
{
	const struct proxy_v2 *tls = k->who->tls;

	if (!may_tell_cert(k))
		return true;
	for (unsigned i = 0; i < tls->n_chain; i++) {
		struct slice parts[2] = { prefix, decimal(k, i + 1) };
		struct slice name = arena_concat(k->arena, parts, 2);
		struct slice value = client_cert_b64(tls->chain[i], k->arena);

		if (k->failed || name.p == NULL || value.p == NULL ||
		    !fields_add(f, name, value))
			return false;
	}
	return true;
}

static bool
add_row(struct fields *f, struct facts *k, const struct profile_row *row)
{
	struct slice value;

	if (row->fact == FACT_CHAIN_B64)
		return add_chain(f, k, row->name);
	value = fact_value(k, row->fact);
	if (k->failed)
		return false;
	return value.len == 0 || fields_add(f, row->name, value);
}

/* A trusted peer knows better: two values under one name help nobody. */
static bool
is_stated(const struct fields *f, struct slice name)
{
	for (unsigned i = 0; i < f->n; i++) {
		if (!f->v[i].drop && claims_is_same(f->v[i].name, name))
			return true;
	}
	return false;
}

static bool
is_about_cert(enum profile_fact fact)
{
	return fact == FACT_CERT_B64 || fact == FACT_CERT_PEM1 ||
	       fact == FACT_CERT_RFC9440 || fact == FACT_CHAIN_B64 ||
	       fact == FACT_CHAIN_RFC9440 || fact == FACT_CERT_VERDICT;
}

/*
 * A balancer that tells of its clients' certificates may have shown one of its
 * own to tlsd.  Where a client of it has none, that one must not be told of
 * instead, nor its chain and verdict beside another certificate.
 */
static bool
tells_certs(const struct profile *p, const struct http_conf *http)
{
	for (size_t i = 0; i < p->n_rows; i++) {
		if (is_about_cert(p->rows[i].fact) &&
		    claims_is_trusted_with(http, p->rows[i].name))
			return true;
	}
	return false;
}

/* One client for all fields, whoever of the two has named it. */
static void
believe(struct fields *f, struct facts *k)
{
	struct slice client;

	stated_settle(f, &k->site->http);
	client = stated_client(f);
	if (client.len > 0)
		k->client = client;
}

bool
forwarded_add(struct fields *f, const struct client_facts *who,
    const struct site_conf *site, struct slice host, struct arena *a)
{
	const struct profile *p = profile_of(site->app);
	struct facts k = { .who = who,
		.client = who->addr_text,
		.site = site,
		.host = host,
		.arena = a };
	bool is_told = claims_is_trusted(&site->http, &who->addr);
	bool is_cert_told = is_told && tells_certs(p, &site->http);

	if (is_told)
		believe(f, &k);
	for (size_t i = 0; i < p->n_rows; i++) {
		const struct profile_row *row = &p->rows[i];

		if ((is_told && is_stated(f, row->name)) ||
		    (is_cert_told && is_about_cert(row->fact)))
			continue;
		if (!add_row(f, &k, row))
			return false;
	}
	return true;
}
