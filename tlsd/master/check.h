/*
 * The check of certificates and keys, out of the master's memory.
 */
#ifndef TLSD_MASTER_CHECK_H
#define TLSD_MASTER_CHECK_H

#include "common/plan.h"
#include "tlsd/config.h"

/*
 * tlsd_check_files() in a process of its own; its faults are added to f, and
 * to the plan when the certificates of each site expire.
 */
void
check_files(const struct tlsd_config *c, struct plan *p, struct conf_faults *f);

#endif
