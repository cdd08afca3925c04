/*
 * Clients that count every failure.  One thread, epoll; four kinds at once:
 * https and http, a new connection for each exchange and keep-alive.  GET of
 * 1 KiB and of 64 KiB and POST of 16 KiB take turns on each connection.  What
 * a client does is in load_client.h.
 *
 *	loadgen [-A CA.PEM -s HTTPS_PORT] [-p HTTP_PORT] [-n PER_KIND]
 *		[-t SECONDS] [-g GAP_MS]
 *
 * Runs until TERM, or for so many seconds.  Writes a line of JSON for each
 * failure, and one with the totals at the end.  "resets" are ends without FIN
 * or close_notify that were seen between requests: nothing was lost, but they
 * are counted.
 *
 * The server is tests/bench/origin.c, so bodies are known byte by byte.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/tools/load_client.h"

static struct load load;
static struct client *clients;
static unsigned n_clients;
static volatile sig_atomic_t stopped;

static void
run(double seconds)
{
	struct epoll_event ready[64];
	double end = load_now() + seconds, looked = 0;

	while (!stopped && load_now() < end) {
		int n = epoll_wait(load.epoll, ready, 64, 5);

		for (int i = 0; i < n; i++) {
			struct client *c = ready[i].data.ptr;

			if (c->fd >= 0)
				load_client_advance(c);
		}
		if (load_now() < looked + 0.005)
			continue;
		looked = load_now();
		for (unsigned i = 0; i < n_clients; i++)
			load_client_look_at_clock(&clients[i], looked);
	}
}

static void
on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static void
init(const char *ca, unsigned per_kind)
{
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.tls = SSL_CTX_new(TLS_client_method());
	if (load.epoll < 0 || load.tls == NULL ||
	    (ca != NULL && SSL_CTX_load_verify_file(load.tls, ca) != 1))
		errx(1, "%s: cannot be used", ca);
	SSL_CTX_set_verify(load.tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(load.tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(load.tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
				       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	clients = calloc(per_kind * LOAD_KINDS, sizeof(*clients));
	if (clients == NULL)
		err(1, "calloc");
	for (unsigned i = 0; i < per_kind * LOAD_KINDS; i++) {
		bool is_tls = i % 2 == 1;

		if (load.port[is_tls] != 0)
			load_client_init(&clients[n_clients++], &load, is_tls,
			    i / 2 % 2 == 1, i / LOAD_KINDS);
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGPIPE, SIG_IGN);
}

int
main(int argc, char **argv)
{
	const char *ca = NULL;
	unsigned per_kind = 4;
	double seconds = 1e9;
	int option;

	while ((option = getopt(argc, argv, "A:s:p:n:t:g:")) != -1) {
		if (option == 'A')
			ca = optarg;
		else if (option == 's')
			load.port[1] = (uint16_t)atoi(optarg);
		else if (option == 'p')
			load.port[0] = (uint16_t)atoi(optarg);
		else if (option == 'n')
			per_kind = (unsigned)atoi(optarg);
		else if (option == 't')
			seconds = atof(optarg);
		else if (option == 'g')
			load.gap_s = atof(optarg) / 1000;
		else
			return 2;
	}
	if (load.port[0] == 0 && (ca == NULL || load.port[1] == 0))
		errx(2, "-A and -s, or -p are needed");
	init(ca, per_kind);
	run(seconds);
	printf("{\"http_new\": %lu, \"https_new\": %lu, \"http_keep\": %lu, "
	       "\"https_keep\": %lu, \"connections\": %lu, \"orderly\": %lu, "
	       "\"resets\": %lu, \"failures\": %lu}\n",
	    load.exchanges[0], load.exchanges[1], load.exchanges[2],
	    load.exchanges[3], load.connections, load.orderly, load.resets,
	    load.failures);
	return 0;
}
