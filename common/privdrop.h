/*
 * From root to nobody in particular.  Runs at the start of each child.
 */
#ifndef COMMON_PRIVDROP_H
#define COMMON_PRIVDROP_H

#include <stdbool.h>
#include <sys/types.h>

struct privdrop {
	const char *user;   /* NULL: stay who we are */
	const char *chroot; /* NULL: none; only as root */
};

/*
 * No core dumps, not dumpable, SIGKILL when the parent dies (set after the
 * change of user, which clears it), then chroot, groups, gid, uid; checks
 * that root cannot come back.  A process that is not root skips what needs
 * it.  False: *error is a text valid until the next call.
 */
bool privdrop(const struct privdrop *p, const char **error);

/* Look-up for configuration checks; false when there is no such user. */
bool privdrop_lookup(const char *user, uid_t *uid, gid_t *gid);

#endif
