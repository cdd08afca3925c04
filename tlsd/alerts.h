/*
 * The TLS alerts that can end a handshake: number, constant, name in the
 * spelling of RFC 8446 section 6, under which they appear in log and metrics.
 * Each is counted twice: sent by us, and received.
 */
#ifndef TLSD_ALERTS_H
#define TLSD_ALERTS_H

#define TLSD_ALERTS(X)                                                         \
	X(10, UNEXPECTED_MESSAGE, "unexpected_message")                        \
	X(20, BAD_RECORD_MAC, "bad_record_mac")                                \
	X(21, DECRYPTION_FAILED, "decryption_failed")                          \
	X(22, RECORD_OVERFLOW, "record_overflow")                              \
	X(30, DECOMPRESSION_FAILURE, "decompression_failure")                  \
	X(40, HANDSHAKE_FAILURE, "handshake_failure")                          \
	X(41, NO_CERTIFICATE, "no_certificate")                                \
	X(42, BAD_CERTIFICATE, "bad_certificate")                              \
	X(43, UNSUPPORTED_CERTIFICATE, "unsupported_certificate")              \
	X(44, CERTIFICATE_REVOKED, "certificate_revoked")                      \
	X(45, CERTIFICATE_EXPIRED, "certificate_expired")                      \
	X(46, CERTIFICATE_UNKNOWN, "certificate_unknown")                      \
	X(47, ILLEGAL_PARAMETER, "illegal_parameter")                          \
	X(48, UNKNOWN_CA, "unknown_ca")                                        \
	X(49, ACCESS_DENIED, "access_denied")                                  \
	X(50, DECODE_ERROR, "decode_error")                                    \
	X(51, DECRYPT_ERROR, "decrypt_error")                                  \
	X(60, EXPORT_RESTRICTION, "export_restriction")                        \
	X(70, PROTOCOL_VERSION, "protocol_version")                            \
	X(71, INSUFFICIENT_SECURITY, "insufficient_security")                  \
	X(80, INTERNAL_ERROR, "internal_error")                                \
	X(86, INAPPROPRIATE_FALLBACK, "inappropriate_fallback")                \
	X(90, USER_CANCELED, "user_canceled")                                  \
	X(100, NO_RENEGOTIATION, "no_renegotiation")                           \
	X(109, MISSING_EXTENSION, "missing_extension")                         \
	X(110, UNSUPPORTED_EXTENSION, "unsupported_extension")                 \
	X(111, CERTIFICATE_UNOBTAINABLE, "certificate_unobtainable")           \
	X(112, UNRECOGNIZED_NAME, "unrecognized_name")                         \
	X(113, BAD_CERTIFICATE_STATUS, "bad_certificate_status_response")      \
	X(114, BAD_CERTIFICATE_HASH, "bad_certificate_hash_value")             \
	X(115, UNKNOWN_PSK_IDENTITY, "unknown_psk_identity")                   \
	X(116, CERTIFICATE_REQUIRED, "certificate_required")                   \
	X(120, NO_APPLICATION_PROTOCOL, "no_application_protocol")             \
	X(0, OTHER, "unknown_alert")

#endif
