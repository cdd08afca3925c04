/*
 * The signer process: it holds the private keys, signs what TLS servers sign,
 * and can do nothing else.  This file is its start.
 *
 *	configuration from the bundle -> keys opened (root) -> memory locked
 *	-> empty root directory, ordinary user -> system calls below -> serve
 *
 * After that it has no file system, no network and no way to make either: it
 * reads and writes the sockets it was given.  What it writes to its log is
 * its only other output.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/privdrop.h"
#include "common/sandbox.h"
#include "tlsd/config.h"
#include "tlsd/metrics_table.h"
#include "tlsd/signer/keyring.h"
#include "tlsd/signer/serve.h"
#include "tlsd/signer/signer.h"

#define NICER 5

static const char *const allowed_calls[] = {
	/* the loop, its channels, the master's orders */
	"poll",
	"ppoll",
	"recvfrom",
	"sendto",
	"recvmsg",
	"sendmsg",
	"close",
	"restart_syscall",
	/* the log: file, terminal or syslog's socket; its replacement */
	"write",
	"clock_gettime",
	/* OpenSSL: randomness (which looks for forks), memory */
	"getrandom",
	"getpid",
	"brk",
	"mmap",
	"munmap",
	"mprotect",
	"madvise",
	"futex",
	/* the end */
	"exit_group",
};

const struct sandbox_rules signer_sandbox = { .allow = allowed_calls,
	.n_allow = ARRAY_LEN(allowed_calls) };

/*
 * Nothing of the process shall reach the swap; the keys least of all.  Where
 * only these can be locked, the tables that OpenSSL makes of RSA primes at
 * their first use are not.
 */
static void
lock_memory(const struct keyring *k)
{
	static const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	/* later growth must not fail on a limit, so it comes off first */
	if (setrlimit(RLIMIT_MEMLOCK, &all) == 0 &&
	    mlockall(MCL_CURRENT | MCL_FUTURE) == 0)
		return;
	if (mlockall(MCL_CURRENT) == 0 || keyring_is_locked(k)) {
		log_info("the private keys are locked in memory, what is "
			 "computed with them is not: raise the limit of locked "
			 "memory (LimitMEMLOCK, ulimit -l)");
		return;
	}
	log_warning("the private keys cannot be locked in memory (%s): swap "
		    "may see them; raise the limit of locked memory",
	    strerror(errno));
}

/*
 * The working directory becomes one that is empty and has no name any more,
 * so that nothing can ever be put there.  Null when that takes root.
 */
static const char *
enter_empty_directory(void)
{
	char dir[] = "/tmp/tlsd-signer-XXXXXX";

	if (geteuid() != 0)
		return NULL;
	if (mkdtemp(dir) == NULL || chdir(dir) < 0 || rmdir(dir) < 0)
		child_fail("%s: %s", dir, strerror(errno));
	return ".";
}

/*
 * A flood of handshakes keeps the signer busy without end.  On the same core
 * it would take turns with the worker and with rproxy, and each request of
 * those who are connected already would wait for several such turns: 13 ms in
 * the middle (tests/bench/flood.py), and 2 ms with what is done here.  When
 * the core is full, the signer still has a seventh of it.
 */
static void
let_others_first(void)
{
	(void)setpriority(
	    PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICER);
}

static void
give_up_powers(const char *user)
{
	struct privdrop drop = { .user = user };
	const char *error;

	drop.chroot = enter_empty_directory();
	if (!privdrop(&drop, &error) || !sandbox_enter(&signer_sandbox, &error))
		child_fail("%s", error);
}

/* All that is left of the configuration are the keys, and *user (owned). */
static struct keyring *
load(const struct inheritance *in, char **user)
{
	struct bundle *bundle = child_take_bundle(in);
	struct conf_faults *faults = conf_faults_new();
	struct tlsd_config *config =
	    tlsd_config_read(in->config, bundle, faults);
	struct keyring *keyring;
	const char *error;

	child_check_config(faults);
	keyring = keyring_load(config, &error);
	if (keyring == NULL)
		child_fail("%s", error);
	*user = config->user != NULL ? mem_need_strdup(config->user) : NULL;
	tlsd_config_free(config);
	bundle_free(bundle);
	return keyring;
}

int
signer_main(const struct inheritance *in)
{
	struct keyring *keyring;
	struct metrics *metrics;
	char *user;

	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	keyring = load(in, &user);
	metrics = metrics_open(
	    tlsd_metrics, tlsd_n_metrics, in->metrics_fd, in->slot);
	mem_trim(); /* what is locked stays */
	lock_memory(keyring);
	let_others_first();
	give_up_powers(user);
	mem_free(user);

	child_ready();
	serve(keyring, metrics, in->peer_fd, in->n_peer);
	keyring_free(keyring);
	return 0;
}
