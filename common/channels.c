/*
 * The channels between the first child and the others.  Runs in the master.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "common/channels.h"

static bool
make_pair(int pair[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0;
}

/* The first child is about to start: a new channel to each of the others. */
static bool
give_to_first(struct process *all, unsigned n, struct inheritance *in)
{
	for (unsigned i = 1; i < n; i++) {
		struct process *p = &all[i];
		int pair[2];

		if (!p->has_channel)
			continue;
		if (!make_pair(pair))
			return false;
		in->peer_fd[in->n_peer++] = pair[0];
		if (process_is_running(p)) {
			process_order(p, CHILD_PEER, 0, pair[1]);
			close(pair[1]);
			continue;
		}
		if (p->channel_fd >= 0)
			close(p->channel_fd);
		p->channel_fd = pair[1];
	}
	return true;
}

/* The place of p's channel in the first child's inheritance. */
static unsigned
number_of(const struct process *all, const struct process *p)
{
	unsigned number = 0;

	for (const struct process *i = all; i < p; i++)
		if (i->has_channel)
			number++;
	return number;
}

/*
 * Another child is about to start.  If the first one is not there, its end
 * is closed and it will bring new channels itself.
 */
static bool
give_to_other(struct process *all, struct process *p, struct inheritance *in)
{
	if (p->channel_fd < 0) {
		int pair[2];

		if (!make_pair(pair))
			return false;
		process_order(&all[0], CHILD_PEER, number_of(all, p), pair[0]);
		close(pair[0]);
		p->channel_fd = pair[1];
	}
	in->peer_fd[in->n_peer++] = p->channel_fd;
	p->channel_fd = -1;
	return true;
}

bool
channels_give(
    struct process *all, unsigned n, struct process *p, struct inheritance *in)
{
	if (p == all)
		return give_to_first(all, n, in);
	return !p->has_channel || give_to_other(all, p, in);
}

void
channels_renew(struct process *all, struct process *p)
{
	int pair[2];

	/* a first child that is not there brings new ones itself */
	if (!p->has_channel || !process_is_running(&all[0]) || !make_pair(pair))
		return;
	process_order(&all[0], CHILD_PEER, number_of(all, p), pair[0]);
	process_order(p, CHILD_PEER, 0, pair[1]);
	close(pair[0]);
	close(pair[1]);
}

void
channels_close(struct inheritance *in)
{
	for (unsigned i = 0; i < in->n_peer; i++)
		close(in->peer_fd[i]);
	in->n_peer = 0;
}
