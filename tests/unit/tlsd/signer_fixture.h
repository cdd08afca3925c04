/*
 * A real signer process, from its inheritance to its end, with this process
 * in the places of the master and of the workers.  For tests.
 */
#ifndef TESTS_UNIT_TLSD_SIGNER_FIXTURE_H
#define TESTS_UNIT_TLSD_SIGNER_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/child_wire.h"
#include "common/fd_pass.h"
#include "tests/unit/tlsd/pki_fixture.h"
#include "tlsd/config.h"
#include "tlsd/metrics_table.h"
#include "tlsd/signer/signer.h"

#define SIGNER_CHANNELS 2

struct signer {
	pid_t pid;
	int control;                  /* the master's end */
	int channel[SIGNER_CHANNELS]; /* the workers' ends */
};

struct conf {
	struct bundle *bundle;
	struct tlsd_config *config;
};

/*
 * sites/NAME.ini: NAME.test with the certificate and the key of a pair; more
 * lines of [site] and of [tls].
 */
FIXTURE void
write_site(const char *name, const char *pair, const char *site_lines,
    const char *tls_lines)
{
	char file[64], text[512];

	snprintf(text, sizeof(text),
	    "[site]\nnames = %s.test\n%s[tls]\n"
	    "certificate = ../%s.pem\nkey = ../%s.key\n%s",
	    name, site_lines, pair, pair, tls_lines);
	snprintf(file, sizeof(file), "sites/%s.ini", name);
	write_file(file, text);
}

/* tlsd.ini of the folder, and whatever is in sites/. */
FIXTURE void
conf_load(struct conf *c)
{
	struct conf_faults *faults = conf_faults_new();

	write_file("tlsd.ini", "[tlsd]\nworkers = 2\nsites = sites/*.ini\n"
			       "backend = back.sock\negress = egress.sock\n"
			       "egress_from = root\n[listen public]\n"
			       "address = 127.0.0.1:1\n");
	c->bundle = bundle_new();
	c->config = tlsd_config_read(in_dir("tlsd.ini"), c->bundle, faults);
	for (size_t i = 0; conf_fault_text(faults, i) != NULL; i++)
		fprintf(stderr, "%s\n", conf_fault_text(faults, i));
	NEED(conf_n_errors(faults) == 0);
	conf_faults_free(faults);
}

FIXTURE void
conf_unload(struct conf *c)
{
	tlsd_config_free(c->config);
	bundle_free(c->bundle);
}

FIXTURE void
make_pair(int fd[2], int type)
{
	NEED(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd) == 0);
}

/* Runs in the forked child: everything is at its place, then never returns. */
FIXTURE void
be_signer(const struct conf *c, int control, const int channel[])
{
	static struct inheritance in = { .role = "signer",
		.count = 1,
		.generation = 1,
		.log_level = LOG_LEVEL_ERROR,
		.log_fd = -1,
		.n_peer = SIGNER_CHANNELS };

	in.bundle_fd = bundle_seal(c->bundle);
	snprintf(in.config, sizeof(in.config), "%s", in_dir("tlsd.ini"));
	for (unsigned i = 0; i < SIGNER_CHANNELS; i++) {
		in.peer_fd[i] = fcntl(channel[i], F_DUPFD_CLOEXEC, 100);
		NEED(in.peer_fd[i] >= 0);
	}
	in.bundle_fd = fcntl(in.bundle_fd, F_DUPFD_CLOEXEC, 100);
	in.metrics_fd =
	    fcntl(metrics_fd(metrics_new(tlsd_metrics, tlsd_n_metrics)),
		F_DUPFD_CLOEXEC, 100);
	NEED(in.bundle_fd >= 0 && dup2(control, CHILD_CONTROL_FD) >= 0);
	close_range(CHILD_CONTROL_FD + 1, 99, 0);
	_exit(signer_main(&in));
}

FIXTURE void
signer_start(struct signer *s, const struct conf *c)
{
	int control[2], pair[2], theirs[SIGNER_CHANNELS];

	make_pair(control, SOCK_SEQPACKET);
	for (unsigned i = 0; i < SIGNER_CHANNELS; i++) {
		make_pair(pair, SOCK_SEQPACKET);
		s->channel[i] = pair[0];
		theirs[i] = pair[1];
	}
	s->pid = fork();
	NEED(s->pid >= 0);
	if (s->pid == 0)
		be_signer(c, control[1], theirs);
	close(control[1]);
	for (unsigned i = 0; i < SIGNER_CHANNELS; i++)
		close(theirs[i]);
	s->control = control[0];
}

/* Waits for the report; true: ready, false: text says why not. */
FIXTURE bool
signer_report(const struct signer *s, char text[256])
{
	static char message[CHILD_WIRE_MAX];
	enum child_report report;
	struct slice words;
	ssize_t n = recv(s->control, message, sizeof(message), 0);

	NEED(n > 0);
	NEED(child_wire_get_report(
	    (struct slice){ message, (size_t)n }, &report, &words));
	snprintf(text, 256, "%.*s", SLICE_FMT(words));
	return report == CHILD_REPORT_READY;
}

FIXTURE void
signer_start_ready(struct signer *s, const struct conf *c)
{
	char text[256];

	signer_start(s, c);
	if (!signer_report(s, text))
		need(0, text);
}

FIXTURE void
signer_order(
    const struct signer *s, enum child_message what, uint64_t value, int fd)
{
	char message[CHILD_WIRE_ORDER_BYTES];

	child_wire_put_order(what, value, message);
	NEED(fd_pass_send(s->control,
	    (struct slice){ message, sizeof(message) }, &fd, fd >= 0));
}

/* Exit status, or -1 for an end by signal. */
FIXTURE int
signer_wait(const struct signer *s)
{
	int status;

	while (waitpid(s->pid, &status, 0) < 0)
		NEED(errno == EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

FIXTURE void
signer_kill(struct signer *s)
{
	kill(s->pid, SIGKILL);
	signer_wait(s);
	close(s->control);
}

#endif
