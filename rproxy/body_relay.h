/*
 * A message body on its way from one socket to the other: read in the framing
 * of the sender, written in that of the receiver.
 */
#ifndef RPROXY_BODY_RELAY_H
#define RPROXY_BODY_RELAY_H

#include "common/stream.h"
#include "rproxy/http/framing.h"

struct body_relay {
	struct body_read reader;
	bool to_chunked;        /* the receiver's framing */
	bool done;              /* the body's end has been handed over */
	uint64_t content_bytes; /* so far */
	uint64_t max_bytes;     /* of content; 0: no limit */
};

enum body_relay_verdict {
	BODY_RELAY_MORE,
	BODY_RELAY_DONE,
	BODY_RELAY_BAD,   /* *why */
	BODY_RELAY_LARGE, /* over max_bytes; nothing of this call was sent */
	BODY_RELAY_SINK,  /* the receiver failed: to->write_error */
};

void body_relay_init(struct body_relay *r, const struct framing *from,
    bool to_chunked, uint64_t max_bytes);
/*
 * Hands bytes over, behind what to->out holds already, in one writev; what
 * the kernel does not take is held in to->out.  All of bytes is used unless
 * the body ends before: *used_bytes.  May move the content within bytes.
 */
enum body_relay_verdict body_relay_feed(struct body_relay *r, char *bytes,
    size_t len_bytes, struct stream *to, size_t *used_bytes, enum reason *why);
/*
 * How many of the bytes to come are content that the receiver gets as it is;
 * 0: framing is to be read or written, or the limit to be watched.
 */
uint64_t body_relay_passable(const struct body_relay *r);
/* So many of them have been handed over (stream_pass). */
void body_relay_passed(struct body_relay *r, size_t len_bytes);
/* The sender's connection has ended. */
enum body_relay_verdict
body_relay_eof(struct body_relay *r, struct stream *to, enum reason *why);

#endif
