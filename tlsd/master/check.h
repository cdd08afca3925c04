/*
 * The check of certificates and keys, out of the master's memory.
 */
#ifndef TLSD_MASTER_CHECK_H
#define TLSD_MASTER_CHECK_H

#include "tlsd/config.h"

/* tlsd_check_files() in a process of its own; its faults are added to f. */
void check_files(const struct tlsd_config *c, struct conf_faults *f);

#endif
