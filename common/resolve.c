/*
 * Host names of servers.  Runs in the workers and the prober; owned by the
 * server.
 *
 * A literal address is never asked for.  A name that cannot be resolved any
 * more keeps its last addresses: a name server that is down must not take the
 * application along.
 */
#include <netdb.h>
#include <string.h>

#include "common/check.h"
#include "common/log.h"
#include "common/resolve.h"

/*
 * getaddrinfo() on libuv's threads: resolv.conf, hosts, nsswitch, the name
 * server.  Found with strace.
 */
static const char *const calls[] = {
	"clone",
	"clone3",
	"set_robust_list",
	"rseq",
	"prctl",
	"sched_getaffinity",
	"prlimit64",
	"openat",
	"newfstatat",
	"fstat",
	"statx",
	"lseek",
	"pread64",
	"access",
	"readlink",
	"uname",
	"bind",
	"getpeername",
	"sendmmsg",
	"ppoll",
	"getrandom",
	"eventfd2",
	"pipe2",
};

/* The C library's, and where what they link to may be. */
static const char *const folders[] = { "/etc", "/run", "/usr", "/lib",
	"/lib64" };

static const struct addrinfo hints = {
	.ai_family = AF_UNSPEC,
	.ai_socktype = SOCK_STREAM,
	.ai_flags = AI_ADDRCONFIG,
};

static void
set_port(struct addr *a, uint16_t port)
{
	if (a->u.sa.sa_family == AF_INET)
		a->u.in.sin_port = htons(port);
	else
		a->u.in6.sin6_port = htons(port);
}

static void
take(struct resolve *r, const struct addrinfo *list)
{
	unsigned n = 0;

	for (const struct addrinfo *i = list; i != NULL && n < RESOLVE_MAX;
	     i = i->ai_next) {
		if (i->ai_family != AF_INET && i->ai_family != AF_INET6)
			continue;
		memset(&r->addr[n], 0, sizeof(r->addr[n]));
		memcpy(&r->addr[n].u, i->ai_addr, i->ai_addrlen);
		r->addr[n].len = i->ai_addrlen;
		set_port(&r->addr[n++], r->port);
	}
	if (n > 0)
		r->n_addr = n;
}

bool
resolve_start(
    struct resolve *r, const char *host, uint16_t port, const char **error)
{
	struct addrinfo *list = NULL;

	memset(r, 0, sizeof(*r));
	r->host = host;
	r->port = port;
	if (addr_parse_ip(slice_of(host), port, &r->addr[0])) {
		r->n_addr = 1;
		return true;
	}
	r->is_name = true;
	int rc = getaddrinfo(host, NULL, &hints, &list);
	if (rc != 0) {
		*error = gai_strerror(rc);
		return false;
	}
	take(r, list);
	freeaddrinfo(list);
	*error = "no IPv4 or IPv6 address";
	return r->n_addr > 0;
}

static void
on_answer(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct resolve *r = req->data;
	bool was_known = r->n_addr > 0;

	r->busy = false;
	if (status != 0) {
		log_warning("server name %s: %s", r->host, uv_strerror(status));
		return;
	}
	take(r, list);
	uv_freeaddrinfo(list);
	if (!was_known && r->n_addr > 0)
		log_info("server name %s: resolved", r->host);
}

void
resolve_again(struct resolve *r, uv_loop_t *loop)
{
	if (!r->is_name || r->busy ||
	    (r->asked_ms != 0 && uv_now(loop) - r->asked_ms < RESOLVE_PAUSE_MS))
		return;
	r->asked_ms = uv_now(loop);
	r->req.data = r;
	r->busy = uv_getaddrinfo(
		      loop, &r->req, on_answer, r->host, NULL, &hints) == 0;
}

size_t
resolve_calls(const char **out)
{
	_Static_assert(ARRAY_LEN(calls) <= RESOLVE_MAX_CALLS, "no room");
	memcpy(out, calls, sizeof(calls));
	return ARRAY_LEN(calls);
}

size_t
resolve_folders(const char *const **out)
{
	*out = folders;
	return ARRAY_LEN(folders);
}
