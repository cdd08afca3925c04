/*
 * Whether one key is to sign for a server and for a client.  Needs OpenSSL.
 * For the check of "tlsd -t".
 */
#ifndef TLSD_KEY_ROLES_H
#define TLSD_KEY_ROLES_H

#include "tlsd/config.h"

/*
 * A warning for each key of a pool that is a site's, too.  What certificates
 * say is compared, so a copy under another name is found.
 */
void key_roles_check(const struct tlsd_config *c, struct conf_faults *f);

#endif
