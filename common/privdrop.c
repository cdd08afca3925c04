/*
 * From root to nobody in particular.  Runs at the start of each child, once
 * everything that needs root is open; the master stays who it is.
 *
 * The order matters: the user is looked up while /etc is still there, chroot
 * needs root, groups go before the user, and the kernel forgets "not
 * dumpable" and the parent's death signal when the user changes, so those two
 * come last.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/privdrop.h"

static char error_text[256];

static bool __attribute__((format(printf, 2, 3)))
refuse(const char **error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error_text, sizeof(error_text), fmt, ap);
	va_end(ap);
	*error = error_text;
	return false;
}

bool
privdrop_lookup(const char *user, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = getpwnam(user);

	if (pw == NULL)
		return false;
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return true;
}

static bool
change_root(const char *dir, const char **error)
{
	if (chroot(dir) < 0 || chdir("/") < 0)
		return refuse(error, "chroot to %s: %s", dir, strerror(errno));
	return true;
}

static bool
change_user(const char *user, uid_t uid, gid_t gid, const char **error)
{
	uid_t r, e, s;

	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return refuse(
		    error, "change to user %s: %s", user, strerror(errno));
	if (getresuid(&r, &e, &s) < 0 || r != uid || e != uid || s != uid ||
	    setuid(0) == 0)
		return refuse(
		    error, "change to user %s: root can come back", user);
	return true;
}

static bool
lock_up(const char **error)
{
	static const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return refuse(error, "no core dumps, death with the master: %s",
		    strerror(errno));
	return true;
}

bool
privdrop(const struct privdrop *p, const char **error)
{
	bool is_root = geteuid() == 0;
	uid_t uid = 0;
	gid_t gid = 0;

	if (p->user != NULL && !privdrop_lookup(p->user, &uid, &gid))
		return refuse(error, "there is no user %s", p->user);
	if (p->user != NULL && is_root && uid == 0)
		return refuse(error, "user %s is root: name another", p->user);
	if (p->chroot != NULL && is_root && !change_root(p->chroot, error))
		return false;
	if (p->user != NULL && is_root &&
	    !change_user(p->user, uid, gid, error))
		return false;
	return lock_up(error);
}
