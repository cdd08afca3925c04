/*
 * tlsd.ini, the site files and every file that is no secret.  Runs in the
 * master (from disk, into the bundle), again in the signer and in each worker
 * (from the bundle alone).
 *
 * Private keys are not read here: the configuration only knows their paths.
 */
#include "tlsd/config.h"

#include <string.h>
#include <sys/stat.h>

#include "common/check.h"
#include "common/daemon_conf.h"
#include "common/mem.h"
#include "common/schema.h"
#include "tlsd/config_schema.h"
#include "tlsd/ticket_keys.h"

static void
check_backend(const struct tlsd_config *c, struct conf_faults *f)
{
	struct addr a;

	if (c->backend != NULL && !addr_parse(slice_of(c->backend), &a))
		conf_error(f, conf_place_of(c->source, "tlsd", "backend"),
		    "tlsd.backend: %s is too long for a socket, at most 107 "
		    "bytes are allowed",
		    c->backend);
}

static void
check_listeners(const struct tlsd_config *c, struct conf_faults *f)
{
	for (size_t i = 0; i < c->n_listen; i++) {
		const struct listen_conf *l = &c->listen[i];

		if (l->proxy_protocol && l->n_proxy_from == 0)
			conf_error(f, l->at,
			    "listen.proxy_from: missing, proxy_protocol needs "
			    "the addresses of the balancers that may name "
			    "clients");
		if (!l->proxy_protocol && l->n_proxy_from > 0)
			conf_warning(f, l->at,
			    "listen.proxy_from: without effect while "
			    "proxy_protocol is off");
	}
}

static void
refuse_tickets(
    const struct tlsd_config *c, struct conf_faults *f, const char *what)
{
	conf_error(f, conf_place_of(c->source, "tlsd", "ticket_keys"),
	    "tlsd.ticket_keys: %s: %s", c->ticket_keys, what);
}

/* They are the hosts' secret, and nobody else's on any of them. */
static void
check_tickets(const struct tlsd_config *c, struct conf_faults *f)
{
	const char *error = NULL;
	struct slice keys;
	struct stat st;

	if (c->session_lifetime_ms > TICKET_MAX_LIFETIME_MS)
		conf_error(f,
		    conf_place_of(c->source, "tlsd", "session_lifetime"),
		    "tlsd.session_lifetime: at most 7 days (168h) are allowed");
	if (c->ticket_keys == NULL)
		return;
	if (!bundle_read(c->bundle, c->ticket_keys, &keys, &error) ||
	    !ticket_keys_check_file(keys, &error))
		refuse_tickets(c, f, error);
	else if (!bundle_is_fixed(c->bundle) &&
		 stat(c->ticket_keys, &st) == 0 &&
		 (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		refuse_tickets(
		    c, f, "can be read by others than its owner: chmod 0600");
}

static void
bundle_files(struct bundle *b, const struct string_list *l, const char *what,
    struct conf_faults *f)
{
	for (size_t i = 0; i < l->n; i++) {
		struct slice ignored;
		const char *error = NULL;

		if (!bundle_read(b, l->v[i], &ignored, &error))
			conf_error(f, l->at[i], "tls.%s: %s: %s", what, l->v[i],
			    error);
	}
}

static void
read_sites(struct tlsd_config *c, struct conf_faults *f)
{
	size_t n_tls = 0;

	site_list_read(&c->sites, c->bundle, &c->site_patterns, f);
	for (size_t i = 0; i < c->sites.n; i++) {
		const struct tls_conf *tls = &c->sites.v[i]->tls;

		n_tls += tls->present;
		bundle_files(c->bundle, &tls->certificate, "certificate", f);
		bundle_files(c->bundle, &tls->client_ca, "client_ca", f);
		bundle_files(c->bundle, &tls->client_crl, "client_crl", f);
	}
	if (c->sites.n > 0 && n_tls == 0)
		conf_error(f, conf_place_of(c->source, "tlsd", "sites"),
		    "tlsd.sites: none of the sites has a [tls] section, at "
		    "least one must");
}

struct tlsd_config *
tlsd_config_read(const char *path, struct bundle *b, struct conf_faults *f)
{
	struct tlsd_config *c = mem_need(sizeof(*c));

	c->file = daemon_conf_path(path);
	c->bundle = b;
	c->source = conf_read(b, c->file, f);
	schema_apply(&tlsd_schema, c->source, c, f);
	daemon_conf_check_addresses(c->source, f);
	check_backend(c, f);
	check_listeners(c, f);
	daemon_conf_check_folder(
	    b, conf_place_of(c->source, "tlsd", "log"), "tlsd.log", c->log, f);
	check_tickets(c, f);
	read_sites(c, f);
	return c;
}

void
tlsd_config_free(struct tlsd_config *c)
{
	if (c == NULL)
		return;
	site_list_free(&c->sites);
	schema_release(&tlsd_schema, c);
	conf_file_free(c->source);
	mem_free(c->file);
	mem_free(c);
}

struct slice
tlsd_config_ticket_keys(const struct tlsd_config *c)
{
	struct slice keys = SLICE_NONE;

	if (c->ticket_keys != NULL)
		(void)bundle_find(c->bundle, c->ticket_keys, &keys);
	return keys;
}

unsigned
tlsd_config_n_keys(const struct tlsd_config *c)
{
	return tlsd_config_key_no(c, c->sites.n, 0);
}

unsigned
tlsd_config_key_no(const struct tlsd_config *c, size_t site, size_t pair)
{
	size_t n = pair;

	CHECK(site <= c->sites.n);
	for (size_t i = 0; i < site; i++)
		n += c->sites.v[i]->tls.key.n;
	return (unsigned)n;
}

const char *
tlsd_config_key_path(const struct tlsd_config *c, unsigned key_no)
{
	size_t n = key_no;

	CHECK(key_no < tlsd_config_n_keys(c));
	for (size_t i = 0; i < c->sites.n; i++) {
		const struct string_list *key = &c->sites.v[i]->tls.key;

		if (n < key->n)
			return key->v[n];
		n -= key->n;
	}
	return NULL;
}
