/*
 * rproxy's master: what its generations are made of.
 */
#ifndef RPROXY_MASTER_H
#define RPROXY_MASTER_H

/* Returns the exit status. */
int rproxy_master_main(int argc, char **argv);

#endif
