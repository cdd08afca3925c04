/*
 * rproxy: the HTTP side of the gateway.  The same binary is master and
 * worker; which one is decided here.
 */
#include "common/child.h"
#include "rproxy/master.h"
#include "rproxy/worker.h"

int
main(int argc, char **argv)
{
	static struct inheritance in;
	const char *role;

	if (!child_is_child(argc, argv, &role))
		return rproxy_master_main(argc, argv);
	child_receive(&in);
	return rproxy_worker_main(&in);
}
