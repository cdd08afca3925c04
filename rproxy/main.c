/*
 * rproxy: the HTTP side of the gateway.  The same binary is master, worker
 * and prober; which one is decided here.
 */
#include <string.h>

#include "common/child.h"
#include "rproxy/master.h"
#include "rproxy/prober.h"
#include "rproxy/worker.h"

int
main(int argc, char **argv)
{
	static struct inheritance in;
	const char *role;

	if (!child_is_child(argc, argv, &role))
		return rproxy_master_main(argc, argv);
	child_receive(&in);
	if (strcmp(role, "prober") == 0)
		return rproxy_prober_main(&in);
	return rproxy_worker_main(&in);
}
