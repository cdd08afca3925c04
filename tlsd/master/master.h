/*
 * tlsd's master: what its generations are made of.
 */
#ifndef TLSD_MASTER_MASTER_H
#define TLSD_MASTER_MASTER_H

/* Returns the exit status. */
int tlsd_master_main(int argc, char **argv);

#endif
