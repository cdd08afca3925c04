/*
 * tlsd: the TLS side of the gateway.  The same binary is master, signer and
 * worker; which one is decided here.
 */
#include <string.h>

#include "common/child.h"
#include "tlsd/master/master.h"
#include "tlsd/signer/signer.h"
#include "tlsd/worker/worker.h"

int
main(int argc, char **argv)
{
	static struct inheritance in;
	const char *role;

	if (!child_is_child(argc, argv, &role))
		return tlsd_master_main(argc, argv);
	child_receive(&in);
	if (strcmp(role, "signer") == 0)
		return signer_main(&in);
	return tlsd_worker_main(&in);
}
