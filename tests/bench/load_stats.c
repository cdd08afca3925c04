/*
 * Counters and latencies of one run, and their report.
 */
#include "tests/bench/load_stats.h"

#include <err.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

uint64_t
load_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double
cpu_s(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return seconds(r.ru_utime) + seconds(r.ru_stime);
}

void
load_stats_open(struct load_stats *s)
{
	s->is_counting = true;
	s->begun_s = (double)load_now_ns() / 1e9;
	s->cpu_begun_s = cpu_s();
}

void
load_stats_close(struct load_stats *s)
{
	s->wall_s = (double)load_now_ns() / 1e9 - s->begun_s;
	s->cpu_s = cpu_s() - s->cpu_begun_s;
	s->is_counting = false;
}

void
load_stats_fini(struct load_stats *s)
{
	free(s->latency_100ns);
}

void
load_stats_answer(struct load_stats *s, uint64_t begun_ns, uint64_t body_bytes)
{
	uint64_t took = (load_now_ns() - begun_ns) / 100;

	if (!s->is_counting)
		return;
	if (s->n_latencies == s->max_latencies) {
		s->max_latencies = s->max_latencies * 2 + 65536;
		s->latency_100ns = realloc(s->latency_100ns,
		    s->max_latencies * sizeof(*s->latency_100ns));
		if (s->latency_100ns == NULL)
			err(1, "memory");
	}
	s->latency_100ns[s->n_latencies++] =
	    took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	s->n_ok++;
	s->body_bytes += body_bytes;
}

void
load_stats_failure(
    struct load_stats *s, enum load_failure kind, const char *what)
{
	unsigned long tls = ERR_peek_error();

	if (s->is_counting)
		s->n_failed[kind]++;
	if (s->error[0] == '\0')
		snprintf(s->error, sizeof(s->error), "%s (%s; %s)", what,
		    strerror(errno),
		    tls != 0 ? ERR_reason_error_string(tls) : "no TLS error");
	for (char *p = s->error; *p != '\0'; p++)
		if (*p == '"' || *p == '\\' || *p < ' ')
			*p = '\'';
	ERR_clear_error();
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* In microseconds. */
static double
percentile(const struct load_stats *s, double share)
{
	if (s->n_latencies == 0)
		return 0;
	return s->latency_100ns[(
		   size_t)((double)(s->n_latencies - 1) * share)] /
	       10.0;
}

static void
print_count(const char *name, uint64_t n)
{
	printf("\"%s\": %llu, ", name, (unsigned long long)n);
}

void
load_stats_print(struct load_stats *s, unsigned n_held, size_t n_waiting)
{
	static const char *const failures[LOAD_N_FAILURES] = { "fail_connect",
		"fail_handshake", "fail_io", "fail_answer", "fail_early_end" };

	if (s->n_latencies > 0)
		qsort(s->latency_100ns, s->n_latencies,
		    sizeof(*s->latency_100ns), by_size);
	putchar('{');
	print_count("ok", s->n_ok);
	print_count("bytes", s->body_bytes);
	print_count("full", s->n_full);
	print_count("resumed", s->n_resumed);
	for (int i = 0; i < LOAD_N_FAILURES; i++)
		print_count(failures[i], s->n_failed[i]);
	print_count("held", n_held);
	print_count("waiting", n_waiting);
	printf("\"wall\": %.6f, \"cpu\": %.6f, ", s->wall_s, s->cpu_s);
	printf("\"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, ",
	    percentile(s, 0.5), percentile(s, 0.99), percentile(s, 0.999));
	printf("\"cipher\": \"%s\", \"error\": \"%s\"}\n", s->cipher, s->error);
	fflush(stdout);
}
