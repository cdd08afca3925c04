/*
 * What lies below OpenSSL: one BIO for all connections of the process, which
 * receives and gathers for the struct tls_io whose call into OpenSSL is under
 * way.  For tls_io.c alone.
 */
#ifndef TLSD_WORKER_TLS_BIO_H
#define TLSD_WORKER_TLS_BIO_H

#include <openssl/bio.h>

#include "tlsd/worker/tls_io.h"

#define TLS_BIO_OUT_RESERVE (32 * 1024) /* above TLS_IO_OUT_MAX */

/* Made once per process, lent.  NULL: out of memory. */
BIO *tls_bio(void);

/* Around each call into OpenSSL. */
void tls_bio_begin_call(struct tls_io *t);
void tls_bio_end_call(void);
/* Whose call is under way; NULL: none is. */
struct tls_io *tls_bio_caller(void);

/* Why the connection ends, as OpenSSL's alert says it of its own lack. */
void tls_bio_note_lack_of_memory(struct tls_io *t);

/*
 * Around calls that may read: t->recvs_left of them receive, max_bytes at
 * most, and what was left over in t->in comes first.  What OpenSSL does not
 * ask for is left over again; false: out of memory, and it is lost.
 */
void tls_bio_begin_arrival(struct tls_io *t, size_t max_bytes);
bool tls_bio_end_arrival(struct tls_io *t);
/* Between the two: OpenSSL has not asked for all of it yet. */
bool tls_bio_has_arrived(void);

#endif
