/*
 * What master and child say to each other, as bytes.  Pure; runs on both
 * sides.  The two trust each other, yet not to be of the same build: lengths
 * and counts are checked all the same.
 */
#include <string.h>

#include "common/bytes.h"
#include "common/check.h"
#include "common/child_wire.h"

/*
 * 0 'I'  1 version  2 log level  3 log kind  4 index  8 count  12 generation
 * 16 slot  20 n_listen  21 n_peer  22 n_access_log  23 which of the first
 * four descriptors are there  24 role  40 path
 */
#define INHERITANCE_HEAD 40

enum {
	HAS_BUNDLE = 1,
	HAS_METRICS = 2,
	HAS_LOG = 4,
	HAS_STATE = 8,
};

static unsigned
put_fd(int fd, int *fds, unsigned *n_fds, unsigned flag)
{
	if (fd < 0)
		return 0;
	fds[(*n_fds)++] = fd;
	return flag;
}

static void
put_fd_list(const int *list, unsigned n, int *fds, unsigned *n_fds)
{
	for (unsigned i = 0; i < n; i++) {
		CHECK(list[i] >= 0);
		fds[(*n_fds)++] = list[i];
	}
}

size_t
child_wire_put_inheritance(const struct inheritance *in,
    char out[CHILD_WIRE_MAX], int fds[CHILD_WIRE_MAX_FDS], unsigned *n_fds)
{
	size_t path_len = strlen(in->config);
	unsigned flags = 0;

	CHECK(in->n_listen <= CHILD_MAX_LISTEN);
	CHECK(in->n_peer <= CHILD_MAX_PEERS);
	CHECK(in->n_access_log <= CHILD_MAX_LOGS);
	*n_fds = 0;
	flags |= put_fd(in->bundle_fd, fds, n_fds, HAS_BUNDLE);
	flags |= put_fd(in->metrics_fd, fds, n_fds, HAS_METRICS);
	flags |= put_fd(in->log_fd, fds, n_fds, HAS_LOG);
	flags |= put_fd(in->state_fd, fds, n_fds, HAS_STATE);
	put_fd_list(in->listen_fd, in->n_listen, fds, n_fds);
	put_fd_list(in->peer_fd, in->n_peer, fds, n_fds);
	put_fd_list(in->access_log_fd, in->n_access_log, fds, n_fds);

	out[0] = 'I';
	out[1] = CHILD_WIRE_VERSION;
	out[2] = (char)in->log_level;
	out[3] = (char)in->log_kind;
	put_be32(out + 4, in->index);
	put_be32(out + 8, in->count);
	put_be32(out + 12, in->generation);
	put_be32(out + 16, in->slot);
	out[20] = (char)in->n_listen;
	out[21] = (char)in->n_peer;
	out[22] = (char)in->n_access_log;
	out[23] = (char)flags;
	memcpy(out + 24, in->role, sizeof(in->role));
	memcpy(out + INHERITANCE_HEAD, in->config, path_len);
	return INHERITANCE_HEAD + path_len;
}

static void
get_fd_list(int *list, unsigned n, const int **fds)
{
	for (unsigned i = 0; i < n; i++)
		list[i] = *(*fds)++;
}

static bool
get_fds(unsigned flags, const int *fds, unsigned n_fds, struct inheritance *in)
{
	unsigned n = in->n_listen + in->n_peer + in->n_access_log;

	for (unsigned i = 0; i < 4; i++)
		n += flags >> i & 1;
	if (n != n_fds || in->n_listen > CHILD_MAX_LISTEN ||
	    in->n_peer > CHILD_MAX_PEERS || in->n_access_log > CHILD_MAX_LOGS)
		return false;
	in->bundle_fd = flags & HAS_BUNDLE ? *fds++ : -1;
	in->metrics_fd = flags & HAS_METRICS ? *fds++ : -1;
	in->log_fd = flags & HAS_LOG ? *fds++ : -1;
	in->state_fd = flags & HAS_STATE ? *fds++ : -1;
	get_fd_list(in->listen_fd, in->n_listen, &fds);
	get_fd_list(in->peer_fd, in->n_peer, &fds);
	get_fd_list(in->access_log_fd, in->n_access_log, &fds);
	return true;
}

bool
child_wire_get_inheritance(struct slice message, const int *fds, unsigned n_fds,
    struct inheritance *in)
{
	const unsigned char *b = (const unsigned char *)message.p;
	struct slice path = slice_from(message, INHERITANCE_HEAD);

	memset(in, 0, sizeof(*in));
	if (message.len < INHERITANCE_HEAD || b[0] != 'I' ||
	    b[1] != CHILD_WIRE_VERSION || path.len >= sizeof(in->config))
		return false;
	in->log_level = (enum log_level)b[2];
	in->log_kind = (enum log_kind)b[3];
	in->index = be32(b + 4);
	in->count = be32(b + 8);
	in->generation = be32(b + 12);
	in->slot = be32(b + 16);
	in->n_listen = b[20];
	in->n_peer = b[21];
	in->n_access_log = b[22];
	memcpy(in->role, b + 24, sizeof(in->role));
	if (in->log_level > LOG_LEVEL_DEBUG || in->log_kind > LOG_TO_SYSLOG ||
	    in->role[sizeof(in->role) - 1] != '\0')
		return false;
	if (path.len > 0)
		memcpy(in->config, path.p, path.len);
	return get_fds(b[23], fds, n_fds, in);
}

void
child_wire_put_order(
    enum child_message what, uint64_t value, char out[CHILD_WIRE_ORDER_BYTES])
{
	out[0] = 'O';
	out[1] = (char)what;
	put_be64(out + 2, value);
}

bool
child_wire_get_order(struct slice message, struct child_order *o)
{
	if (message.len != CHILD_WIRE_ORDER_BYTES || message.p[0] != 'O' ||
	    message.p[1] <= CHILD_NOTHING || message.p[1] > CHILD_STOP)
		return false;
	o->what = (enum child_message)message.p[1];
	o->value = be64(message.p + 2);
	o->fd = -1;
	return true;
}

size_t
child_wire_put_report(
    enum child_report report, struct slice text, char out[CHILD_WIRE_MAX])
{
	static const char letters[] = {
		[CHILD_REPORT_READY] = 'R',
		[CHILD_REPORT_FAILED] = 'F',
		[CHILD_REPORT_PEER] = 'P',
		[CHILD_REPORT_TELL] = 'T',
	};

	text = slice_first(text, CHILD_WIRE_MAX - 1);
	out[0] = letters[report];
	if (text.len > 0)
		memcpy(out + 1, text.p, text.len);
	return 1 + text.len;
}

bool
child_wire_get_report(
    struct slice message, enum child_report *report, struct slice *text)
{
	if (message.len == 0)
		return false;
	*text = slice_from(message, 1);
	switch (message.p[0]) {
	case 'R':
		*report = CHILD_REPORT_READY;
		return true;
	case 'F':
		*report = CHILD_REPORT_FAILED;
		return true;
	case 'P':
		*report = CHILD_REPORT_PEER;
		return true;
	case 'T':
		*report = CHILD_REPORT_TELL;
		return text->len == 8;
	}
	return false;
}
