/*
 * A gateway (tls_fixture.h) whose one site has pools of https servers.  For
 * tests.  The site's own certificate is that of the servers, too.
 */
#ifndef TESTS_UNIT_TLSD_WORKER_EGRESS_FIXTURE_H
#define TESTS_UNIT_TLSD_WORKER_EGRESS_FIXTURE_H

#include "tests/unit/tlsd/worker/tls_fixture.h"
#include "tlsd/worker/egress_server.h"

static EVP_PKEY *fixture_key;
static struct egress_servers *servers;

FIXTURE int
egress_set_up(void **state)
{
	X509 *cert;
	const char *error = "";

	(void)state;
	make_dir();
	fixture_key = make_key("EC", "P-256");
	cert = make_cert(fixture_key, &(struct cert_spec){ .cn = "a.test" });
	write_pair("a", cert, fixture_key);
	X509_free(cert);
	write_file("sites/a.ini",
	    "[site]\nnames = a.test\nnames = c.test\n[tls]\n"
	    "certificate = ../a.pem\nkey = ../a.key\n"
	    "client_verify = optional_any\n"
	    "[pool mixed]\nserver = http://192.0.2.1:81\n"
	    "server = https://192.0.2.1:8443\n"
	    "server = https://[2001:db8::1]\n"
	    "tls_ca = ../a.pem\ntls_name = a.test\n"
	    "[pool pair]\nserver = https://localhost:9443\n"
	    "tls_ca = ../a.pem\ntls_name = c.test\n"
	    "tls_certificate = ../a.pem\ntls_key = ../a.key\n"
	    "[pool plain]\nserver = http://192.0.2.1:82\n");
	gateway_start();
	servers =
	    egress_servers_new(gateway.conf.config, gateway.client, &error);
	need(servers != NULL, error);
	return 0;
}

FIXTURE int
egress_tear_down(void **state)
{
	(void)state;
	egress_servers_free(servers);
	gateway_stop();
	EVP_PKEY_free(fixture_key);
	remove_dir();
	return 0;
}

FIXTURE struct egress_server *
egress_find(const char *site, const char *pool, const char *server)
{
	const struct egress_target t = { slice_of(site), slice_of(pool),
		slice_of(server) };

	return egress_servers_find(servers, &t);
}

#endif
