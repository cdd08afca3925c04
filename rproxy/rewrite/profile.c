/*
 * The headers of each application server.  Pure data.  Certificate rows are
 * sent only for a certificate that was verified.
 */
#include "rproxy/rewrite/profile.h"

#include "common/check.h"

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
static const struct profile_row sap_rows[] = {
	X_FORWARDED,
	{ NAME("ClientProtocol"), FACT_SCHEME },
	{ NAME("SSL_CIPHER_SUITE"), FACT_CIPHER },
	{ NAME("SSL_CIPHER_USEKEYSIZE"), FACT_CIPHER_BITS },
	{ NAME("SSL_CLIENT_CERT"), FACT_CERT_B64 },
	{ NAME("SSL_CLIENT_CERT_CHAIN_"), FACT_CHAIN_B64 },
};

/* RemoteIpValve and SSLValve, with their default names */
static const struct profile_row tomcat_rows[] = {
	X_FORWARDED,
	{ NAME("ssl_client_cert"), FACT_CERT_PEM1 },
	{ NAME("ssl_cipher"), FACT_CIPHER },
	{ NAME("ssl_session_id"), FACT_SESSION_ID },
	{ NAME("ssl_cipher_usekeysize"), FACT_CIPHER_BITS },
	{ NAME("ssl_secure_protocol"), FACT_TLS_VERSION },
};

/* Undertow: SSL_CIPHER alone makes a request https, so it is always there. */
static const struct profile_row wildfly_rows[] = {
	X_FORWARDED,
	{ NAME("SSL_CLIENT_CERT"), FACT_CERT_PEM1 },
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
};

static const struct profile_row rfc_rows[] = {
	{ NAME("Forwarded"), FACT_FORWARDED },
	{ NAME("Client-Cert"), FACT_CERT_RFC9440 },
	{ NAME("Client-Cert-Chain"), FACT_CHAIN_RFC9440 },
};

#define PROFILE(rows)                                                          \
	{                                                                      \
		(rows), ARRAY_LEN(rows)                                        \
	}

static const struct profile profiles[] = {
	[APP_NONE] = PROFILE(none_rows),
	[APP_SAP_JAVA] = PROFILE(sap_rows),
	[APP_SAP_ABAP] = PROFILE(sap_rows),
	[APP_TOMCAT] = PROFILE(tomcat_rows),
	[APP_WILDFLY] = PROFILE(wildfly_rows),
	[APP_JETTY] = PROFILE(jetty_rows),
	[APP_WEBLOGIC] = PROFILE(weblogic_rows),
	[APP_WEBSPHERE] = PROFILE(websphere_rows),
	[APP_RFC] = PROFILE(rfc_rows),
};

const struct profile *
profile_of(enum app_kind app)
{
	CHECK((size_t)app < ARRAY_LEN(profiles));
	return &profiles[app];
}
