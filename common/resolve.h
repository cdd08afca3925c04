/*
 * The addresses of one server: at start at once, later on libuv's threads.
 */
#ifndef COMMON_RESOLVE_H
#define COMMON_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/addr.h"

#define RESOLVE_MAX 8
#define RESOLVE_EVERY_MS 60000
#define RESOLVE_PAUSE_MS 5000
#define RESOLVE_MAX_CALLS 32

struct resolve {
	uv_getaddrinfo_t req;
	const char *host; /* borrowed from the configuration */
	uint16_t port;
	bool is_name; /* not a literal address: may change */
	bool busy;
	uint64_t asked_ms; /* uv_now() */
	struct addr addr[RESOLVE_MAX];
	unsigned n_addr; /* 0: not known */
};

/* Before the sandbox; may wait for a name server.  False: *error. */
bool resolve_start(
    struct resolve *r, const char *host, uint16_t port, const char **error);
/*
 * Asks again, on the loop; nothing for a literal address, and not more often
 * than every RESOLVE_PAUSE_MS.  What is known stays until there is an answer.
 */
void resolve_again(struct resolve *r, uv_loop_t *loop);
/*
 * What a sandbox must allow for that: names of system calls into out, which
 * has room for RESOLVE_MAX_CALLS.  Returns how many.
 */
size_t resolve_calls(const char **out);
/* And the folders whose files are read for it; constant.  Returns how many. */
size_t resolve_folders(const char *const **out);

#endif
