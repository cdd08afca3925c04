/*
 * The headers of each application server.  Pure data.  Certificate rows are
 * sent only for a certificate that was verified, or together with the verdict
 * where the site wants both (client_verify = optional_any).
 */
#include "rproxy/rewrite/profile.h"

#include "common/check.h"
#include "rproxy/rewrite/claims.h"

/* SLICE() as a constant initializer */
#define NAME(s)                                                                \
	{                                                                      \
		(s), sizeof(s) - 1                                             \
	}
#define X_FORWARDED                                                            \
	{ NAME("X-Forwarded-For"), FACT_CLIENT_ADDR },                         \
	    { NAME("X-Forwarded-Proto"), FACT_SCHEME },                        \
	    { NAME("X-Forwarded-Host"), FACT_HOST },                           \
	{                                                                      \
		NAME("X-Forwarded-Port"), FACT_PORT                            \
	}

static const struct profile_row none_rows[] = {
	X_FORWARDED,
	{ NAME("Forwarded"), FACT_FORWARDED },
};

/*
 * SAP: ICM takes header data before the connection's own certificate, so the
 * cipher goes along with every https request: without it the gateway's
 * technical certificate could be taken for the user's.
 */
#define SAP                                                                    \
	X_FORWARDED, { NAME("ClientProtocol"), FACT_SCHEME },                  \
	    { NAME("SSL_CIPHER_SUITE"), FACT_CIPHER },                         \
	    { NAME("SSL_CIPHER_USEKEYSIZE"), FACT_CIPHER_BITS },               \
	    { NAME("SSL_CLIENT_CERT"), FACT_CERT_B64 },                        \
	    { NAME("SSL_CLIENT_VERIFY"), FACT_CERT_VERDICT },                  \
	{                                                                      \
		NAME("SSL_CLIENT_CERT_CHAIN_"), FACT_CHAIN_B64                 \
	}

static const struct profile_row sap_java_rows[] = { SAP };

/* for switching between http and https */
static const struct profile_row sap_abap_rows[] = {
	SAP,
	{ NAME("x-sap-webdisp-ap"), FACT_ACCESS_POINTS },
};

/* RemoteIpValve and SSLValve, with their default names */
static const struct profile_row tomcat_rows[] = {
	X_FORWARDED,
	{ NAME("ssl_client_cert"), FACT_CERT_PEM1 },
	{ NAME("SSL_CLIENT_VERIFY"), FACT_CERT_VERDICT },
	{ NAME("ssl_cipher"), FACT_CIPHER },
	{ NAME("ssl_session_id"), FACT_SESSION_ID },
	{ NAME("ssl_cipher_usekeysize"), FACT_CIPHER_BITS },
	{ NAME("ssl_secure_protocol"), FACT_TLS_VERSION },
};

/* Undertow: SSL_CIPHER alone makes a request https, so it is always there. */
static const struct profile_row wildfly_rows[] = {
	X_FORWARDED,
	{ NAME("SSL_CLIENT_CERT"), FACT_CERT_PEM1 },
	{ NAME("SSL_CLIENT_VERIFY"), FACT_CERT_VERDICT },
	{ NAME("SSL_CIPHER"), FACT_CIPHER },
	{ NAME("SSL_SESSION_ID"), FACT_SESSION_ID },
	{ NAME("SSL_CIPHER_USEKEYSIZE"), FACT_CIPHER_BITS },
};

/* ForwardedRequestCustomizer: Proxy-auth-cert is the cipher suite there. */
static const struct profile_row jetty_rows[] = {
	X_FORWARDED,
	{ NAME("Proxy-auth-cert"), FACT_CIPHER },
	{ NAME("Proxy-ssl-id"), FACT_SESSION_ID },
};

static const struct profile_row weblogic_rows[] = {
	X_FORWARDED,
	{ NAME("WL-Proxy-SSL"), FACT_TRUE_IF_HTTPS },
	{ NAME("WL-Proxy-Client-IP"), FACT_CLIENT_ADDR },
	{ NAME("WL-Proxy-Client-Cert"), FACT_CERT_B64 },
	{ NAME("SSL_CLIENT_VERIFY"), FACT_CERT_VERDICT },
};

/*
 * Without $WSRA Liberty takes the connection's own certificate for the
 * user's, so it is always there.
 */
static const struct profile_row websphere_rows[] = {
	X_FORWARDED,
	{ NAME("$WSSC"), FACT_SCHEME },
	{ NAME("$WSIS"), FACT_IS_HTTPS },
	{ NAME("$WSSN"), FACT_HOST_NAME },
	{ NAME("$WSSP"), FACT_PORT },
	{ NAME("$WSPR"), FACT_HTTP_VERSION },
	{ NAME("$WSRA"), FACT_CLIENT_ADDR },
	{ NAME("$WSRH"), FACT_CLIENT_ADDR },
	{ NAME("$WSCS"), FACT_CIPHER },
	{ NAME("$WSSI"), FACT_SESSION_ID },
	{ NAME("$WSCC"), FACT_CERT_B64 },
	{ NAME("SSL_CLIENT_VERIFY"), FACT_CERT_VERDICT },
};

static const struct profile_row rfc_rows[] = {
	{ NAME("Forwarded"), FACT_FORWARDED },
	{ NAME("Client-Cert"), FACT_CERT_RFC9440 },
	{ NAME("SSL_CLIENT_VERIFY"), FACT_CERT_VERDICT },
	{ NAME("Client-Cert-Chain"), FACT_CHAIN_RFC9440 },
};

#define ROWS(rows) (rows), ARRAY_LEN(rows)

/*
 * Idle times: shared/reference of the servers' own defaults; ours leave some
 * seconds for what is under way.  Stickiness: WebLogic's route is a number
 * that changes with each start of a server, so it cannot be configured.
 */
/* clang-format off */
static const struct profile profiles[] = {
	/*                    idle: theirs ours */
	[APP_NONE] = { ROWS(none_rows), 0, 10, STICKY_NONE, NULL, false },
	[APP_SAP_JAVA] = { ROWS(sap_java_rows), 15, 10, STICKY_APP,
	    NULL, true },
	[APP_SAP_ABAP] = { ROWS(sap_abap_rows), 30, 25, STICKY_APP,
	    "/sap/public/icman/ping", true },
	[APP_TOMCAT] = { ROWS(tomcat_rows), 20, 15, STICKY_APP, NULL, false },
	[APP_WILDFLY] = { ROWS(wildfly_rows), 60, 50, STICKY_APP,
	    NULL, false },
	[APP_JETTY] = { ROWS(jetty_rows), 30, 25, STICKY_APP, NULL, false },
	[APP_WEBLOGIC] = { ROWS(weblogic_rows), 30, 25, STICKY_COOKIE,
	    NULL, false },
	[APP_WEBSPHERE] = { ROWS(websphere_rows), 30, 25, STICKY_APP,
	    NULL, false },
	[APP_RFC] = { ROWS(rfc_rows), 0, 10, STICKY_NONE, NULL, false },
};
/* clang-format on */

const struct profile *
profile_of(enum app_kind app)
{
	CHECK((size_t)app < ARRAY_LEN(profiles));
	return &profiles[app];
}

const struct profile_row *
profile_find(const struct profile *p, struct slice name)
{
	for (size_t i = 0; i < p->n_rows; i++) {
		const struct profile_row *row = &p->rows[i];
		bool is_beginning = row->fact == FACT_CHAIN_B64;

		if (claims_is_same(row->name,
			is_beginning ? slice_first(name, row->name.len) : name))
			return row;
	}
	return NULL;
}

bool
profile_has_cert(const struct profile *p)
{
	for (size_t i = 0; i < p->n_rows; i++)
		if (p->rows[i].fact == FACT_CERT_B64 ||
		    p->rows[i].fact == FACT_CERT_PEM1 ||
		    p->rows[i].fact == FACT_CERT_RFC9440)
			return true;
	return false;
}
