/*
 * The passphrase of encrypted key files, from a file or from the service
 * manager's credentials (systemd.exec(5), LoadCredential).  For the signer,
 * and for "tlsd -t".
 */
#ifndef TLSD_PASSPHRASE_H
#define TLSD_PASSPHRASE_H

#include <stdbool.h>
#include <stddef.h>

#define PASSPHRASE_MAX 1024
#define PASSPHRASE_ERROR_MAX 4608 /* a path, and a few words */

struct passphrase {
	size_t len_bytes;
	bool was_asked; /* OpenSSL wanted it */
	char text[PASSPHRASE_MAX];
};

/*
 * where: as in struct tls_conf, NULL: none.  p is the caller's, who wipes it.
 * False: error says why.
 */
bool passphrase_read(
    const char *where, struct passphrase *p, char error[PASSPHRASE_ERROR_MAX]);

/* A pem_password_cb; ctx is a struct passphrase. */
int passphrase_give(char *room, int room_bytes, int writing, void *ctx);

#endif
