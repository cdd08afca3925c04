/*
 * The table of reasons.  Pure; used by rproxy's workers.
 *
 * The names are an interface: people's log searches and alarms depend on
 * them.  A new reason goes into the enum and here; the order of the two need
 * not agree.  Proxy-Status types are those of RFC 9209 section 2.3.
 *
 * Statuses that are not obvious:
 *	421	no site of that name: the client may ask elsewhere
 *	501	a method that is refused everywhere is not implemented (405
 *		would have to list what the one resource allows)
 *	0	nobody is there any more to read an answer
 */
#include <stddef.h>
#include <string.h>

#include "common/check.h"
#include "rproxy/http/reason.h"

struct reason_row {
	const char *name;
	const char *text;
	unsigned status;
	enum reason_party party;
	const char *proxy_status;
};

#define CLIENT(name, status, type, text)                                       \
	{                                                                      \
		(name), (text), (status), PARTY_CLIENT, (type)                 \
	}
#define SERVER(name, status, type, text)                                       \
	{                                                                      \
		(name), (text), (status), PARTY_SERVER, (type)                 \
	}
#define US(name, status, type, text)                                           \
	{                                                                      \
		(name), (text), (status), PARTY_US, (type)                     \
	}

#define REQUEST_ERROR "http_request_error"
#define REQUEST_DENIED "http_request_denied"
#define PROTOCOL_ERROR "http_protocol_error"

/* clang-format off */
static const struct reason_row rows[REASON_COUNT] = {
	[REASON_OK] = { "ok", "The request was answered.", 0, PARTY_NONE,
	    NULL },

	[REASON_BAD_REQUEST_LINE] = CLIENT("bad_request_line", 400,
	    REQUEST_ERROR, "The first line of the request is malformed."),
	[REASON_BAD_VERSION] = CLIENT("bad_version", 505, REQUEST_ERROR,
	    "Only HTTP/1.0 and HTTP/1.1 are spoken here."),
	[REASON_BAD_LINE_END] = CLIENT("bad_line_end", 400, REQUEST_ERROR,
	    "A line of the request does not end as it must."),
	[REASON_BAD_FIELD_NAME] = CLIENT("bad_field_name", 400, REQUEST_ERROR,
	    "The name of a header field is malformed."),
	[REASON_BAD_FIELD_VALUE] = CLIENT("bad_field_value", 400,
	    REQUEST_ERROR, "The value of a header field is malformed."),
	[REASON_FOLDED_FIELD] = CLIENT("folded_field", 400, REQUEST_ERROR,
	    "A header field is continued on the next line."),
	[REASON_BAD_LENGTH] = CLIENT("bad_length", 400, REQUEST_ERROR,
	    "The length of the request body is malformed or stated twice."),
	[REASON_BOTH_LENGTHS] = CLIENT("both_lengths", 400, REQUEST_ERROR,
	    "The length of the request body is stated in two ways."),
	[REASON_BAD_CODING] = CLIENT("bad_coding", 400, REQUEST_ERROR,
	    "The transfer coding of the request is malformed."),
	[REASON_UNKNOWN_CODING] = CLIENT("unknown_coding", 501,
	    REQUEST_ERROR, "The transfer coding of the request is unknown."),
	[REASON_CODING_IN_1_0] = CLIENT("coding_in_1_0", 400, REQUEST_ERROR,
	    "An HTTP/1.0 request must not have a transfer coding."),
	[REASON_BAD_CHUNK] = CLIENT("bad_chunk", 400, REQUEST_ERROR,
	    "The chunks of the request body are malformed."),
	[REASON_BAD_HOST] = CLIENT("bad_host", 400, REQUEST_ERROR,
	    "The request does not say clearly which host it is for."),
	[REASON_BAD_TARGET] = CLIENT("bad_target", 400, REQUEST_ERROR,
	    "The address asked for is malformed."),
	[REASON_AMBIGUOUS_PATH] = CLIENT("ambiguous_path", 400,
	    REQUEST_ERROR, "The path asked for may be read in two ways."),
	[REASON_BAD_CONNECTION] = CLIENT("bad_connection", 400,
	    REQUEST_ERROR, "The Connection field names a field it must not."),
	[REASON_URI_TOO_LONG] = CLIENT("uri_too_long", 414, REQUEST_ERROR,
	    "The address asked for is too long."),
	[REASON_HEADERS_TOO_LARGE] = CLIENT("headers_too_large", 431,
	    REQUEST_ERROR, "The header fields of the request are too large."),
	[REASON_BODY_TOO_LARGE] = CLIENT("body_too_large", 413,
	    REQUEST_ERROR, "The body of the request is too large."),
	[REASON_LENGTH_REQUIRED] = CLIENT("length_required", 411,
	    REQUEST_ERROR, "The length of the request body must be stated."),
	[REASON_METHOD_REFUSED] = CLIENT("method_refused", 501,
	    REQUEST_ERROR, "The request method is not supported."),
	[REASON_EXPECTATION] = CLIENT("expectation", 417, REQUEST_ERROR,
	    "The request expects something that is not supported."),
	[REASON_BAD_MAX_FORWARDS] = CLIENT("bad_max_forwards", 400,
	    REQUEST_ERROR, "The Max-Forwards field is malformed."),
	[REASON_UPGRADE_REFUSED] = CLIENT("upgrade_refused", 403,
	    REQUEST_DENIED, "The protocol asked for is not spoken here."),
	[REASON_WRONG_SITE] = CLIENT("wrong_site", 421, "http_request_denied",
	    "The connection was made for another site."),
	[REASON_NO_SITE] = CLIENT("no_site", 421, "destination_not_found",
	    "There is no site of this name here."),
	[REASON_NO_ROUTE] = CLIENT("no_route", 404, "destination_not_found",
	    "There is nothing at this address."),
	[REASON_TLS_REQUIRED] = CLIENT("tls_required", 403, REQUEST_DENIED,
	    "This address is served over https only."),
	[REASON_CERT_REQUIRED] = CLIENT("cert_required", 403, REQUEST_DENIED,
	    "This address asks for a client certificate."),
	[REASON_DENIED] = CLIENT("denied", 403, REQUEST_DENIED,
	    "This address is closed."),
	[REASON_BAD_DESTINATION] = CLIENT("bad_destination", 403,
	    REQUEST_DENIED, "The destination is not at this address."),
	[REASON_HEADER_TIMEOUT] = CLIENT("header_timeout", 408,
	    REQUEST_ERROR, "The request took too long to arrive."),
	[REASON_BODY_TIMEOUT] = CLIENT("body_timeout", 408, REQUEST_ERROR,
	    "The body of the request took too long to arrive."),
	[REASON_BODY_TOO_SLOW] = CLIENT("body_too_slow", 408, REQUEST_ERROR,
	    "The body of the request came too slowly."),
	[REASON_CLIENT_GONE] = CLIENT("client_gone", 0, NULL,
	    "The client left before the end."),
	[REASON_SEND_TIMEOUT] = CLIENT("send_timeout", 0, NULL,
	    "The client did not take the answer."),
	[REASON_TUNNEL_TIMEOUT] = { "tunnel_timeout",
	    "Nothing was said for too long.", 0, PARTY_NONE, NULL },
	[REASON_LOOP] = US("loop", 502, "proxy_loop_detected",
	    "The request came back to this gateway."),

	[REASON_CONNECT_REFUSED] = SERVER("connect_refused", 502,
	    "connection_refused", "The application server is not there."),
	[REASON_CONNECT_FAILED] = SERVER("connect_failed", 502,
	    "destination_ip_unroutable",
	    "The application server cannot be reached."),
	[REASON_CONNECT_TIMEOUT] = SERVER("connect_timeout", 504,
	    "connection_timeout", "The application server cannot be reached."),
	[REASON_DNS_FAILED] = SERVER("dns_failed", 502, "dns_error",
	    "The application server's address cannot be found."),
	[REASON_TLS_CERTIFICATE] = SERVER("tls_certificate_error", 502,
	    "tls_certificate_error",
	    "The application server's certificate is not accepted."),
	[REASON_TLS_HANDSHAKE] = SERVER("tls_handshake_failed", 502,
	    "tls_protocol_error",
	    "A secure connection to the application server cannot be made."),
	[REASON_NO_SERVER] = SERVER("no_server", 503,
	    "destination_unavailable",
	    "No application server is available at the moment."),
	[REASON_SERVER_CLOSED] = SERVER("server_closed", 502,
	    "connection_terminated",
	    "The application server closed the connection without an "
	    "answer."),
	[REASON_SERVER_RESET] = SERVER("server_reset", 502,
	    "connection_terminated",
	    "The application server broke the connection."),
	[REASON_RESPONSE_TIMEOUT] = SERVER("response_timeout", 504,
	    "http_response_timeout",
	    "The application server did not answer in time."),
	[REASON_READ_TIMEOUT] = SERVER("read_timeout", 504,
	    "connection_read_timeout",
	    "The application server stopped in the middle of its answer."),
	[REASON_WRITE_TIMEOUT] = SERVER("write_timeout", 504,
	    "connection_write_timeout",
	    "The application server did not take the request."),
	[REASON_BAD_RESPONSE] = SERVER("bad_response", 502, PROTOCOL_ERROR,
	    "The application server's answer is malformed."),
	[REASON_RESPONSE_LENGTH] = SERVER("response_length", 502,
	    PROTOCOL_ERROR,
	    "The application server's answer has no clear length."),
	[REASON_RESPONSE_CODING] = SERVER("response_coding", 502,
	    "http_response_transfer_coding",
	    "The application server's answer is wrongly encoded."),
	[REASON_RESPONSE_TOO_LARGE] = SERVER("response_too_large", 502,
	    "http_response_header_section_size",
	    "The header of the application server's answer is too large."),
	[REASON_RESPONSE_INCOMPLETE] = SERVER("response_incomplete", 502,
	    "http_response_incomplete",
	    "The application server's answer is incomplete."),
	[REASON_BAD_UPGRADE] = SERVER("bad_upgrade", 502,
	    "http_upgrade_failed",
	    "The application server changed the protocol unasked."),
	[REASON_EARLY_ANSWER] = { "early_answer",
	    "The application server answered before the request's end.", 0,
	    PARTY_NONE, NULL },

	[REASON_NO_MEMORY] = US("no_memory", 503, "proxy_internal_error",
	    "The gateway is overloaded."),
	[REASON_TOO_MANY] = US("too_many", 503, "connection_limit_reached",
	    "The gateway is overloaded."),
	[REASON_DRAINING] = US("draining", 503, NULL,
	    "The gateway is about to restart."),
	[REASON_EGRESS_AWAY] = US("egress_away", 503, "proxy_internal_error",
	    "A part of the gateway does not answer."),
	[REASON_EGRESS_TARGET] = US("egress_unknown_target", 500,
	    "proxy_configuration_error",
	    "The gateway does not know the way to the application server."),
	[REASON_RULE_LIMIT] = US("rule_limit", 500,
	    "proxy_configuration_error",
	    "The address asked for cannot be worked out."),
	[REASON_INTERNAL] = US("internal", 500, "proxy_internal_error",
	    "Something went wrong in the gateway."),
};
/* clang-format on */

static const struct reason_row *
row(enum reason r)
{
	CHECK((unsigned)r < REASON_COUNT);
	return &rows[r];
}

const char *
reason_name(enum reason r)
{
	return row(r)->name;
}

const char *
reason_text(enum reason r)
{
	return row(r)->text;
}

unsigned
reason_status(enum reason r)
{
	return row(r)->status;
}

enum reason_party
reason_party(enum reason r)
{
	return row(r)->party;
}

bool
reason_ends_connection(enum reason r)
{
	const char *type = row(r)->proxy_status;

	return reason_party(r) == PARTY_CLIENT && type != NULL &&
	       strcmp(type, REQUEST_ERROR) == 0;
}

const char *
reason_proxy_status(enum reason r)
{
	return row(r)->proxy_status;
}
