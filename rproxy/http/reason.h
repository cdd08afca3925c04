/*
 * Why an exchange did not go as it should: one fixed table for access log,
 * error log, metrics, error pages and Proxy-Status.  Pure.
 */
#ifndef RPROXY_HTTP_REASON_H
#define RPROXY_HTTP_REASON_H

#include <stdbool.h>

enum reason_party {
	PARTY_NONE,
	PARTY_CLIENT,
	PARTY_SERVER,
	PARTY_US,
};

enum reason {
	REASON_OK = 0,
	/* the client's request */
	REASON_BAD_REQUEST_LINE,
	REASON_BAD_VERSION,
	REASON_BAD_LINE_END,    /* bare CR, bare LF, NUL */
	REASON_BAD_FIELD_NAME,  /* empty, not a token, space before colon */
	REASON_BAD_FIELD_VALUE, /* control characters */
	REASON_FOLDED_FIELD,
	REASON_BAD_LENGTH,     /* Content-Length malformed or repeated */
	REASON_BOTH_LENGTHS,   /* Content-Length and Transfer-Encoding */
	REASON_BAD_CODING,     /* Transfer-Encoding that is not "chunked" */
	REASON_UNKNOWN_CODING, /* "gzip, chunked": well formed, not ours */
	REASON_CODING_IN_1_0,  /* Transfer-Encoding in HTTP/1.0 */
	REASON_BAD_CHUNK,
	REASON_BAD_HOST, /* none, two, malformed, other than target */
	REASON_BAD_TARGET,
	REASON_AMBIGUOUS_PATH, /* may mean two things to two servers */
	REASON_BAD_CONNECTION, /* Connection names a field it must not */
	REASON_URI_TOO_LONG,
	REASON_HEADERS_TOO_LARGE,
	REASON_BODY_TOO_LARGE,
	REASON_LENGTH_REQUIRED, /* chunks, and the server speaks HTTP/1.0 */
	REASON_METHOD_REFUSED,  /* CONNECT, TRACE */
	REASON_EXPECTATION,     /* an Expect that we do not know */
	REASON_BAD_MAX_FORWARDS,
	REASON_UPGRADE_REFUSED, /* the route does not allow it */
	REASON_NO_SITE,
	REASON_WRONG_SITE, /* TLS was negotiated for another site */
	REASON_NO_ROUTE,
	REASON_TLS_REQUIRED,
	REASON_CERT_REQUIRED,
	REASON_DENIED,          /* deny, allow */
	REASON_BAD_DESTINATION, /* of MOVE or COPY: not on this server */
	REASON_HEADER_TIMEOUT,
	REASON_BODY_TIMEOUT,
	REASON_BODY_TOO_SLOW,  /* bytes come, but too few */
	REASON_CLIENT_GONE,    /* closed or reset before the end */
	REASON_SEND_TIMEOUT,   /* takes nothing */
	REASON_TUNNEL_TIMEOUT, /* neither side says anything */
	REASON_LOOP,           /* our own name in Via */
	/* the server's response */
	REASON_CONNECT_REFUSED,
	REASON_CONNECT_FAILED,
	REASON_CONNECT_TIMEOUT,
	REASON_DNS_FAILED,
	REASON_TLS_CERTIFICATE, /* of an https server; tlsd did not accept it */
	REASON_TLS_HANDSHAKE,   /* with an https server */
	REASON_NO_SERVER,       /* none is up, or too many connections */
	REASON_SERVER_CLOSED,   /* before any byte of a response */
	REASON_SERVER_RESET,
	REASON_RESPONSE_TIMEOUT, /* before the head */
	REASON_READ_TIMEOUT,     /* within the body */
	REASON_WRITE_TIMEOUT,    /* server takes nothing */
	REASON_BAD_RESPONSE,     /* status line or field malformed */
	REASON_RESPONSE_LENGTH,  /* both lengths, malformed, repeated */
	REASON_RESPONSE_CODING,
	REASON_RESPONSE_TOO_LARGE, /* header section */
	REASON_RESPONSE_INCOMPLETE,
	REASON_BAD_UPGRADE,
	REASON_EARLY_ANSWER, /* before the request's end; it was passed on */
	/* us */
	REASON_NO_MEMORY,
	REASON_TOO_MANY, /* connections */
	REASON_DRAINING,
	REASON_EGRESS_AWAY,   /* nobody answers at tlsd's egress socket */
	REASON_EGRESS_TARGET, /* tlsd's configuration has no such server */
	REASON_RULE_LIMIT,    /* an expression that takes too long */
	REASON_INTERNAL,
	REASON_COUNT
};

/* "bad_chunk": for logs and metrics */
const char *reason_name(enum reason r);
/* One sentence for an error page, without any inner name. */
const char *reason_text(enum reason r);
/* The status we answer with: 400, 502 ...; 0 when none is sent. */
unsigned reason_status(enum reason r);
enum reason_party reason_party(enum reason r);
/*
 * The request itself is at fault: whoever sent it, or let it pass, may have
 * read it differently than we do.  The connection is not used again.
 */
bool reason_ends_connection(enum reason r);
/* RFC 9209 section 2.3 error type; NULL when none fits. */
const char *reason_proxy_status(enum reason r);

#endif
