/*
 * The keys of session tickets: from the file that the configuration names, or
 * from the state page (common/state_page.h), where the master makes a new one
 * every few hours.  The page is shared by all workers and generations and
 * survives a restart; the file is shared with other hosts.
 *
 * A key is 80 bytes: name (16), AES-256 key (32), HMAC-SHA256 key (32).  Who
 * has it can read the sessions that are resumed with it, so workers have it
 * and hosts may share it, but a server's private key it is not.
 */
#ifndef TLSD_TICKET_KEYS_H
#define TLSD_TICKET_KEYS_H

#include <stdbool.h>

#include "common/slice.h"
#include "common/state_page.h"

#define TICKET_KEY_BYTES 80
#define TICKET_NAME_BYTES 16
#define TICKET_FILE_MAX_KEYS 64
#define TICKET_ROTATE_MS (4ull * 3600 * 1000)
#define TICKET_MAX_LIFETIME_MS (7ull * 24 * 3600 * 1000) /* RFC 8446 4.6.1 */

struct ticket_page;

/* One struct ticket_page; its turn makes and wipes keys. */
extern const struct state_desc ticket_state;

struct ticket_keys {
	const struct ticket_page *page; /* borrowed; used when file is empty */
	struct slice file;              /* borrowed; the first key encrypts */
};

/* False: *error says what a key file must look like.  Pure. */
bool ticket_keys_check_file(struct slice file, const char **error);

/* The key to encrypt with: TICKET_KEY_BYTES; NULL: there is none. */
const unsigned char *ticket_keys_newest(const struct ticket_keys *k);
/* The key that a ticket names; NULL: unknown, or too old. */
const unsigned char *
ticket_keys_find(const struct ticket_keys *k, const unsigned char *name);

#endif
