/*
 * HTTPS/1.1 load generator with exact control of handshakes; one thread, one
 * epoll.  tests/bench/run.py starts it.
 *
 * Prints START when the window opens (warmed up, all connections have served
 * once), END when it closes, then one JSON object.  Mode "hold" prints READY
 * when the connections idle, and ends when its standard input does.
 *
 * Full and resumed handshakes are counted apart, so a run shows what it has
 * really measured.  Failed requests and answers of another length are
 * counted, never retried in silence.
 */
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/load_conn.h"

/* How long the warming up waits for connections that do not come. */
#define PATIENCE_S 30
/* Handshakes under way at once in mode "hold". */
#define HOLD_BURST 32

static SSL_CTX *
new_tls(const struct load_plan *p)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (tls == NULL ||
	    !SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) ||
	    !SSL_CTX_set_ciphersuites(tls, p->cipher) ||
	    !SSL_CTX_set1_groups_list(tls, p->group))
		errx(2, "no TLS 1.3 with %s and %s", p->cipher, p->group);
	/* run.py has checked names and chains; here they would only cost */
	SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (p->mode == LOAD_HOLD) {
		SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	} else {
		SSL_CTX_set_read_ahead(tls, 1);
		SSL_CTX_set_default_read_buffer_len(tls, 65536);
	}
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	if (p->mode == LOAD_RESUME) {
		SSL_CTX_set_session_cache_mode(
		    tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(tls, load_conn_on_ticket);
	}
	return tls;
}

static void
wait_events(struct load *load, uint64_t until_ns)
{
	struct epoll_event events[256];
	uint64_t now_ns = load_now_ns();
	uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	struct timespec left = { (time_t)(left_ns / 1000000000u),
		(long)(left_ns % 1000000000u) };
	int n = epoll_pwait2(load->epoll_fd, events, 256, &left, NULL);

	for (int i = 0; i < n; i++)
		load_conn_advance(events[i].data.ptr);
}

/*
 * True when all connections have served once and the warming up after that is
 * over.  At a fixed rate its clock starts between the two.
 */
static bool
is_warm(struct load *load, uint64_t now_ns, uint64_t *warm_ns)
{
	const struct load_plan *p = load->plan;
	bool all_up = load->n_up + load->n_given_up >= p->n_conns;

	if (*warm_ns == 0 && (all_up || now_ns >= load->patience_ns)) {
		*warm_ns = now_ns + (uint64_t)(p->warm_seconds * 1e9);
		load_pace_init(&load->pace, p->rate_per_s, now_ns);
	}
	return *warm_ns != 0 && now_ns >= *warm_ns;
}

static bool
is_over(const struct load *load, uint64_t now_ns, uint64_t end_ns)
{
	const struct load_plan *p = load->plan;

	if (p->max_requests > 0 && load->stats.n_ok >= p->max_requests)
		return true;
	return now_ns >= end_ns || load->n_given_up >= p->n_conns;
}

static void
say(const char *word)
{
	puts(word);
	fflush(stdout);
}

static void
run_window(struct load *load, struct load_conn *conn)
{
	const struct load_plan *p = load->plan;
	uint64_t now_ns = load_now_ns(), next_ns, end_ns = UINT64_MAX;
	uint64_t warm_ns = 0;

	load->patience_ns = now_ns + PATIENCE_S * 1000000000ull;
	for (unsigned i = 0; i < p->n_conns; i++)
		load_conn_open(&conn[i]);
	while (!is_over(load, now_ns, end_ns)) {
		if (end_ns == UINT64_MAX && is_warm(load, now_ns, &warm_ns)) {
			end_ns = now_ns + (uint64_t)(p->seconds * 1e9);
			say("START");
			load_stats_open(&load->stats);
		}
		next_ns = now_ns + 20000000;
		if (load->pace.rate_per_s > 0) {
			next_ns = load_pace_tick(&load->pace, now_ns);
			load_conn_serve_due(load);
		}
		wait_events(load, next_ns < end_ns ? next_ns : end_ns);
		now_ns = load_now_ns();
	}
	load_stats_close(&load->stats);
	say("END");
}

static void
run_hold(struct load *load, struct load_conn *conn)
{
	const struct load_plan *p = load->plan;
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t end_ns =
	    load_now_ns() + (uint64_t)((p->seconds + PATIENCE_S) * 1e9);
	unsigned n = 0;

	load_stats_open(&load->stats);
	while (load->n_held + load->n_given_up < p->n_conns &&
	       load_now_ns() < end_ns) {
		while (n < p->n_conns &&
		       n < load->n_held + load->n_given_up + HOLD_BURST)
			load_conn_open(&conn[n++]);
		wait_events(load, load_now_ns() + 20000000);
	}
	say("READY");
	while (poll(&input, 1, 20) == 0)
		wait_events(load, 0);
	load_stats_close(&load->stats);
}

int
main(int argc, char **argv)
{
	struct load_plan plan;
	struct load load = { .plan = &plan };
	struct load_conn *conn;

	load_plan_init(&plan, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_TIMERSLACK, 1000);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	TAILQ_INIT(&load.free);
	load.tls = new_tls(&plan);
	load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	load.scratch = malloc(LOAD_SCRATCH_BYTES);
	conn = calloc(plan.n_conns, sizeof(*conn));
	if (load.epoll_fd < 0 || load.scratch == NULL || conn == NULL)
		err(1, "start");
	for (unsigned i = 0; i < plan.n_conns; i++)
		load_conn_init(&conn[i], &load);
	if (plan.mode == LOAD_HOLD)
		run_hold(&load, conn);
	else
		run_window(&load, conn);
	load_stats_print(
	    &load.stats, load.n_held, load_pace_waiting(&load.pace));
	for (unsigned i = 0; i < plan.n_conns; i++)
		load_conn_fini(&conn[i]);
	free(conn);
	free(load.scratch);
	SSL_CTX_free(load.tls);
	load_stats_fini(&load.stats);
	load_plan_fini(&plan);
	return 0;
}
