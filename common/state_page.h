/*
 * Memory that outlives generations, and where it can the master: a memfd that
 * every child gets, that a process which takes over gets, and that the service
 * manager keeps while the daemon is restarted (FDSTORE, sd_notify(3)).
 *
 * It begins with a header (whose page this is, the number of the last
 * generation); the rest is the daemon's.  A page of another daemon, version
 * or length is not taken: one made anew costs sessions and nothing else.
 */
#ifndef COMMON_STATE_PAGE_H
#define COMMON_STATE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a daemon keeps there; constant. */
struct state_desc {
	uint32_t version; /* of the layout */
	size_t len_bytes;
	/*
	 * Before the first generation, with each new one and every minute, in
	 * the master.  keep_ms: the plan's; now_ms is monotonic, which is the
	 * same clock for all processes of a machine until it is started anew.
	 * NULL: nothing to do.
	 */
	void (*turn)(void *state, uint64_t keep_ms, uint64_t now_ms);
	/* Of a plan_server, in the master.  NULL: plans have none. */
	bool (*is_up)(const void *state, uint64_t key);
};

struct state_page;

/* Master: a page of zeros.  Aborts on error. */
struct state_page *
state_page_new(const char *daemon, const struct state_desc *d);
/* Master: takes fd over.  NULL: it is not ours, and was closed. */
struct state_page *
state_page_adopt(const char *daemon, const struct state_desc *d, int fd);
void state_page_free(struct state_page *p); /* takes NULL */

/* The descriptors stay the page's. */
int state_page_fd(const struct state_page *p);
/* For reading only. */
int state_page_reader_fd(const struct state_page *p);
void state_page_turn(struct state_page *p, uint64_t keep_ms, uint64_t now_ms);
bool state_page_is_up(const struct state_page *p, uint64_t key);
/* The next number, from 1. */
unsigned state_page_next_generation(struct state_page *p);

/*
 * Child: the daemon's part, mapped for good, for writing where fd allows it;
 * fd is closed.  NULL: the master's page is not ours.
 */
void *state_page_map(const char *daemon, const struct state_desc *d, int fd);

#endif
