/*
 * What master and child say to each other on the control socket, as bytes:
 * one SOCK_SEQPACKET message is one of these.  Pure.
 *
 * inheritance	first message to the child: 'I', version, numbers, role,
 *		path of the configuration; with it the descriptors, in the
 *		order bundle, metrics, log, state, listen, peers, access logs
 * order	to the child: 'O', u8 enum child_message, u64 value; with it at
 *		most one descriptor
 * report	to the master: 'R' ready; 'F' and a text: failed; 'P': wants
 *		another channel; 'T' and a u64: to be told to the others of
 *		this role
 *
 * A master goes on with a binary that was replaced under it, so a child may
 * be newer than its master: the version says whether the two fit.
 */
#ifndef COMMON_CHILD_WIRE_H
#define COMMON_CHILD_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/child.h"
#include "common/slice.h"

#define CHILD_WIRE_VERSION 2
#define CHILD_WIRE_MAX 4608 /* bytes: an inheritance with the longest path */
#define CHILD_WIRE_MAX_FDS                                                     \
	(4 + CHILD_MAX_LISTEN + CHILD_MAX_PEERS + CHILD_MAX_LOGS)

/* Returns the length in bytes; fds gets the descriptors (not duplicated). */
size_t child_wire_put_inheritance(const struct inheritance *in,
    char out[CHILD_WIRE_MAX], int fds[CHILD_WIRE_MAX_FDS], unsigned *n_fds);
/* False when the message or the number of descriptors is not as it must be. */
bool child_wire_get_inheritance(struct slice message, const int *fds,
    unsigned n_fds, struct inheritance *in);

#define CHILD_WIRE_ORDER_BYTES 10

void child_wire_put_order(
    enum child_message what, uint64_t value, char out[CHILD_WIRE_ORDER_BYTES]);
/* o->fd is set to -1. */
bool child_wire_get_order(struct slice message, struct child_order *o);

enum child_report {
	CHILD_REPORT_READY,
	CHILD_REPORT_FAILED,
	CHILD_REPORT_PEER, /* child_ask_peer() */
	CHILD_REPORT_TELL, /* its text is 8 bytes, big-endian */
};

/* A text that is too long is cut.  Returns the length in bytes. */
size_t child_wire_put_report(
    enum child_report report, struct slice text, char out[CHILD_WIRE_MAX]);
/* text points into the message. */
bool child_wire_get_report(
    struct slice message, enum child_report *report, struct slice *text);

#endif
