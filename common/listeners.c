/*
 * The listening sockets that a master holds.  Runs in the master.
 *
 * A socket file goes with its socket, at the beginning of a drain and not at
 * its end: until then the next process may have put its own in that place.
 * For the same reason a file that is no longer the one we made stays.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/listen.h"
#include "common/listeners.h"
#include "common/log.h"
#include "common/mem.h"

struct listener {
	LIST_ENTRY(listener) entry;
	struct addr addr;
	uid_t owner;
	int fd;    /* owned, unless inherited */
	dev_t dev; /* of the socket file that we made; ino 0: none */
	ino_t ino;
};

struct listeners {
	LIST_HEAD(, listener) list;
};

struct listeners *
listeners_new(void)
{
	struct listeners *l = mem_need(sizeof(*l));

	LIST_INIT(&l->list);
	return l;
}

static struct listener *
find(struct listeners *l, const struct addr *a)
{
	struct listener *i;

	LIST_FOREACH (i, &l->list, entry)
		if (addr_eq(&i->addr, a))
			return i;
	return NULL;
}

/*
 * 192.0.2.1:443 in the place of 0.0.0.0:443: the kernel refuses the one while
 * we have the other, which the old generation still needs.
 */
static void
explain_failure(
    const struct listeners *l, const struct addr *a, const char **error)
{
	static char explained[1024];
	char text[ADDR_TEXT_MAX];
	const struct listener *i;

	LIST_FOREACH (i, &l->list, entry) {
		if (addr_is_unix(a) || addr_port(&i->addr) != addr_port(a) ||
		    i->addr.u.sa.sa_family != a->u.sa.sa_family)
			continue;
		snprintf(explained, sizeof(explained),
		    "%s; we listen on %s ourselves: this change takes a "
		    "restart",
		    *error, addr_format(&i->addr, text));
		*error = explained;
		return;
	}
}

static struct listener *
add(struct listeners *l, const struct plan_listen *want, const char **error)
{
	int fd = listen_open(&want->addr, want->owner, want->group, error);
	struct listener *i;
	struct stat st;

	if (fd < 0) {
		explain_failure(l, &want->addr, error);
		return NULL;
	}
	i = mem_need(sizeof(*i));
	i->addr = want->addr;
	/* of the former master's we do not know: listeners_keep() asks */
	i->owner = listen_is_adopted(fd) ? (uid_t)-1 : want->owner;
	i->fd = fd;
	if (addr_is_unix(&i->addr) && !listen_is_inherited(fd) &&
	    lstat(i->addr.u.un.sun_path, &st) == 0) {
		i->dev = st.st_dev;
		i->ino = st.st_ino;
	}
	LIST_INSERT_HEAD(&l->list, i, entry);
	return i;
}

/* Another user connects from now on. */
static void
change_owner(struct listener *i, const struct plan_listen *want)
{
	char text[ADDR_TEXT_MAX];

	if (i->ino == 0 || i->owner == want->owner)
		return;
	if (listen_chown(&i->addr, want->owner, want->group) < 0)
		log_error("%s: chown: %s", addr_format(&i->addr, text),
		    strerror(errno));
	i->owner = want->owner;
}

bool
listeners_take(struct listeners *l, const struct plan *p,
    int fds[CHILD_MAX_LISTEN], const char **error)
{
	CHECK(p->n_listen <= CHILD_MAX_LISTEN);
	for (unsigned n = 0; n < p->n_listen; n++) {
		struct listener *i = find(l, &p->listen[n].addr);

		if (i == NULL)
			i = add(l, &p->listen[n], error);
		if (i == NULL)
			return false;
		fds[n] = i->fd;
	}
	return true;
}

static void
remove_listener(struct listener *i)
{
	const char *path = i->addr.u.un.sun_path;
	struct stat st;

	LIST_REMOVE(i, entry);
	if (i->ino != 0 && !listen_is_adopted(i->fd) && lstat(path, &st) == 0 &&
	    st.st_dev == i->dev && st.st_ino == i->ino)
		unlink(path);
	if (!listen_is_inherited(i->fd))
		close(i->fd);
	mem_free(i);
}

/* NULL: the plan does not name it. */
static const struct plan_listen *
find_in_plan(const struct plan *p, const struct addr *a)
{
	for (unsigned n = 0; p != NULL && n < p->n_listen; n++)
		if (addr_eq(&p->listen[n].addr, a))
			return &p->listen[n];
	return NULL;
}

void
listeners_keep(struct listeners *l, const struct plan *p)
{
	struct listener *i, *next;

	for (i = LIST_FIRST(&l->list); i != NULL; i = next) {
		const struct plan_listen *want = find_in_plan(p, &i->addr);

		next = LIST_NEXT(i, entry);
		if (want == NULL)
			remove_listener(i);
		else
			change_owner(i, want);
	}
}

void
listeners_warn_unused(const struct plan *p, int admin_fd)
{
	const struct addr *a;
	char text[ADDR_TEXT_MAX];

	for (unsigned i = 0; (a = listen_inherited_addr(i)) != NULL; i++)
		if (find_in_plan(p, a) == NULL &&
		    listen_inherited(i) != admin_fd)
			log_warning("%s: the service manager listens there and "
				    "no section does: clients wait for ever; "
				    "write it as an address, or take it out "
				    "of the .socket unit",
			    addr_format(a, text));
}

unsigned
listeners_list(const struct listeners *l, int fds[CHILD_MAX_LISTEN])
{
	const struct listener *i;
	unsigned n = 0;

	LIST_FOREACH (i, &l->list, entry)
		if (!listen_is_inherited(i->fd) && n < CHILD_MAX_LISTEN)
			fds[n++] = i->fd;
	return n;
}

void
listeners_leave_files(struct listeners *l)
{
	struct listener *i;

	LIST_FOREACH (i, &l->list, entry)
		i->ino = 0;
}

void
listeners_free(struct listeners *l)
{
	listeners_keep(l, NULL);
	mem_free(l);
}
