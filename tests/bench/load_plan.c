/*
 * The load generator's command line, and its requests.  Runs at its start.
 */
#include "tests/bench/load_plan.h"

#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: tlsload -p PORT [-m keep|full|resume|hold] [-c CONNECTIONS]\n"
    "               [-d SECONDS] [-w WARM_SECONDS] [-r REQUESTS_PER_SECOND]\n"
    "               [-n REQUESTS] [-u PATH] [-H NAME[,NAME...]] [-e BYTES]\n"
    "               [-b BODY_BYTES] [-k COOKIE_BYTES] [-f FIELDS]\n"
    "               [-C TLS13_CIPHERSUITE] [-G GROUP]\n";

static enum load_mode
mode_of(const char *word)
{
	static const char *const words[] = { "keep", "full", "resume", "hold" };

	for (unsigned i = 0; i < 4; i++)
		if (strcmp(word, words[i]) == 0)
			return (enum load_mode)i;
	errx(2, "-m %s\n%s", word, usage);
}

static void
put_cookies(FILE *out, size_t len_bytes)
{
	if (len_bytes == 0)
		return;
	fputs("Cookie: JSESSIONID=", out);
	for (size_t i = 0; i < len_bytes; i++) {
		if (i % 1000 == 999 && i + 20 < len_bytes)
			i += (size_t)fprintf(out, "; c%zu=", i / 1000);
		fputc("0123456789abcdef"[i * 7 % 16], out);
	}
	fputs("\r\n", out);
}

static void
put_head(FILE *out, const struct load_plan *p, const char *name)
{
	bool is_single = p->mode == LOAD_FULL || p->mode == LOAD_RESUME;
	unsigned n = 3;

	fprintf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n",
	    p->body_bytes > 0 ? "POST" : "GET", p->path, name);
	fputs("User-Agent: tlsload/1\r\nAccept: */*\r\n", out);
	put_cookies(out, p->cookie_bytes);
	n += p->cookie_bytes > 0;
	if (is_single)
		fputs("Connection: close\r\n", out);
	if (p->body_bytes > 0)
		fprintf(out,
		    "Content-Type: application/octet-stream\r\n"
		    "Content-Length: %zu\r\n",
		    p->body_bytes);
	for (; n < p->n_fields; n++)
		fprintf(out, "X-Field-%02u: value %02u of a portal\r\n", n, n);
	fputs("\r\n", out);
}

static void
make_request(const struct load_plan *p, struct load_host *h)
{
	FILE *out = open_memstream(&h->request, &h->request_bytes);

	if (out == NULL)
		err(1, "memory");
	put_head(out, p, h->name);
	for (size_t i = 0; i < p->body_bytes; i++)
		fputc('u', out);
	if (fclose(out) != 0)
		err(1, "memory");
}

static void
make_hosts(struct load_plan *p, const char *names)
{
	char *copy = strdup(names), *rest = copy, *name;

	if (copy == NULL)
		err(1, "memory");
	while ((name = strsep(&rest, ",")) != NULL) {
		p->host = realloc(p->host, (p->n_hosts + 1) * sizeof(*p->host));
		if (p->host == NULL)
			err(1, "memory");
		p->host[p->n_hosts].name = strdup(name);
		make_request(p, &p->host[p->n_hosts++]);
	}
	free(copy);
}

void
load_plan_init(struct load_plan *p, int argc, char **argv)
{
	const char *names = "ec.bench.test";
	int option;

	*p = (struct load_plan){ .n_conns = 1,
		.seconds = 5,
		.warm_seconds = 1,
		.expect_bytes = -1,
		.path = "/1k",
		.group = "X25519",
		.cipher = "TLS_AES_128_GCM_SHA256" };
	while ((option = getopt(
		    argc, argv, "p:m:c:d:w:r:n:u:H:e:b:k:f:C:G:")) != -1) {
		switch (option) {
		case 'p':
			p->port = (unsigned)atoi(optarg);
			break;
		case 'm':
			p->mode = mode_of(optarg);
			break;
		case 'c':
			p->n_conns = (unsigned)atoi(optarg);
			break;
		case 'd':
			p->seconds = atof(optarg);
			break;
		case 'w':
			p->warm_seconds = atof(optarg);
			break;
		case 'r':
			p->rate_per_s = atof(optarg);
			break;
		case 'n':
			p->max_requests = strtoull(optarg, NULL, 10);
			break;
		case 'u':
			p->path = optarg;
			break;
		case 'H':
			names = optarg;
			break;
		case 'e':
			p->expect_bytes = atoll(optarg);
			break;
		case 'b':
			p->body_bytes = (size_t)atoll(optarg);
			break;
		case 'k':
			p->cookie_bytes = (size_t)atoll(optarg);
			break;
		case 'f':
			p->n_fields = (unsigned)atoi(optarg);
			break;
		case 'C':
			p->cipher = optarg;
			break;
		case 'G':
			p->group = optarg;
			break;
		default:
			errx(2, "%s", usage);
		}
	}
	if (p->port == 0 || p->n_conns == 0 || optind != argc)
		errx(2, "%s", usage);
	make_hosts(p, names);
}

void
load_plan_fini(struct load_plan *p)
{
	for (size_t i = 0; i < p->n_hosts; i++) {
		free(p->host[i].name);
		free(p->host[i].request);
	}
	free(p->host);
}
