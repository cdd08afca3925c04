/*
 * What one run of the load generator does: its command line, and the bytes of
 * the requests, made once.
 */
#ifndef TESTS_BENCH_LOAD_PLAN_H
#define TESTS_BENCH_LOAD_PLAN_H

#include <stddef.h>
#include <stdint.h>

enum load_mode {
	LOAD_KEEP,   /* requests one after the other on kept connections */
	LOAD_FULL,   /* a request per connection, each handshake full */
	LOAD_RESUME, /* a request per connection, resumed by a ticket */
	LOAD_HOLD    /* a request per connection, then the connection idles */
};

struct load_host {
	char *name;    /* owned; SNI and Host */
	char *request; /* owned; head and body */
	size_t request_bytes;
};

struct load_plan {
	enum load_mode mode;
	unsigned port;
	unsigned n_conns;
	double seconds;
	double warm_seconds;
	double rate_per_s;      /* 0: closed loop */
	uint64_t max_requests;  /* 0: until the time is over */
	long long expect_bytes; /* of each body; -1: any */
	const char *path, *cipher, *group;
	size_t body_bytes, cookie_bytes;
	unsigned n_fields;
	struct load_host *host; /* owned array; taken in turn */
	size_t n_hosts;
};

/* Exits with a usage text when the command line is wrong. */
void load_plan_init(struct load_plan *p, int argc, char **argv);
void load_plan_fini(struct load_plan *p);

#endif
