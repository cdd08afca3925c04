/*
 * The keys of session tickets.  The master writes the page, workers read it.
 *
 *	(empty) -> newest -> older -> (wiped)
 *	            4 h       session_lifetime
 *
 * Nobody locks: a slot is filled before it is published as the newest, and
 * wiped when no ticket can name it any more.  A worker that reads a slot while
 * it changes gets bytes that fit no ticket, and the client makes a full
 * handshake.
 */
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "tlsd/ticket_keys.h"

/* As many as there can be within the longest lifetime, and one to fill. */
#define SLOTS (TICKET_MAX_LIFETIME_MS / TICKET_ROTATE_MS + 3)

struct ticket_slot {
	_Atomic uint64_t made_ms; /* monotonic; 0: empty */
	unsigned char key[TICKET_KEY_BYTES];
};

struct ticket_page {
	_Atomic uint32_t newest;
	struct ticket_slot slot[SLOTS];
};

/* the master -------------------------------------------------------------- */

static void
make_key(struct ticket_page *p, uint64_t now_ms)
{
	uint32_t n = (atomic_load(&p->newest) + 1) % SLOTS;
	struct ticket_slot *s = &p->slot[n];

	atomic_store(&s->made_ms, 0);
	if (getrandom(s->key, sizeof(s->key), 0) != (ssize_t)sizeof(s->key)) {
		log_error("no randomness for a new ticket key");
		return;
	}
	atomic_store(&s->made_ms, now_ms);
	atomic_store(&p->newest, n);
}

static void
wipe_old(struct ticket_page *p, uint64_t lifetime_ms, uint64_t now_ms)
{
	uint32_t newest = atomic_load(&p->newest);

	for (uint32_t i = 0; i < SLOTS; i++) {
		struct ticket_slot *s = &p->slot[i];
		uint64_t made_ms = atomic_load(&s->made_ms);

		if (i == newest || made_ms == 0 ||
		    now_ms < made_ms + TICKET_ROTATE_MS + lifetime_ms)
			continue;
		atomic_store(&s->made_ms, 0);
		mem_wipe(s->key, sizeof(s->key));
	}
}

static void
turn(void *state, uint64_t lifetime_ms, uint64_t now_ms)
{
	struct ticket_page *p = state;
	uint64_t made_ms =
	    atomic_load(&p->slot[atomic_load(&p->newest)].made_ms);

	CHECK(now_ms > 0);
	if (made_ms == 0 || now_ms >= made_ms + TICKET_ROTATE_MS)
		make_key(p, now_ms);
	wipe_old(p, lifetime_ms, now_ms);
}

const struct state_desc ticket_state = {
	.version = 1,
	.len_bytes = sizeof(struct ticket_page),
	.turn = turn,
};

/* the file ---------------------------------------------------------------- */

static const unsigned char *
file_key(struct slice file, size_t i)
{
	return (const unsigned char *)file.p + i * TICKET_KEY_BYTES;
}

static bool
has_name_twice(struct slice file)
{
	size_t n = file.len / TICKET_KEY_BYTES;

	for (size_t i = 1; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (memcmp(file_key(file, i), file_key(file, k),
				TICKET_NAME_BYTES) == 0)
				return true;
	return false;
}

bool
ticket_keys_check_file(struct slice file, const char **error)
{
	*error = "must hold 1 to 64 keys of 80 random bytes each, the newest "
		 "first: openssl rand -out FILE 80";
	if (file.len == 0 || file.len % TICKET_KEY_BYTES != 0 ||
	    file.len > (size_t)TICKET_FILE_MAX_KEYS * TICKET_KEY_BYTES)
		return false;
	*error = "holds two keys that begin with the same 16 bytes, which are "
		 "their names: make each with openssl rand 80";
	return !has_name_twice(file);
}

/* the workers ------------------------------------------------------------- */

const unsigned char *
ticket_keys_newest(const struct ticket_keys *k)
{
	const struct ticket_slot *s;

	if (k->file.len > 0)
		return file_key(k->file, 0);
	s = &k->page->slot[atomic_load(&k->page->newest) % SLOTS];
	return atomic_load(&s->made_ms) != 0 ? s->key : NULL;
}

const unsigned char *
ticket_keys_find(const struct ticket_keys *k, const unsigned char *name)
{
	size_t n = k->file.len > 0 ? k->file.len / TICKET_KEY_BYTES : SLOTS;

	for (size_t i = 0; i < n; i++) {
		const unsigned char *key = k->file.len > 0
					       ? file_key(k->file, i)
					       : k->page->slot[i].key;

		if (k->file.len == 0 &&
		    atomic_load(&k->page->slot[i].made_ms) == 0)
			continue;
		if (memcmp(key, name, TICKET_NAME_BYTES) == 0)
			return key;
	}
	return NULL;
}
