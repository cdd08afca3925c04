/*
 * Listening sockets: made, or taken from the service manager.  Runs in the
 * master, at start and on reload.
 *
 * Inherited sockets (LISTEN_FDS, sd_listen_fds(3)) are known by their address
 * and stay open for the master's whole life: a reload that drops an address
 * and another one that wants it again find the same socket.  Other descriptors
 * among them are what the manager has kept for us (FDSTORE), by name.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/listen.h"
#include "common/log.h"
#include "common/number.h"

#define FIRST_INHERITED_FD 3
#define INHERITED_MAX 64
#define KEPT_MAX 4

struct socket {
	struct addr addr;
	int fd;
};

static struct socket inherited[INHERITED_MAX];
static unsigned n_inherited;
/* from the master before us, until that one leaves */
static struct socket adopted[INHERITED_MAX];
static bool is_opened[INHERITED_MAX];
static unsigned n_adopted;
static struct {
	char name[16];
	int fd;
} kept[KEPT_MAX];
static unsigned n_kept;

static char error_text[ADDR_TEXT_MAX + 256];

static int __attribute__((format(printf, 3, 4)))
fail(const struct addr *a, const char **error, const char *fmt, ...)
{
	char text[ADDR_TEXT_MAX];
	va_list ap;
	int n;

	n = snprintf(
	    error_text, sizeof(error_text), "%s: ", addr_format(a, text));
	va_start(ap, fmt);
	vsnprintf(error_text + n, sizeof(error_text) - (size_t)n, fmt, ap);
	va_end(ap);
	*error = error_text;
	return -1;
}

static bool
add(struct socket *list, unsigned *n, int fd)
{
	struct addr a = { .len = sizeof(a.u) };
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (*n == INHERITED_MAX ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 ||
	    !listening || getsockname(fd, &a.u.sa, &a.len) < 0)
		return false;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return false;
	list[*n].addr = a;
	list[*n].fd = fd;
	++*n;
	return true;
}

static bool
keep(int fd, struct slice name)
{
	if (n_kept == KEPT_MAX || name.len == 0 ||
	    name.len >= sizeof(kept[0].name) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return false;
	memcpy(kept[n_kept].name, name.p, name.len);
	kept[n_kept++].fd = fd;
	return true;
}

unsigned
listen_inherit(void)
{
	const char *pid_text = getenv("LISTEN_PID");
	const char *n_text = getenv("LISTEN_FDS");
	const char *names_text = getenv("LISTEN_FDNAMES");
	struct slice names = slice_of(names_text);
	uint64_t pid = 0, n = 0;
	bool is_for_us = number_parse(slice_of(pid_text), &pid) &&
			 number_parse(slice_of(n_text), &n) &&
			 pid == (uint64_t)getpid();

	for (unsigned i = 0; is_for_us && i < n; i++) {
		int fd = FIRST_INHERITED_FD + (int)i;
		struct slice name = SLICE_NONE;

		(void)slice_split(&names, ':', &name);
		if (!add(inherited, &n_inherited, fd) && !keep(fd, name))
			log_warning("LISTEN_FDS: descriptor %d is no listening "
				    "socket",
			    fd);
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return n_inherited;
}

int
listen_take_kept(const char *name)
{
	for (unsigned i = 0; i < n_kept; i++)
		if (strcmp(kept[i].name, name) == 0) {
			int fd = kept[i].fd;

			kept[i] = kept[--n_kept];
			return fd;
		}
	return -1;
}

bool
listen_adopt(int fd, bool is_managers)
{
	if (is_managers)
		return add(inherited, &n_inherited, fd);
	is_opened[n_adopted % INHERITED_MAX] = false;
	return add(adopted, &n_adopted, fd);
}

bool
listen_is_adopted(int fd)
{
	for (unsigned i = 0; i < n_adopted; i++)
		if (adopted[i].fd == fd)
			return true;
	return false;
}

void
listen_end_adoption(void)
{
	while (n_adopted > 0) {
		const struct socket *s = &adopted[--n_adopted];

		if (is_opened[n_adopted])
			continue;
		if (addr_is_unix(&s->addr))
			unlink(s->addr.u.un.sun_path);
		close(s->fd);
	}
}

int
listen_inherited(unsigned i)
{
	return i < n_inherited ? inherited[i].fd : -1;
}

const struct addr *
listen_inherited_addr(unsigned i)
{
	return i < n_inherited ? &inherited[i].addr : NULL;
}

bool
listen_is_inherited(int fd)
{
	for (unsigned i = 0; i < n_inherited; i++)
		if (inherited[i].fd == fd)
			return true;
	return false;
}

static int
find_inherited(const struct addr *a)
{
	for (unsigned i = 0; i < n_inherited; i++)
		if (addr_eq(&inherited[i].addr, a))
			return inherited[i].fd;
	for (unsigned i = 0; i < n_adopted; i++)
		if (addr_eq(&adopted[i].addr, a)) {
			is_opened[i] = true;
			return adopted[i].fd;
		}
	return -1;
}

static int
fail_and_close(
    const struct addr *a, int fd, const char **error, const char *what)
{
	int saved_errno = errno;

	close(fd);
	return fail(a, error, "%s: %s", what, strerror(saved_errno));
}

/* A wildcard of the service manager's takes the port of every address. */
static const struct addr *
inherited_with_port_of(const struct addr *a)
{
	for (unsigned i = 0; i < n_inherited; i++)
		if (inherited[i].addr.u.sa.sa_family == a->u.sa.sa_family &&
		    addr_port(&inherited[i].addr) == addr_port(a))
			return &inherited[i].addr;
	return NULL;
}

static int
fail_to_bind(const struct addr *a, int fd, const char **error)
{
	const struct addr *other =
	    errno == EADDRINUSE ? inherited_with_port_of(a) : NULL;
	char text[ADDR_TEXT_MAX];

	if (errno == EACCES)
		return fail_and_close(a, fd, error,
		    "bind (a port below 1024 needs root or "
		    "CAP_NET_BIND_SERVICE)");
	if (other == NULL)
		return fail_and_close(a, fd, error, "bind");
	close(fd);
	return fail(a, error,
	    "bind: the service manager listens on %s: write the same address "
	    "here and in its .socket unit",
	    addr_format(other, text));
}

static int
open_inet(const struct addr *a, const char **error)
{
	static const int on = 1;
	int fd = socket(
	    a->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fail(a, error, "socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return fail_and_close(a, fd, error, "SO_REUSEADDR");
	/* 0.0.0.0:443 and [::]:443 stand beside each other */
	if (a->u.sa.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return fail_and_close(a, fd, error, "IPV6_V6ONLY");
	if (bind(fd, &a->u.sa, a->len) < 0)
		return fail_to_bind(a, fd, error);
	if (listen(fd, LISTEN_BACKLOG) < 0)
		return fail_and_close(a, fd, error, "listen");
	return fd;
}

/* True when somebody listens on the socket file. */
static bool
is_in_use(const struct addr *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool in_use;

	if (fd < 0)
		return true;
	in_use = connect(fd, &a->u.sa, a->len) == 0 || errno != ECONNREFUSED;
	close(fd);
	return in_use;
}

/* Makes the path free.  0, or -1 with *error. */
static int
clear_path(const struct addr *a, const char **error)
{
	const char *path = a->u.un.sun_path;
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return fail(a, error, "%s", strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode))
		return fail(a, error, "exists and is not a socket");
	if (is_in_use(a))
		return fail(a, error, "another process listens there");
	if (unlink(path) < 0)
		return fail(a, error, "cannot replace: %s", strerror(errno));
	return 0;
}

static int
open_unix(const struct addr *a, uid_t owner, gid_t group, const char **error)
{
	int fd, bound;
	mode_t mask;

	if (clear_path(a, error) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(a, error, "socket: %s", strerror(errno));
	/* 0600 from the first moment, not after a chmod() */
	mask = umask(0177);
	bound = bind(fd, &a->u.sa, a->len);
	umask(mask);
	if (bound < 0)
		return fail_and_close(a, fd, error, "bind");
	if (listen_chown(a, owner, group) < 0) {
		unlink(a->u.un.sun_path);
		return fail_and_close(a, fd, error, "chown");
	}
	if (listen(fd, LISTEN_BACKLOG) < 0) {
		unlink(a->u.un.sun_path);
		return fail_and_close(a, fd, error, "listen");
	}
	return fd;
}

int
listen_chown(const struct addr *a, uid_t owner, gid_t group)
{
	if (owner == (uid_t)-1 || (geteuid() != 0 && owner == geteuid()))
		return 0;
	return lchown(a->u.un.sun_path, owner, group);
}

int
listen_open(const struct addr *a, uid_t owner, gid_t group, const char **error)
{
	int fd = find_inherited(a);

	if (fd >= 0)
		return fd;
	if (addr_is_unix(a))
		return open_unix(a, owner, group, error);
	return open_inet(a, error);
}
