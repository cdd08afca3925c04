/*
 * What a run of the load generator has seen.
 */
#ifndef TESTS_BENCH_LOAD_STATS_H
#define TESTS_BENCH_LOAD_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_failure {
	LOAD_FAIL_CONNECT,
	LOAD_FAIL_HANDSHAKE,
	LOAD_FAIL_IO,
	LOAD_FAIL_ANSWER, /* other status, other length, no HTTP */
	LOAD_FAIL_EARLY_END,
	LOAD_N_FAILURES
};

struct load_stats {
	bool is_counting; /* only what falls into the window counts */
	uint64_t n_ok, n_full, n_resumed, body_bytes;
	uint64_t n_failed[LOAD_N_FAILURES];
	uint32_t *latency_100ns; /* owned */
	size_t n_latencies, max_latencies;
	double begun_s, cpu_begun_s; /* of the window */
	double wall_s, cpu_s;
	char cipher[64]; /* of the first handshake */
	char error[160]; /* the first */
};

uint64_t load_now_ns(void);

void load_stats_open(struct load_stats *s);
void load_stats_close(struct load_stats *s);
void load_stats_fini(struct load_stats *s);

void
load_stats_answer(struct load_stats *s, uint64_t begun_ns, uint64_t body_bytes);

/* Keeps the first error's text: what, errno, OpenSSL's queue. */
void load_stats_failure(
    struct load_stats *s, enum load_failure kind, const char *what);

/* One JSON object on one line. */
void load_stats_print(struct load_stats *s, unsigned n_held, size_t n_waiting);

#endif
