/*
 * The check of certificates and keys, in a process of its own.  Started by
 * the master, at start and on reload, and waited for.
 *
 * To see whether a key fits its certificate it must be read, and the master
 * may never hold a key: not even in memory that was freed.  The checker says
 * what it found on a pipe, and ends: a line for each fault, and "expiry: KIND
 * TIME SITE" for what each site must renew.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tlsd/cert_expiry.h"
#include "tlsd/cert_pool.h"
#include "tlsd/master/check.h"

static const struct conf_place nowhere = { NULL, 0 };

/* Runs in the checker, as do the next two. */
static void
tell_expiry(
    FILE *to, enum plan_expiry_kind kind, int64_t at_s, const char *site)
{
	fprintf(to, "expiry: %d %" PRId64 " %s\n", (int)kind, at_s, site);
}

static void
list_expiry(const struct tlsd_config *c, struct cert_pool *pool, FILE *to)
{
	int64_t at_s;

	for (size_t i = 0; i < c->sites.n; i++) {
		const struct site_conf *site = c->sites.v[i];

		if (cert_expiry_of(c, pool, site, &at_s))
			tell_expiry(to, PLAN_CERTIFICATE, at_s, site->name);
		if (cert_expiry_of_crls(c, pool, site, &at_s))
			tell_expiry(to, PLAN_CRL, at_s, site->name);
	}
}

static _Noreturn void
run_checker(const struct tlsd_config *c, int out)
{
	static const struct rlimit none = { 0, 0 };
	struct conf_faults *f = conf_faults_new();
	struct cert_pool *pool = cert_pool_new();
	FILE *to = fdopen(out, "w");
	const char *text;

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	tlsd_check_files(c, pool, f);
	for (size_t i = 0; (text = conf_fault_text(f, i)) != NULL; i++)
		fprintf(to, "%s\n", text);
	list_expiry(c, pool, to);
	_exit(fflush(to) == 0 ? 0 : 1);
}

/* "error: text" or "warning: text", as conf_fault_text() writes it. */
static void
add_fault(struct conf_faults *f, const char *line)
{
	static const char error[] = "error: ", warning[] = "warning: ";

	if (strncmp(line, error, sizeof(error) - 1) == 0)
		conf_error(f, nowhere, "%s", line + sizeof(error) - 1);
	else if (strncmp(line, warning, sizeof(warning) - 1) == 0)
		conf_warning(f, nowhere, "%s", line + sizeof(warning) - 1);
}

/* False: it is another line. */
static bool
add_expiry(struct plan *p, const char *line)
{
	int64_t at_s;
	unsigned kind;
	int n = 0;

	if (sscanf(line, "expiry: %u %" SCNd64 " %n", &kind, &at_s, &n) != 2 ||
	    n == 0 || kind > PLAN_CRL)
		return false;
	plan_add_expiry(p, (enum plan_expiry_kind)kind, line + n, at_s);
	return true;
}

static void
read_report(int in, struct plan *p, struct conf_faults *f)
{
	FILE *from = fdopen(in, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, from)) > 0) {
		line[n - 1] = '\0';
		if (!add_expiry(p, line))
			add_fault(f, line);
	}
	free(line);
	fclose(from);
}

static bool
has_finished(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void
check_files(const struct tlsd_config *c, struct plan *p, struct conf_faults *f)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		conf_error(
		    f, nowhere, "cannot check files: %s", strerror(errno));
		return;
	}
	pid = fork();
	if (pid == 0)
		run_checker(c, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		conf_error(
		    f, nowhere, "cannot check files: %s", strerror(errno));
		close(ends[0]);
		return;
	}
	read_report(ends[0], p, f);
	if (!has_finished(pid))
		conf_error(f, nowhere,
		    "the check of certificates and keys "
		    "did not come to its end");
}
