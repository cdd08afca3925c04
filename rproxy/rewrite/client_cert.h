/*
 * The client's certificate and chain in the encodings that application
 * servers read.  Pure.  der is one certificate; results are in the arena,
 * SLICE_NONE when memory is short.
 */
#ifndef RPROXY_REWRITE_CLIENT_CERT_H
#define RPROXY_REWRITE_CLIENT_CERT_H

#include "common/arena.h"
#include "common/slice.h"
#include "rproxy/http/fields.h"

/* base64, one line: SAP, WebLogic, WebSphere */
struct slice client_cert_b64(struct slice der, struct arena *a);
/*
 * "-----BEGIN CERTIFICATE----- <base64> -----END CERTIFICATE-----" with
 * exactly one space at each side: Tomcat cuts 27 characters off the front,
 * Undertow 28 off the front and 26 off the end.
 */
struct slice client_cert_pem1(struct slice der, struct arena *a);
/* ":base64:" (RFC 8941 byte sequence), RFC 9440 section 2.2 */
struct slice client_cert_rfc9440(struct slice der, struct arena *a);
/* ":base64:, :base64:" */
struct slice
client_cert_chain_rfc9440(const struct slice *der, size_t n, struct arena *a);
/*
 * Vary of a response that names one of our certificate fields becomes "*": a
 * cache outside sees no such field, so it must not keep the response (RFC
 * 9440 section 3.1).
 */
void client_cert_vary(struct fields *f);

#endif
