/*
 * The command line of a daemon's master.
 */
#ifndef COMMON_MASTER_H
#define COMMON_MASTER_H

#include "common/supervisor.h"

/*
 * -c FILE, -t (check and exit: 0, or 1 with every fault listed), -V,
 * --takeover; runs the daemon in the foreground otherwise.  Returns the exit
 * status: 1 for faults and for a start that failed, 2 for a wrong command line.
 */
int master_main(const struct daemon_desc *d, int argc, char **argv);

#endif
